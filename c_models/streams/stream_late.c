#include "stream_late.h"

#include <stddef.h>

#include "stream_in.h"
#include "stream_recovery.h"
#include "stream_state.h"

/* The slots of a stream, or NULL if this core has none of that number. */
static const slot_t *find_slots(uint32_t number)
{
    const slot_t *slots = stream_place(number);
    if (slot_key(slots) >> STREAM_KEY_BITS == number) {
        return slots;
    }
    for (const stream_t *stream = streams; stream != streams + n_streams; stream++) {     /* its place is another's */
        if ((stream->ask & 0xffff) == number) {
            return &stream_drain.slots[stream->first_slot];
        }
    }
    return NULL;
}

uint32_t stream_fold_scattered(const uint32_t *words, const stream_t *stream, uint32_t fold)
{
    for (uint32_t outer = 0; outer < stream->shape.n_outer; outer++, words += stream->shape.outer_stride) {
        const uint32_t *run = words;
        for (uint32_t inner = 0; inner < stream->shape.n_runs; inner++, run += stream->shape.run_stride) {
            fold = words_fold(run, stream->shape.run, fold);
        }
    }
    return fold;
}

/* The marker of an open slot: is all the rest there? */
static void take_marker(const stream_t *stream, uint32_t i, uint32_t value)
{
    marker_t *marker = &stream_drain.markers[i];
    slot_t *slot = &stream_drain.slots[i];
    uint32_t limit = slot->limit;
    slot->limit = slot_key(slot) - 1;          /* closed: nothing comes in while it is looked at */
    __asm__ volatile("" ::: "memory");
    uint32_t fold = stream->shape.n_runs == 0 ? words_fold(slot->words, stream->shape.run, marker->start)
            : stream_fold_scattered(slot->words, stream, marker->start);
    if (marker->state == MARKER_AWAITED) {
        marker->state = MARKER_HERE;
        stream_drain.n_early++;
    }
    marker_values[i] = value;
    if (fold == value) {
        stream_drain.n_early--;
        marker->state = SLOT_COMPLETE;
        stream->inlet->complete[i - stream->first_slot]++;
    } else {
        *(volatile uint32_t *) &slot->limit = limit;
    }
}

__attribute__((noinline)) bool streams_look_at_early(void)
{
    uint32_t before = stream_drain.n_early;
    for (uint32_t i = 0; i < n_all_slots; i++) {
        const marker_t *marker = &stream_drain.markers[i];
        if (marker->state == MARKER_HERE) {
            take_marker(&streams[marker->stream], i, marker_values[i]);
        }
    }
    return stream_drain.n_early != before;
}

bool streams_look_after(void)
{
    if (stream_drain.attention) {
        uint32_t taken = stream_drain.taken;
        streams_attend();
        if (stream_drain.taken != taken) {
            return true;                       /* an answer that keeps a distance takes in what comes meanwhile */
        }
    }
    return stream_drain.n_early != 0 && streams_look_at_early();
}

void stream_take_slowly(uint32_t key, uint32_t payload)
{
    uint32_t index = key & STREAM_MARKER_INDEX;
    uint32_t slot_number = (key >> STREAM_INDEX_BITS) & ((1u << STREAM_SLOT_BITS) - 1);
    if (index == STREAM_REQUEST_INDEX) {
        stream_take_request(payload);
        return;
    }
    const slot_t *slots = find_slots(key >> STREAM_KEY_BITS);
    if (slots == NULL) {
        stream_counts.foreign++;
        return;
    }
    uint32_t i = (uint32_t) (slots - stream_drain.slots);
    stream_t *stream = &streams[stream_drain.markers[i].stream];
    if (slot_number > stream->inlet->held_mask) {
        stream_counts.foreign++;
        return;
    }
    i += slot_number;
    if (index != STREAM_MARKER_INDEX) {
        stream_take_rarely(stream, i, index, payload);
    } else if (stream->n_words == 0) {
        if (stream_take_credit != NULL) {
            stream_take_credit(stream, payload);
        }
    } else if (stream_drain.markers[i].state == SLOT_COMPLETE) {
        stream_counts.repeated++;
    } else {
        take_marker(stream, i, payload);
    }
}
