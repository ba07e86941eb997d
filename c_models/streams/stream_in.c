#include "stream_in.h"

#include <stddef.h>

#include "packet_ring.h"
#include "runtime.h"
#include "stream_late.h"
#include "stream_recovery.h"
#include "stream_state.h"

stream_layout_t stream_layout;
stream_counts_t stream_counts;
stream_drain_t stream_drain;

stream_t *streams;
uint32_t n_streams;
uint32_t n_all_slots;
inlet_t *inlets;
uint32_t n_inlets;
uint32_t *marker_values;
uint32_t pass_received;

/* A pending interrupt ends the sleep whatever the mask says; with it masked, none can slip in between the test and
 * the sleep.  Thread mode with both interrupts enabled is the only place that waits. */
static inline void interrupts_mask(void)
{
    __asm__ volatile("msr cpsr_c, #0xdf" ::: "memory");
}

static inline void interrupts_unmask(void)
{
    __asm__ volatile("msr cpsr_c, #0x1f" ::: "memory");
}

void streams_wait(void)
{
    uint32_t before = runtime_cycles();
    while (streams_idle()) {
        if ((stream_drain.attention | stream_drain.n_early) != 0 && streams_look_after()) {
            break;
        }
        interrupts_mask();
        if (streams_idle() && !stream_drain.attention) {
            wait_for_interrupt();
        }
        interrupts_unmask();
    }
    stream_counts.waiting_cycles += runtime_cycles() - before;
}

bool inlet_ready(uint32_t number, uint32_t sample)
{
    inlet_t *inlet = &inlets[number];
    bool ready = inlet->complete[sample & inlet->held_mask] == inlet->n_streams;
    if (!ready) {
        inlet->wanted = sample;
    }
    return ready;
}

uint32_t *inlet_words(uint32_t inlet, uint32_t sample)
{
    return inlets[inlet].words + (sample & inlets[inlet].held_mask) * inlets[inlet].n_words;
}

uint32_t streams_window(void)
{
    return stream_layout.window;
}
