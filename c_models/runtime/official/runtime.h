/* SPDX-License-Identifier: Apache-2.0
 *
 * The interface of ../include/runtime.h on top of the official tools. This folder
 * comes before theirs: ../../official.py. What the official libraries do not offer
 * is done here, slower but the same.
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

/* For the queue in front of the DMA controller; its other types have names that
 * programs have too. */
#define packet_t spin1_packet_t
#define task_t spin1_task_t
#define copy_t spin1_copy_t
#define callback spin1_callbacks
#include <spin1_api_params.h>
#undef packet_t
#undef task_t
#undef copy_t
#undef callback

extern dma_queue_t dma_queue;

#ifndef TX_NOT_FULL_MASK
#define TX_NOT_FULL_MASK 0x10000000u
#endif

#ifdef __thumb__
#define wait_for_interrupt cpu_wfi /* the official one is an instruction that Thumb code lacks */
#endif

/* ---- bare FIQ handlers ------------------------------------------------------- */

#define RUNTIME_FIQ_HANDLER void __attribute__((interrupt("FIQ")))

static inline void runtime_install_fiq_now(uint vic_source, uint handler)
{
    uint cpsr = spin1_int_disable();
    sark_vic_set(SLOT_FIQ, vic_source, 1, (int_handler) handler);
    spin1_mode_restore(cpsr);
}

/* Starting the scheduler sets the interrupt controller up anew, so the handler
 * goes in by the first scheduled task, which runs before any start barrier. */
static inline void runtime_install_fiq(uint vic_source, void (*handler)(void))
{
    spin1_schedule_callback(runtime_install_fiq_now, vic_source, (uint) handler, 1);
}

static inline void runtime_remove_fiq(void)
{
    vic[VIC_SELECT] = 0;
}

/* Thumb code cannot change the mode. The address is in a register that all modes
 * share. */
static __attribute__((target("arm"), noinline, unused))
void runtime_set_fiq_registers(const uint32_t values[5])
{
    register const uint32_t *from __asm__("r0") = values;
    __asm__ volatile(
            "mrs r1, cpsr\n\t"
            "msr cpsr_c, #0xd1\n\t"
            "ldmia %0, {r8-r12}\n\t"
            "msr cpsr_c, r1"
            : : "r"(from) : "r1", "memory");
}

static __attribute__((target("arm"), noinline, unused))
void runtime_get_fiq_registers(uint32_t values[5])
{
    register uint32_t *to __asm__("r0") = values;
    __asm__ volatile(
            "mrs r1, cpsr\n\t"
            "msr cpsr_c, #0xd1\n\t"
            "stmia %0, {r8-r12}\n\t"
            "msr cpsr_c, r1"
            : : "r"(to) : "r1", "memory");
}

/* ---- timers ------------------------------------------------------------------ */

/* Timer 2 is started by the first reading. Once in a program, to save room. */
__attribute__((weak)) uint32_t runtime_cycles(void)
{
    if ((tc[T2_CONTROL] & 0x80) == 0) {
        tc[T2_LOAD] = 0xffffffff;
        tc[T2_CONTROL] = 0x82; /* enabled, runs freely, 32 bits */
    }
    return ~tc[T2_COUNT];
}

/* The official handler of timer 1 loads it with the interval of the time steps. */
static inline void runtime_timer_interval(uint cycles)
{
    spin1_set_timer_tick(cycles / sv->cpu_clk);
}

/* ---- packets ----------------------------------------------------------------- */

static inline bool runtime_can_send(void)
{
    return (cc[CC_TCR] & TX_NOT_FULL_MASK) != 0;
}

static inline void runtime_send(uint32_t key, uint32_t payload)
{
    while (!runtime_can_send()) {
    }
    cc[CC_TXDATA] = payload;
    cc[CC_TXKEY] = key;
}

static inline void runtime_send_key(uint32_t key)
{
    while (!runtime_can_send()) {
    }
    cc[CC_TXKEY] = key;
}

/* ---- waiting ----------------------------------------------------------------- */

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

/* The official scheduler keeps it to itself. */
static inline bool runtime_stop_requested(void)
{
    return false;
}

/* The official scheduler sleeps without telling, so the task of the lowest priority
 * sleeps in its place and queues itself again. A message that came since it last ran
 * may have queued a task behind the scheduler's back: then it does not sleep but lets
 * the scheduler look first. Only messages may queue tasks: other events have
 * priority 0 or -1. */
static inline void runtime_idle_task(uint function, uint messages_before)
{
    ((void (*)(void)) function)();
    uint cpsr = spin1_int_disable();
    uint messages = *(volatile uint *) &sark.msg_rcvd;
    if (messages == messages_before) {
        wait_for_interrupt();
    }
    spin1_mode_restore(cpsr);
    spin1_schedule_callback(runtime_idle_task, function, messages, 4);
}

static inline void runtime_while_idle(void (*function)(void))
{
    spin1_schedule_callback(runtime_idle_task, (uint) function, 0, 4);
}

/* ---- DMA --------------------------------------------------------------------- */

/* A transfer is done once it has left the official queue, which the interrupt that
 * simulation_initialise() asks for takes it from. */
static inline bool runtime_dma_is_done(uint transfer_id)
{
    uint start = *(volatile uint *) &dma_queue.start;

    return start == *(volatile uint *) &dma_queue.end
            || (int) (*(volatile uint *) &dma_queue.queue[start].id - transfer_id) > 0;
}

static inline void runtime_dma_wait(uint transfer_id)
{
    runtime_sleep_while(!runtime_dma_is_done(transfer_id));
}

/* ---- failing ----------------------------------------------------------------- */

#define runtime_fail_with(code, ...) \
    do {                             \
        log_error(__VA_ARGS__);      \
        rt_error(code);              \
    } while (0)
#define runtime_fail(...) runtime_fail_with(RTE_SWERR, __VA_ARGS__)

/* ---- other ------------------------------------------------------------------- */

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
    const sark_vec_t *stacks = sark_vec;
    __asm__("" : "+r"(stacks)); /* compilers take a pointer to 0x20 for a mistake */
    uint *base = stacks->stack_top - stacks->stack_size / sizeof(uint);
    uint *word = base;

    while (word < stacks->stack_top && *word == stacks->stack_fill) {
        word++;
    }
    return (uint) ((uchar *) word - (uchar *) base);
}

#endif
