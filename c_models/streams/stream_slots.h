/* What streams_receive.S and the streams in C share: where each slot of each incoming stream is. */
#ifndef STREAM_SLOTS_H
#define STREAM_SLOTS_H

#define SLOT_SHIFT 3               /* log2(sizeof(slot_t)) */

/* log2 of the number of places; dlgraph/mapping/memory.py has the same. */
#define RECEIVER_BITS 9

/* Byte offsets from receiver_t.places. */
#define RECEIVER_END (-12)
#define RECEIVER_NEXT (-8)
#define RECEIVER_MULTIPLIER (-4)

/* Byte offsets in packet_t, stream_drain_t, stream_t and inlet_t. */
#define PACKET_KEY 4
#define PACKET_BYTES 8
#define DRAIN_NEXT 0
#define DRAIN_TAKEN 4
#define DRAIN_EARLY 28
#define STREAM_WORDS 8
#define STREAM_RUNS 12
#define INLET_COMPLETE 20

/* Of a marker_t: its slot is complete, or closed. */
#define SLOT_COMPLETE 2

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

#include "packet_ring.h"

/* One sample of one stream. */
typedef struct slot_t {
    uint32_t *words;               /* where the stream's words of this slot go */
    uint32_t limit;                /* the key of the last word; one less than that of the first where the slot is closed */
} slot_t;

/* What the receive interrupt needs at hand. */
typedef struct receiver_t {
    packet_t *end;                 /* of the ring; the word there holds its start */
    packet_t *next;                /* the entry that is filled next */
    uint32_t multiplier;
    slot_t *places[1 << RECEIVER_BITS];   /* the first slot of a stream; of none: CLOSED_SLOTS slots that are of no stream */
} receiver_t;

/* As many as a key can name. */
#define CLOSED_SLOTS 16

_Static_assert(sizeof(slot_t) == 1 << SLOT_SHIFT, "streams_receive.S shifts by it");
_Static_assert(offsetof(receiver_t, places) == -RECEIVER_END, "streams_receive.S knows where things are");
#endif

#endif
