/*
 * Sending little by little, while other work goes on: for streams whose packets must keep a distance (stream_out_t).
 *
 * The packets of a vector are made first, all of them: finding the words that are not zero, and folding them, then takes no time
 * from packet to packet.  packet_lists_go_on(), called often, sends what is due.  Several lists may be on their way at once.
 */
#ifndef PACKET_LIST_H
#define PACKET_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "packet_ring.h"

/* Packets that may follow each other at once where some are overdue.  By trials of 256 samples: with four 784-300-100-10 has 17,600
 * packets dropped, with two 11,800; with one LeNet-4 takes 62,400 cycles a sample, with two 57,500. */
#define PACKET_LIST_BURST 2

typedef struct packet_list_t {
    packet_t *packets;                     /* room for every word of a vector, and for the markers */
    const packet_t *at;                    /* the next to be sent */
    const packet_t *end;
    uint32_t kind;                         /* of the vector: stream_out_t */
    uint32_t sample;
    const uint32_t *vector;
    uint32_t transfer;                     /* of stream_keep */
    uint32_t spacing;                      /* least cycles from packet to packet: of the streams of these kinds the largest */
    uint32_t burst;                        /* packets that may follow each other at once, at least 1 */
    uint32_t due;                          /* runtime_cycles() from which the next packet may go */
    bool on_its_way;
    struct packet_list_t *next;            /* of those on their way */
} packet_list_t;

/* Claims memory for vectors of the kinds first_kind .. first_kind + n_kinds - 1. */
void packet_list_claim(packet_list_t *list, uint32_t first_kind, uint32_t n_kinds, uint32_t burst);

/* Makes the packets of a vector, those of streams_send_all, in a list that is not on its way.  Others go on meanwhile. */
void packet_list_fill(packet_list_t *list, uint32_t kind, uint32_t sample, const uint32_t *vector);

/* Begins to send what was made last. */
void packet_list_start(packet_list_t *list);

/* As streams_send_all, but later; what the list held before goes first. */
void packet_list_send(packet_list_t *list, uint32_t kind, uint32_t sample, const uint32_t *vector);

/* Waits until the vector sent last may change; its packets may be on their way still. */
void packet_list_let_go(const packet_list_t *list);

/* Sends the packets that are due, of each list a few at most; whether there will be more. */
bool packet_lists_go_on(void);

/* Sends the rest of a list, and what else is due. */
void packet_list_finish(const packet_list_t *list);

/* Sends the rest of all. */
void packet_lists_finish(void);

/* As streams_wait; lists go on meanwhile. */
void packet_lists_wait(void);

#endif
