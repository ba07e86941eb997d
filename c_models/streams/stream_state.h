/* The state of the streams into this core, for the files that keep it. */
#ifndef STREAM_STATE_H
#define STREAM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet_ring.h"
#include "stream_in.h"
#include "stream_layout.h"
#include "stream_out.h"
#include "stream_slots.h"
#include "words_fold.h"

typedef struct inlet_t {
    uint32_t *words;                       /* [samples held][n_words] */
    uint32_t n_words;                      /* of one sample */
    uint32_t held_mask;                    /* samples held, a power of two, less 1: its streams have as many slots */
    uint32_t first_stream;
    uint32_t n_streams;
    uint16_t *complete;                    /* [samples held]: streams that have all of the sample */
    uint32_t wanted;                       /* the sample, or the credit, that was looked for in vain last */
    uint32_t credit;                       /* of streams without words: the least of all */
    uint32_t n_least;                      /* streams that have no more than that */
} inlet_t;

/* Where its words are; vertices/stream_config.py writes it. */
typedef struct stream_shape_t {
    uint16_t run;                          /* neighbouring words: as in stream_out_t */
    uint16_t n_runs;                       /* 0: one run is all */
    uint16_t run_stride;
    uint16_t n_outer;
    uint32_t outer_stride;
} stream_shape_t;

typedef struct stream_t {
    inlet_t *inlet;
    uint32_t first_slot;
    uint32_t n_words;
    stream_shape_t shape;
    uint32_t credit;
    uint32_t ask;                          /* stream number of a stream to its producer << 16 | own number */
    uint32_t seen;                         /* stream_recovery.c: what had come at the last look */
    uint16_t silent;                       /* looks without a sign of life after a request */
    uint16_t quiet;                        /* looks without anything new */
    uint8_t asked;                         /* requests without anything new */
    bool alive;                            /* a request was answered: not sent yet */
    uint32_t requests;                     /* sent since the start */
} stream_t;

#define NOTHING_WANTED 0xffffffffu

/* Of a slot: the checksum of no word of its sample, and whether its marker has come. */
typedef struct marker_t {
    uint32_t start;
    uint16_t state;
    uint16_t stream;
} marker_t;

/* States of a marker_t.  A slot that is not open is complete: nothing is taken. */
#define MARKER_AWAITED 0
#define MARKER_HERE 1

/* What streams_drain.S needs at hand. */
typedef struct stream_drain_t {
    packet_t *next;                        /* the ring entry that fills next */
    uint32_t taken;                        /* packets out of the ring, modulo 2**32 */
    packet_t *end;                         /* of the ring */
    slot_t **places;                       /* of receiver_t */
    uint32_t multiplier;
    slot_t *slots;                         /* of all streams, and CLOSED_SLOTS behind them */
    marker_t *markers;                     /* as the slots */
    uint32_t n_early;                      /* markers whose samples are not whole: words are still to come */
    volatile uint32_t attention;           /* there may be something to do for stream_recovery.c */
} stream_drain_t;

_Static_assert(sizeof(stream_t) == 48, "streams_drain.S multiplies by it");
_Static_assert(offsetof(stream_t, shape) == STREAM_RUNS && offsetof(stream_t, n_words) == STREAM_WORDS
        && offsetof(inlet_t, complete) == INLET_COMPLETE
        && offsetof(stream_drain_t, taken) == DRAIN_TAKEN && offsetof(stream_drain_t, n_early) == DRAIN_EARLY
        && offsetof(packet_t, key) == PACKET_KEY && sizeof(packet_t) == PACKET_BYTES, "streams_drain.S knows where things are");

extern stream_drain_t stream_drain;
extern stream_t *streams;
extern uint32_t n_streams;
extern uint32_t n_all_slots;               /* of all streams */
extern inlet_t *inlets;
extern uint32_t n_inlets;
extern uint32_t *marker_values;            /* likewise: what a marker said that has come */

extern stream_out_t *out_streams;          /* right behind `streams` */
extern uint32_t n_out_streams;

extern uint32_t pass_received;             /* the number of the pass, for what comes and for what is sent: it ends earlier for what comes */
extern uint32_t pass_sent;

/* The checksum of no word. */
static inline uint32_t stream_fold_start(uint32_t pass, uint32_t sample)
{
    return (sample + (pass << STREAM_PASS_SHIFT)) * STREAM_SAMPLE_SALT;
}

/* Takes the marker of a stream without words; NULL in programs that get no credit. */
void stream_take_credit(stream_t *stream, uint32_t credit) __attribute__((weak));

/* The key of a sample's first word. */
static inline uint32_t stream_slot_key(const stream_out_t *stream, uint32_t sample)
{
    return stream->key | ((sample & stream->slot_mask) << STREAM_INDEX_BITS);
}

/* Whether nothing has arrived that was not taken to its place. */
static inline bool streams_idle(void)
{
    return *(volatile uint32_t *) &stream_drain.next->key == PACKET_NONE;
}

static inline uint32_t n_slots(void)
{
    return stream_layout.slot_mask + 1;
}

/* Slots of an inlet that are open: those of the samples that may be in flight. */
static inline uint32_t n_open(const inlet_t *inlet)
{
    return (inlet->held_mask + 1) / 2;
}

/* Where the first slot of a stream is; where it has no place of its own, slots of another, or of none. */
static inline const slot_t *stream_place(uint32_t number)
{
    return stream_drain.places[(number * stream_drain.multiplier) >> (32 - RECEIVER_BITS)];
}

/* The first key of a slot, open or closed. */
static inline uint32_t slot_key(const slot_t *slot)
{
    return (slot->limit + 1) & ~(uint32_t) STREAM_MARKER_INDEX;
}

/* Opens a stream's slot for `sample`; the words are zero.  From the last line on, words come into it. */
static inline void slot_open(const stream_t *stream, uint32_t sample, uint32_t start)
{
    uint32_t i = stream->first_slot + (sample & stream->inlet->held_mask);
    slot_t *slot = &stream_drain.slots[i];
    stream_drain.markers[i].start = start;
    stream_drain.markers[i].state = MARKER_AWAITED;
    __asm__ volatile("" ::: "memory");
    *(volatile uint32_t *) &slot->limit = slot_key(slot) + stream->n_words - 1;
}

static inline void slot_close(uint32_t i)
{
    stream_drain.slots[i].limit = slot_key(&stream_drain.slots[i]) - 1;
    stream_drain.markers[i].state = SLOT_COMPLETE;
}

#endif
