/* SPDX-License-Identifier: Apache-2.0
 *
 * What our vertices need beyond the stock interface: bare FIQ handlers, a cycle
 * counter, packets without a software queue, waiting asleep, and failing with a
 * message. `official/runtime.h` offers the same on top of the official tools.
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <debug.h>
#include <sark.h>
#include <spin1_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <wfi.h>

/* ---- bare FIQ handlers -------------------------------------------------------
 *
 * One interrupt source can be the FIQ. Its handler is entered straight from the
 * exception vector: no register is saved, no callback looked up. r8 to r12 are
 * banked: a handler in assembly finds in them what it left there, and returns
 * with "subs pc, lr, #4". It must not print, allocate, send SDP or take locks.
 */

/* For a handler written in C (the compiler saves what it uses). ARM state. */
#define RUNTIME_FIQ_HANDLER void __attribute__((interrupt("FIQ")))

/* Make `handler` the FIQ handler of one interrupt (CC_MC_INT, ...), and enable
 * it. The handler must be ARM code in ITCM. Call it before simulation_run(). */
void runtime_install_fiq(uint vic_source, void (*handler)(void));

/* Mask the source again; its packets are then thrown away as before. */
void runtime_remove_fiq(void);

/* Set or read r8 to r12 of the FIQ mode. */
void runtime_set_fiq_registers(const uint32_t values[5]);
void runtime_get_fiq_registers(uint32_t values[5]);

/* ---- cycle counter -----------------------------------------------------------
 *
 * Timer 2 runs freely at the clock of the core (200 MHz); it wraps after 21 s.
 * Differences of two readings are cycles, about 6 of them the reading itself. */
static inline uint32_t runtime_cycles(void)
{
    return ~tc[T2_COUNT];
}

/* Say that timer 1 runs at an interval of so many cycles, which the program itself
 * gives it while it has a callback for TIMER_TICK and no time steps. Call it before
 * simulation_run(). Here nothing else touches the timer then. */
static inline void runtime_timer_interval(uint cycles)
{
    (void) cycles;
}

/* ---- packets -------------------------------------------------------------------
 *
 * The transmit control register stays at "multicast". Writing TXDATA gives the
 * next packet a payload, writing TXKEY sends it. Only one context of a core
 * (thread mode, or one interrupt level) may send. */

/* True if the transmitter has room for a packet. */
static inline bool runtime_can_send(void)
{
    return (cc[CC_TCR] & TX_NOT_FULL_MASK) != 0;
}

/* Send a multicast packet with payload; waits while the transmitter is full. */
static inline void runtime_send(uint32_t key, uint32_t payload)
{
    while (!runtime_can_send()) {
    }
    cc[CC_TXDATA] = payload;
    cc[CC_TXKEY] = key;
}

/* Send a multicast packet without payload. */
static inline void runtime_send_key(uint32_t key)
{
    while (!runtime_can_send()) {
    }
    cc[CC_TXKEY] = key;
}

/* ---- waiting --------------------------------------------------------------------- */

/* Sleep as long as `condition` holds. It is evaluated with interrupts masked and
 * again after every interrupt, so an interrupt handler that changes it is never
 * missed. Commands of the host are answered meanwhile. */
#define runtime_sleep_while(condition)         \
    do {                                       \
        uint cpsr_ = spin1_int_disable();      \
        bool asleep_ = (condition);            \
        if (asleep_) {                         \
            wait_for_interrupt();              \
        }                                      \
        spin1_mode_restore(cpsr_);             \
        if (!asleep_) {                        \
            break;                             \
        }                                      \
    } while (true)

/* True once the host asked to pause or stop, or the core was told to exit; a
 * long callback looks at it between two pieces of work and then ends its run. */
bool runtime_stop_requested(void);

/* Call `function` whenever a core that is in no callback has been woken, before it sleeps again. */
void runtime_while_idle(void (*function)(void));

/* ---- DMA ------------------------------------------------------------------------- */

/* True if the transfer with this id (from spin1_dma_transfer()) is complete. */
bool runtime_dma_is_done(uint transfer_id);

/* Sleep until it is. */
static inline void runtime_dma_wait(uint transfer_id)
{
    runtime_sleep_while(!runtime_dma_is_done(transfer_id));
}

/* ---- failing ----------------------------------------------------------------------- */

/* Write "[ERROR] (file: line): message" to IOBUF and end in state RTE. */
#define runtime_fail(...) runtime_fail_with(RTE_SWERR, __VA_ARGS__)

/* The same with another error code. */
#define runtime_fail_with(code, ...) \
    runtime_fail_at((code), RUNTIME_FILE, __LINE__, __VA_ARGS__)

void runtime_fail_at(uint code, const char *file, uint line, const char *format, ...)
        NORETURN;

/* ---- other ---------------------------------------------------------------------------- */

/* Send `bytes` (at most 272) of data to the host through IP tag `tag`. */
bool runtime_send_to_host(uint tag, const void *data, uint bytes);

/* Bytes of the main stack that were never used since the program started. */
uint runtime_stack_free(void);

#endif
