/* Dropout, forward and backward: what is kept is a hash of the value's place, computed again each time. */
#ifndef DROPOUT_H
#define DROPOUT_H

#include <stdint.h>

#include "image.h"

typedef struct dropout_t {
    uint32_t threshold;                     /* rate * 2**32: a hash below it drops the value */
    uint32_t mantissa, shift;               /* of 1 / (1 - rate) */
    /* flat index, in the whole value, of this image's first element; and its steps from row to row and pixel to pixel */
    uint32_t first_unit, unit_line, unit_pitch;
} dropout_t;

#define DROPOUT_PURPOSE 2                   /* the hash's third word is this + the layer's number */
#define HASH_START 0x243f6a88u

/* One more word of the hash in docs/arithmetic.rst. */
static inline uint32_t hash_step(uint32_t h, uint32_t word)
{
    h = (h ^ word) * 0x9e3779b1u;
    h ^= h >> 15;
    h *= 0x85ebca6bu;
    return h ^ h >> 13;
}

/*
 * out = keep ? sat16(round(x * mantissa, shift)) : 0; in place too.
 * of_sample: the hash of seed, epoch, DROPOUT_PURPOSE + layer and sample.
 */
void dropout_forward(const dropout_t *dropout, uint32_t of_sample, const image_t *of, const int16_t *x, int16_t *out,
        uint32_t *saturations);
/* e = keep ? sat32(round(e_out * mantissa, shift)) : 0, s7.24; in place too. */
void dropout_backward(const dropout_t *dropout, uint32_t of_sample, const image_t *of, const int32_t *e_out, int32_t *e,
        uint32_t *saturations);

#endif
