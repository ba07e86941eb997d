/*
 * The ring between the receive interrupt and the streams: what is no ordinary word of an open slot (streams_receive.S), markers
 * above all.  streams_drain() empties it in thread mode.  An entry whose key is PACKET_NONE is free.
 * A ring that overflows loses packets as the fabric does, and the streams notice; the mapping makes it large enough for
 * everything that the windows let be on the way (dlgraph/mapping/memory.py), but not for what is sent again.  Then the interrupt
 * has gone once around, and no longer writes where is read next: packet_ring_next finds the place.
 */
#ifndef PACKET_RING_H
#define PACKET_RING_H

#include <stdint.h>

#define PACKET_NONE 0xffffffffu

typedef struct packet_t {
    uint32_t payload;
    uint32_t key;
} packet_t;

typedef struct packet_ring_t {
    packet_t *first;
    packet_t *end;                /* one past the last entry; the word there holds `first`, for the interrupt */
} packet_ring_t;

extern packet_ring_t packet_ring;

struct receiver_t;

/* Claims DTCM for the ring and lets the receive interrupt fill it. */
void packet_ring_start(struct receiver_t *receiver, uint32_t n_entries);

/* Where to read next, if there is nothing at `next`: mostly just there. */
packet_t *packet_ring_next(packet_t *next);

/* Packets that have come since the start, of every kind; modulo 2**32. */
uint32_t packets_received(void);

#endif
