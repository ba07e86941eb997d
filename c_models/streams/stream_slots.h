/* What streams_drain.S and stream_in.c share: the state of each slot of each incoming stream. */
#ifndef STREAM_SLOTS_H
#define STREAM_SLOTS_H

/* Byte offsets in stream_drain_t. */
#define DRAIN_RECEIVED 24

#define SLOT_SHIFT 4               /* log2(sizeof(slot_t)) */

#ifndef __ASSEMBLER__
#include <stdint.h>

#include "packet_ring.h"

/* What has come of one sample on one stream. */
typedef struct slot_t {
    uint32_t *words;               /* where the stream's words of this slot go */
    uint32_t hash;
    uint32_t count;
    uint32_t limit;                /* words of the stream; 0 once the marker is here: then nothing is ordinary */
} slot_t;

/* vertices/stream_places.py makes the table: a stream's number is never all ones. */
#define PLACE_EMPTY 0xffffffffu

/* What streams_drain needs at hand; offsets are used in streams_drain.S. */
typedef struct stream_drain_t {
    packet_t *next;                /*  0  the ring entry that fills next */
    packet_t *end;                 /*  4  of the ring; the word there holds its start */
    uint32_t multiplier;           /*  8  a stream's place is looked for at (number * multiplier) >> shift */
    uint32_t shift;                /* 12 */
    uint32_t *places;              /* 16  number | first slot << 16, or PLACE_EMPTY; a full place leads on to the next */
    slot_t *slots;                 /* 20  [stream][slot] */
    uint32_t received;             /* 24  packets since the last reset */
    volatile uint32_t attention;   /* 28  there may be something to do for stream_recovery.c */
} stream_drain_t;

_Static_assert(sizeof(slot_t) == 1 << SLOT_SHIFT, "streams_drain.S shifts by it");

/* Takes a packet that is not an ordinary first word of an open slot. */
void stream_take_slowly(uint32_t key, uint32_t payload);
#endif

#endif
