/* SPDX-License-Identifier: Apache-2.0
 * What the parts of the runtime tell each other; not for programs. */
#ifndef RUNTIME_INTERNAL_H
#define RUNTIME_INTERNAL_H

#include <stdarg.h>
#include <stdbool.h>
#include <spin1_api.h>

/* The version of SC&MP's interface that this runtime speaks: 4.0.0. */
#define INTERFACE_VERSION 0x040000u

/* Vectors of the VIC, highest priority first. The mailbox is the lowest, so
 * that its handler can be interrupted by all others. */
#define SLOT_MULTICAST SLOT_0
#define SLOT_FIXED_ROUTE SLOT_1
#define SLOT_DMA SLOT_2
#define SLOT_TIMER SLOT_3
#define SLOT_USER SLOT_4
#define SLOT_MAILBOX SLOT_15

#define VIC_VECTOR_ENABLE 0x20u

/* Of the linker script. */
extern uint __heap_base[], __stack_base[], __stack_top[], __itcm_end[];

/* Of the build: name of the binary, up to 15 characters. */
extern const char build_name[16];

/* Interrupt handlers in start.S. */
void runtime_irq_mailbox(void);
void runtime_irq_multicast(void);
void runtime_irq_fixed_route(void);
void runtime_irq_dma(void);
void runtime_irq_timer(void);
void runtime_irq_user(void);
void runtime_irq_spurious(void);
void runtime_fiq_multicast(void);
void runtime_unset_vector(void);
void runtime_spin(uint loops);

/* What they call; `pc` is where the program was interrupted. */
void runtime_mailbox(uint pc);
void runtime_multicast(void);
void runtime_fixed_route(void);
void runtime_dma_complete(void);
void runtime_timer_tick(void);
void runtime_user_event(void);

/* Events (events.c). */
typedef struct {
    callback_t function;
    int priority;
} event_callback_t;
extern event_callback_t event_callbacks[NUM_EVENTS];

/* Call the event's callback now or queue it; IRQ is masked. */
void runtime_event(uint event_id, uint arg0, uint arg1);
bool runtime_exit_requested(void);

/* Waiting for SYNC0/SYNC1 (barrier.c). */
void runtime_show_barrier(void);      /* state SYNC0 or SYNC1 */
bool runtime_barrier_is_closed(void);
void runtime_pass_barrier(void);      /* sleep until it opens */

void runtime_vic_init(void);
void runtime_packets_init(void);
void runtime_dma_init(void);
void runtime_timers_init(void);
void runtime_timer_start(void);
void runtime_timer_stop(void);

/* Answer a command that SARK itself answers, on SDP port 0 (scp.c): turns `msg`
 * into its reply. */
void runtime_answer_scp(sdp_msg_t *msg);

/* Swap sender and receiver. */
void runtime_turn_round(sdp_msg_t *msg);

/* Text (print.c): call `put` for every character. */
void runtime_format(void (*put)(uint character), const char *format, va_list arguments);

/* IOBUF (iobuf.c): several parts of one line, with IRQ masked. */
void runtime_iobuf_put(uint character);

#endif
