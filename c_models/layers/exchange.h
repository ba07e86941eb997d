/*
 * Parameters that several cores hold alike, each with a gradient of its own: tiles of a convolution, and replicas of a network.
 *
 * At the end of a batch each core sends every other the part of its gradient that is the other's share, sums what comes for its
 * own share, updates that, and sends what is new to all.  Gradients and parameters are vectors of the same form.  They are
 * exchanged in segments, so that what is on its way needs little memory; every core has the same share of each segment.
 * The number of the segment, counted on over the batches, takes the place of the sample's.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

/* vertices/trained_vertex.py writes it. */
typedef struct exchange_shape_t {
    uint32_t n_cores;              /* that hold the same; 1: there is nothing to exchange */
    uint32_t n_segments;
    uint32_t segment;              /* words of one */
    uint32_t start;                /* this core's share of each segment; even, as all shares' ends */
    uint32_t stop;
} exchange_shape_t;

typedef struct exchange_t {
    exchange_shape_t shape;
    uint32_t inlets;               /* number of the inlet of gradients; that of parameters follows */
    uint32_t vectors;              /* number of the vector of gradients that is sent; that of parameters follows */
} exchange_t;

/* Words first .. stop - 1 of the whole vector: this core's share of a segment, as far as the vector goes. */
typedef struct share_t {
    uint32_t first;
    uint32_t stop;
} share_t;

share_t exchange_share(const exchange_t *exchange, uint32_t segment, uint32_t n_words);

/* Words of the vector with what fills up the last segment. */
uint32_t exchange_words(const exchange_t *exchange);

/* The number of a segment in a batch. */
uint32_t exchange_number(const exchange_t *exchange, uint32_t batch, uint32_t segment);

/* Lets the others' parameters of a segment in. */
void exchange_begin(const exchange_t *exchange, uint32_t number);

/* Sends a segment's gradients; what the others sent for this core's share: [n_cores - 1][stop - start]. */
const int32_t *exchange_gradients(const exchange_t *exchange, uint32_t number, const int32_t *segment);

/* Ends the use of what exchange_gradients gave. */
void exchange_gradients_taken(const exchange_t *exchange, uint32_t number);

/* Adds `n` words; false if a sum does not fit. */
bool exchange_add(int32_t *sums, const int32_t *words, uint32_t n);

/* Sends what is new in this core's share of a segment, and takes the others' over. */
void exchange_parameters(const exchange_t *exchange, uint32_t number, int32_t *segment);

#endif
