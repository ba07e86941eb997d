/* SPDX-License-Identifier: Apache-2.0
 *
 * The subset of the SpiNNaker API that this runtime offers, under the same
 * names: events with callbacks, a small scheduler, timer, DMA, packets and SDP.
 */
#ifndef SPIN1_API_H
#define SPIN1_API_H

#include <sark.h>
#include <stdbool.h>

#ifndef TRUE
#define TRUE (0 == 0)
#define FALSE (0 != 0)
#endif
#define SUCCESS ((uint) 1)
#define FAILURE ((uint) 0)

/* Events that callbacks can be set for. */
enum {
    MC_PACKET_RECEIVED = 0,   /* callback(key, 0) */
    DMA_TRANSFER_DONE = 1,    /* callback(transfer id, tag) */
    TIMER_TICK = 2,           /* callback(ticks, 0) */
    SDP_PACKET_RX = 3,        /* callback(address of the sdp_msg_t, port) */
    USER_EVENT = 4,           /* callback(arg0, arg1) */
    MCPL_PACKET_RECEIVED = 5, /* callback(key, payload) */
    FR_PACKET_RECEIVED = 6,
    FRPL_PACKET_RECEIVED = 7,
    NUM_EVENTS = 8
};

enum { DMA_READ = 0, DMA_WRITE = 1 }; /* to DTCM; to SDRAM */
enum { NO_PAYLOAD = 0, WITH_PAYLOAD = 1 };

typedef void (*callback_t)(uint, uint);

/* Counters of things that went wrong; the first six provenance words. */
typedef struct {
    uint exit_code;
    uint warnings;
    uint total_mc_packets;
    uint dumped_mc_packets;
    volatile uint discarded_mc_packets;
    uint dma_transfers;
    uint dma_bursts;
    uint dma_queue_full;
    uint task_queue_full;
    uint tx_packet_queue_full;
    uint user_event_queue_full;
    uint writeBack_errors;
    uint total_fr_packets;
    uint dumped_fr_packets;
    uint discarded_fr_packets;
    uint in_timer_callback;
    uint number_timer_tic_in_queue;
    uint largest_number_of_concurrent_timer_tic_overruns;
    uint total_times_tick_tic_callback_overran;
} diagnostics_t;
extern diagnostics_t diagnostics;

/* ---- interrupts -------------------------------------------------------------- */

#ifdef __thumb__
uint spin1_irq_disable(void);
uint spin1_fiq_disable(void);
uint spin1_int_disable(void);
void spin1_mode_restore(uint value);
#else
/* Set bits in the CPSR; returns the CPSR as it was. */
#define RUNTIME_MASK_INTERRUPTS(bits)                                     \
    ({                                                                    \
        uint old_, new_;                                                  \
        __asm__ volatile("mrs %0, cpsr\n\torr %1, %0, %2\n\tmsr cpsr_c, %1" \
                         : "=&r"(old_), "=&r"(new_)                       \
                         : "I"(bits)                                      \
                         : "memory");                                     \
        old_;                                                             \
    })
static inline uint spin1_irq_disable(void) { return RUNTIME_MASK_INTERRUPTS(0x80); }
static inline uint spin1_fiq_disable(void) { return RUNTIME_MASK_INTERRUPTS(0x40); }
static inline uint spin1_int_disable(void) { return RUNTIME_MASK_INTERRUPTS(0xc0); }
static inline void spin1_mode_restore(uint value)
{
    __asm__ volatile("msr cpsr_c, %0" : : "r"(value) : "memory");
}
#endif

static inline void spin1_store_barrier(void) { __asm__ volatile("" : : : "memory"); }
static inline void spin1_memory_barrier(void) { __asm__ volatile("" : : : "memory"); }

/* ---- events --------------------------------------------------------------------- */

/* Call `cback` when the event happens. priority > 0: queued, called by the
 * scheduler in thread mode, 1 first; 0: called at once in the interrupt; -1:
 * called at once as FIQ (packets only; other events take it as 0). */
void spin1_callback_on(uint event_id, callback_t cback, int priority) NONNULL;
void spin1_callback_off(uint event_id);

/* Queue a call at priority 1 to 4. FAILURE if the queue (15 calls) is full. */
uint spin1_schedule_callback(callback_t cback, uint arg0, uint arg1, uint priority);
uint spin1_trigger_user_event(uint arg0, uint arg1);

/* Run the scheduler until spin1_exit(); returns the exit code. */
typedef enum sync_bool_e { SYNC_NOWAIT, SYNC_WAIT } sync_bool;
uint spin1_start(sync_bool sync);
uint spin1_start_paused(void);
void spin1_exit(uint error);
void spin1_pause(void);
void spin1_resume(sync_bool sync);
void spin1_rte(rte_code code);

/* ---- timer ------------------------------------------------------------------------ */

void spin1_set_timer_tick_and_phase(uint time, uint phase); /* us */
static inline void spin1_set_timer_tick(uint time)
{
    spin1_set_timer_tick_and_phase(time, 0);
}
uint spin1_get_simulation_time(void); /* ticks */
static inline void spin1_delay_us(uint n) { sark_delay_us(n); }

/* ---- DMA ---------------------------------------------------------------------------- */

/* Queue a transfer between SDRAM and DTCM. Addresses and `length` (bytes) are
 * multiples of 4. Returns its id (1, 2, 3, ...), or 0 if the queue is full. */
uint spin1_dma_transfer(uint tag, void *system_address, void *tcm_address,
                        uint direction, uint length) NONNULL;
void spin1_dma_flush(void);
void spin1_memcpy(void *dst, void const *src, uint len) NONNULL;

/* ---- packets -------------------------------------------------------------------------- */

/* Send a packet; waits while the transmitter is full, so it always succeeds. */
uint spin1_send_packet(uint key, uint data, uint TCR);
static inline uint spin1_send_mc_packet(uint key, uint data, uint load)
{
    return spin1_send_packet(key, data, load ? PKT_MC_PL : PKT_MC);
}
void spin1_flush_rx_packet_queue(void);

/* ---- SDP --------------------------------------------------------------------------------- */

static inline void spin1_msg_free(sdp_msg_t *msg) { sark_msg_free(msg); }
static inline sdp_msg_t *spin1_msg_get(void) { return sark_msg_get(); }
static inline uint spin1_send_sdp_msg(sdp_msg_t *msg, uint timeout)
{
    return sark_msg_send(msg, timeout);
}

/* ---- identity and memory ---------------------------------------------------------------- */

uint spin1_get_id(void);      /* chip << 5 | core */
uint spin1_get_core_id(void);
uint spin1_get_chip_id(void);
static inline void *spin1_malloc(uint bytes) { return sark_alloc(bytes, 1); }

#endif
