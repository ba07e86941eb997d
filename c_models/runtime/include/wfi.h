/* SPDX-License-Identifier: Apache-2.0
 * Sleep until an interrupt is pending. */
#ifndef WFI_H
#define WFI_H

/* Stops the clock of the core until an enabled interrupt source asserts.
 *
 * It returns even when IRQ and FIQ are masked in the CPSR, and then the
 * interrupt is still pending. Mask, test the condition, sleep, unmask: in this
 * order no wake-up between test and sleep is lost. */
#ifdef __thumb__
void wait_for_interrupt(void);
#else
static inline void wait_for_interrupt(void)
{
    __asm__ volatile("mcr p15, 0, %0, c7, c0, 4" : : "r"(0) : "memory");
}
#endif

#endif
