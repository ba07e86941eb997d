/* The state of the streams into this core, for the files that keep it. */
#ifndef STREAM_STATE_H
#define STREAM_STATE_H

#include <stdint.h>

#include "packet_ring.h"
#include "stream_in.h"
#include "stream_layout.h"
#include "stream_out.h"
#include "stream_slots.h"

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

typedef struct stream_t {
    inlet_t *inlet;
    uint32_t first_slot;
    uint32_t n_words;
    uint32_t credit;
    uint32_t ask;                          /* stream number of a stream to its producer << 16 | own number */
    uint32_t seen;                         /* stream_recovery.c: what had come at the last look */
    uint16_t silent;                       /* looks without a sign of life after a request */
    uint16_t quiet;                        /* looks without anything new */
    uint8_t asked;                         /* requests without anything new */
    bool alive;                            /* a request was answered: not sent yet */
    uint32_t received;                     /* packets since the start, but for those that its slots count */
    uint32_t requests;                     /* sent since the start */
} stream_t;

#define NOTHING_WANTED 0xffffffffu

/* What has come of a marker whose slot is not complete yet. */
typedef struct marker_t {
    uint32_t value;
    uint16_t state;
    uint16_t stream;
} marker_t;

/* A slot that is not open is complete: nothing is taken. */
enum marker_state { MARKER_AWAITED, MARKER_HERE, SLOT_COMPLETE };

extern stream_drain_t stream_drain;        /* streams_drain.S */
extern stream_t *streams;
extern uint32_t n_streams;
extern uint32_t n_all_slots;               /* of all streams */
extern inlet_t *inlets;
extern uint32_t n_inlets;
extern marker_t *markers;                  /* as stream_drain.slots */

extern stream_out_t *out_streams;          /* right behind `streams` */
extern uint32_t n_out_streams;

extern uint32_t pass_received;             /* the number of the pass, for what comes and for what is sent: it ends earlier for what comes */
extern uint32_t pass_sent;

static inline uint32_t stream_hash_start(uint32_t pass, uint32_t sample)
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

/* The words that came in a slot are the stream's. */
static inline void slot_settle(uint32_t stream, slot_t *slot)
{
    streams[stream].received += slot->count;
    slot->count = 0;
}

/* Opens a stream's slot for `sample`. */
static inline void slot_open(uint32_t stream, uint32_t sample)
{
    uint32_t i = streams[stream].first_slot + (sample & streams[stream].inlet->held_mask);
    slot_t *slot = &stream_drain.slots[i];
    slot->hash = stream_hash_start(pass_received, sample);
    slot_settle(stream, slot);
    slot->limit = streams[stream].n_words;
    markers[i].state = MARKER_AWAITED;
}

static inline void slot_close(uint32_t stream, uint32_t slot)
{
    uint32_t i = streams[stream].first_slot + slot;
    slot_settle(stream, &stream_drain.slots[i]);
    stream_drain.slots[i].limit = 0;
    markers[i].state = SLOT_COMPLETE;
}

#endif
