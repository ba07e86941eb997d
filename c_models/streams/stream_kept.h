/*
 * What was sent last, so that it can be sent again: of each vector that is sent, as many samples as its consumers have slots
 * for, in SDRAM.  What is exchanged between cores with the same parameters stays as it is until all have got it, and is not
 * copied.
 */
#ifndef STREAM_KEPT_H
#define STREAM_KEPT_H

#include <stdint.h>

typedef struct kept_t {
    uint32_t *log;                /* [slots][n_words] in SDRAM; NULL: the vector stays where it is */
    const uint32_t *vector;       /* the last one */
    uint32_t n_words;
    uint32_t slot_mask;           /* samples that are kept, less 1; KEPT_CREDIT: no vector, but credit */
    uint32_t next;                /* the sample after the last that was sent; of credit: the credit */
    uint16_t here;                /* a bit for each slot: it holds a sample that has been sent */
    uint16_t zeros;               /* likewise: all words of that are zero */
} kept_t;

#define KEPT_CREDIT 0xffffffffu

extern kept_t *kept_vectors;
extern uint32_t n_kept_vectors;

/* A vector that is going to be sent; it must not change before stream_kept. */
uint32_t stream_keep(uint32_t kind, uint32_t sample, const uint32_t *vector);

/* It has been sent; `transfer` is what stream_keep gave. */
void stream_kept(uint32_t kind, uint32_t sample, uint32_t transfer);

/* A vector of zeros has been sent. */
void stream_kept_zeros(uint32_t kind, uint32_t sample);

/* The samples before `sample` have been let go of. */
void stream_kept_credit(uint32_t kind, uint32_t sample);

#endif
