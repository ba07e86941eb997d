/* SPDX-License-Identifier: Apache-2.0
 *
 * The interface of ../include/runtime.h on top of the official tools: put this
 * folder before the official include folders and build with fec.mk as usual.
 * What the official libraries do not offer is done here, slower but the same.
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <debug.h>
#include <sark.h>
#include <simulation.h>
#include <spin1_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <wfi.h>

#ifndef TX_NOT_FULL_MASK
#define TX_NOT_FULL_MASK 0x10000000u
#endif

#define RUNTIME_FIQ_HANDLER void __attribute__((interrupt("FIQ")))

/* Starting the scheduler sets the interrupt controller up anew, so the handler
 * goes in by the first scheduled task, which runs before any start barrier. */
static inline void runtime_install_fiq_now(uint vic_source, uint handler)
{
    uint cpsr = spin1_int_disable();
    sark_vic_set(SLOT_FIQ, vic_source, 1, (int_handler) handler);
    spin1_mode_restore(cpsr);
}

static inline void runtime_install_fiq(uint vic_source, void (*handler)(void))
{
    runtime_install_fiq_now(vic_source, (uint) handler);
    spin1_schedule_callback(runtime_install_fiq_now, vic_source, (uint) handler, 1);
}

static inline void runtime_remove_fiq(void)
{
    vic[VIC_SELECT] = 0;
}

static inline void runtime_set_fiq_registers(const uint32_t values[5])
{
    uint cpsr = spin1_int_disable();
    asm volatile(
            "mrs r3, cpsr\n\t"
            "msr cpsr_c, #0xd1\n\t"
            "ldmia %0, {r8-r12}\n\t"
            "msr cpsr_c, r3"
            : : "r"(values) : "r3", "memory");
    spin1_mode_restore(cpsr);
}

static inline void runtime_get_fiq_registers(uint32_t values[5])
{
    uint cpsr = spin1_int_disable();
    asm volatile(
            "mrs r3, cpsr\n\t"
            "msr cpsr_c, #0xd1\n\t"
            "stmia %0, {r8-r12}\n\t"
            "msr cpsr_c, r3"
            : : "r"(values) : "r3", "memory");
    spin1_mode_restore(cpsr);
}

/* Timer 2 is started by the first reading. */
static inline uint32_t runtime_cycles(void)
{
    if ((tc[T2_CONTROL] & 0x80) == 0) {
        tc[T2_LOAD] = 0xffffffff;
        tc[T2_CONTROL] = 0x82;
    }
    return ~tc[T2_COUNT];
}

static inline bool runtime_can_send(void)
{
    return (cc[CC_TCR] & TX_NOT_FULL_MASK) != 0;
}

static inline void runtime_send(uint32_t key, uint32_t payload)
{
    while (!runtime_can_send()) {
        continue;
    }
    cc[CC_TXDATA] = payload;
    cc[CC_TXKEY] = key;
}

static inline void runtime_send_key(uint32_t key)
{
    while (!runtime_can_send()) {
        continue;
    }
    cc[CC_TXKEY] = key;
}

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

/* The official scheduler sleeps without telling: a task that queues itself again runs whenever there is nothing else to do, and the core
 * does not sleep between two runs. */
static inline void runtime_idle_task(uint function, uint unused)
{
    (void) unused;
    ((void (*)(void)) function)();
    spin1_schedule_callback(runtime_idle_task, function, 0, 4);
}

static inline void runtime_while_idle(void (*function)(void))
{
    spin1_schedule_callback(runtime_idle_task, (uint) function, 0, 4);
}

/* The official scheduler keeps it to itself. */
static inline bool runtime_stop_requested(void)
{
    return false;
}

/* The official library tells of completed transfers by a callback only. */
static volatile uint runtime_last_dma_done;

static inline void runtime_note_dma_done(uint transfer_id, uint tag)
{
    (void) tag;
    runtime_last_dma_done = transfer_id;
}

static inline bool runtime_dma_is_done(uint transfer_id)
{
    return (int) (runtime_last_dma_done - transfer_id) >= 0;
}

static inline void runtime_dma_wait(uint transfer_id)
{
    spin1_callback_on(DMA_TRANSFER_DONE, runtime_note_dma_done, 0);
    runtime_sleep_while(!runtime_dma_is_done(transfer_id));
}

#define runtime_fail_with(code, ...) \
    do {                             \
        log_error(__VA_ARGS__);      \
        rt_error(code);              \
    } while (0)
#define runtime_fail(...) runtime_fail_with(RTE_SWERR, __VA_ARGS__)

static inline bool runtime_send_to_host(uint tag, const void *data, uint bytes)
{
    static sdp_msg_t msg;

    if (bytes > 272) {
        return false;
    }
    msg.flags = 0x07;
    msg.tag = tag;
    msg.dest_port = PORT_ETH;
    msg.dest_addr = sv->eth_addr;
    msg.srce_port = (1 << PORT_SHIFT) | sark_core_id();
    msg.srce_addr = sv->p2p_addr;
    msg.length = 8 + bytes;
    spin1_memcpy(&msg.cmd_rc, data, bytes);
    return spin1_send_sdp_msg(&msg, 10) != 0;
}

static inline uint runtime_stack_free(void)
{
    return 0;
}

#endif
