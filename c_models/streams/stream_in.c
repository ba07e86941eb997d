#include "stream_in.h"

#include <stddef.h>

#include "packet_ring.h"
#include "runtime.h"
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
marker_t *markers;
uint32_t pass_received;

/* The first slot of a stream, or PLACE_EMPTY if this core has none of that number. */
static uint32_t find_place(uint32_t number)
{
    const uint32_t *place = stream_drain.places + ((number * stream_drain.multiplier) >> stream_drain.shift);
    while (*place != PLACE_EMPTY) {
        if ((*place & 0xffff) == number) {
            return *place >> 16;
        }
        place++;
    }
    return PLACE_EMPTY;
}

void stream_take_slowly(uint32_t key, uint32_t payload)
{
    uint32_t index = key & STREAM_MARKER_INDEX;
    uint32_t slot_number = (key >> STREAM_INDEX_BITS) & ((1u << STREAM_SLOT_BITS) - 1);
    if (index == STREAM_REQUEST_INDEX) {
        stream_take_request(payload);
        return;
    }
    uint32_t first_slot = find_place(key >> STREAM_KEY_BITS);
    if (first_slot == PLACE_EMPTY || slot_number > streams[markers[first_slot].stream].inlet->held_mask) {
        stream_counts.foreign++;
        return;
    }
    stream_t *stream = &streams[markers[first_slot].stream];
    stream->received++;
    slot_t *slot = &stream_drain.slots[first_slot + slot_number];
    marker_t *marker = &markers[first_slot + slot_number];
    if (index != STREAM_MARKER_INDEX) {
        stream_take_rarely(stream, slot, marker, index, payload);
    } else if (stream->n_words == 0) {
        if (stream_take_credit != NULL) {
            stream_take_credit(stream, payload);
        }
    } else if (marker->state == SLOT_COMPLETE) {
        stream_counts.repeated++;
    } else {
        marker->value = payload;
        marker->state = MARKER_HERE;
        slot->limit = 0;
    }
    if (marker->state == MARKER_HERE && marker->value == stream_marker(slot->count, slot->hash)) {
        marker->state = SLOT_COMPLETE;
        stream->inlet->complete[slot_number]++;
    }
}

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
        if (stream_drain.attention) {
            uint32_t received = stream_drain.received;
            streams_attend();
            if (stream_drain.received != received) {
                break;                     /* an answer that keeps a distance takes in what comes meanwhile */
            }
        }
        interrupts_mask();
        if (streams_idle() && !stream_drain.attention) {
            wait_for_interrupt();
        }
        interrupts_unmask();
    }
    stream_counts.waiting_cycles += runtime_cycles() - before;
}

uint32_t streams_received(void)
{
    return stream_drain.received;
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
