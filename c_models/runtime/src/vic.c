/* SPDX-License-Identifier: Apache-2.0
 * The interrupt controller and the FIQ vector. */
#include "internal.h"
#include <runtime.h>

#define N_VECTORS 16
#define FIQ_VECTOR 0x1cu
#define LDR_FIQ_FROM_TABLE 0xe59ff018u /* ldr pc, [pc, #24]: sark_vec->fiq_vec */
#define BRANCH 0xea000000u

/* ITCM starts at address 0, which compilers take for a null pointer. */
static void set_fiq_vector(uint instruction)
{
    volatile uint *vector = (volatile uint *) FIQ_VECTOR;
    __asm__ volatile("" : "+r"(vector));
    *vector = instruction;
}

void runtime_vic_init(void)
{
    vic[VIC_DISABLE] = 0xffffffffu;
    vic[VIC_SELECT] = 0;
    vic[VIC_SOFT_CLR] = 0xffffffffu;
    for (uint i = 0; i < N_VECTORS; i++) {
        vic[VIC_CNTL + i] = 0;
        vic[VIC_ADDR + i] = (uint) runtime_unset_vector;
        vic[VIC_VADDR] = 0; /* end whatever was being handled */
    }
    vic[VIC_DEFADDR] = (uint) runtime_irq_spurious;
}

void sark_vic_set(vic_slot slot, uint interrupt, uint enable, int_handler handler)
{
    uint source = 1u << interrupt;

    vic[VIC_DISABLE] = source;
    if (slot == SLOT_FIQ) {
        sark_vec->fiq_vec = handler;
        set_fiq_vector(LDR_FIQ_FROM_TABLE);
        vic[VIC_SELECT] = source;
    } else {
        vic[VIC_ADDR + slot] = (uint) handler;
        vic[VIC_CNTL + slot] = VIC_VECTOR_ENABLE | interrupt;
    }
    if (enable) {
        vic[VIC_ENABLE] = source;
    }
}

/* A branch in the vector itself saves two cycles over loading the address. */
void runtime_install_fiq(uint vic_source, void (*handler)(void))
{
    uint target = (uint) handler;

    if ((target & 3) != 0 || target >= ITCM_TOP) {
        rt_error(RTE_API, target);
    }
    sark_vic_set(SLOT_FIQ, vic_source, 0, handler);
    set_fiq_vector(BRANCH | ((target - FIQ_VECTOR - 8) >> 2 & 0xffffffu));
    vic[VIC_ENABLE] = 1u << vic_source;
}

/* Its IRQ vector, which throws packets away, is still in place. */
void runtime_remove_fiq(void)
{
    uint cpsr = spin1_int_disable();
    vic[VIC_SELECT] = 0;
    spin1_mode_restore(cpsr);
}
