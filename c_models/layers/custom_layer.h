/*
 * A layer kind from outside: what its C file supplies, and what it is given.
 *
 * The program of such a kind is custom_tile.c and one more C file, which includes this header and has the three functions below.
 * Each core has a tile: a box of the value that the layer gives, and the box of what comes in that this needs.  The library
 * brings values and errors, sends on what the functions make, keeps the window, and updates the parameters.
 *
 * docs/own_layer.rst is the tutorial; dlgraph/custom_layer.py is the Python side.
 */
#ifndef CUSTOM_LAYER_H
#define CUSTOM_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

/*
 * Row r, column c, channel k of an image is element r * line + c * pitch + k of its array (image.h).
 *
 * What comes in holds every window of the tile's own values, and zeros where these reach over the edge of the image: the window of
 * row r, column c begins at row r * stride, column c * stride, whatever the padding.
 */
typedef struct layer_tile_t {
    image_t in;
    image_t out;
    int32_t in_row, in_column, in_channel;         /* where `in` begins in the layer's input; negative in the padding */
    int32_t out_row, out_column, out_channel;      /* where `out` begins in the layer's value */
    uint32_t in_fraction;                          /* of x, 16 bits */
    uint32_t out_fraction;                         /* of y, 16 bits */
    uint32_t n_weights;                            /* rows of `weights`: products of all axes but the last */
    uint32_t n_columns;                            /* from row to row; the tile's own come first, then what fills up */
    const int32_t *weights;                        /* [n_weights][n_columns], s3.28 */
    const int32_t *biases;                         /* [n_columns], s8.23 */
    int32_t *weight_gradient;                      /* as weights, fraction 12 + in_fraction - s: layer_gradient */
    int64_t *bias_gradient;                        /* [n_columns], sums of errors s3.28 */
    uint32_t n_options;
    const int32_t *options;                        /* what the Python class gives */
} layer_tile_t;

/* Once, before the first pass.  Parameters are not there yet. */
void layer_prepare(const layer_tile_t *tile);

/*
 * One sample forward.
 *
 * x: the tile's input, elements as `tile->in`; it is kept until layer_backward
 * y: the tile's value, elements as `tile->out`; what is no real row, column or channel must not be written
 * kept: as many bytes as the Python class asks for, of this sample until layer_backward
 */
void layer_forward(const layer_tile_t *tile, const int16_t *x, int16_t *y, void *kept);

/*
 * The same sample backward.
 *
 * e: errors of the value, s7.24, elements as `tile->out`
 * e_in: zeros; errors of the input, s7.24, elements as `tile->in`, to be written or added to.  Other tiles may send more for the same
 *       elements: round before adding, never after, so that a sum is the same however the layer is cut.
 *
 * Adds to weight_gradient and bias_gradient, where the layer has parameters.
 */
void layer_backward(const layer_tile_t *tile, const int16_t *x, const void *kept, const int32_t *e, int32_t *e_in);

/* Of this core in the sample under way: numbers clipped, sums that did not fit. */
extern uint32_t layer_clips;
extern bool layer_overflow;
/* `s` of this pass. */
extern uint32_t layer_gradient_shift;

/* v clipped to 16 bits, the clip counted. */
static inline int16_t layer_clip16(int64_t v)
{
    if (__builtin_expect(v == (int16_t) v, 1)) {
        return (int16_t) v;
    }
    layer_clips++;
    return v > 0 ? INT16_MAX : INT16_MIN;
}

/* v clipped to 32 bits, the clip counted. */
static inline int32_t layer_clip32(int64_t v)
{
    if (__builtin_expect(v == (int32_t) v, 1)) {
        return (int32_t) v;
    }
    layer_clips++;
    return v > 0 ? INT32_MAX : INT32_MIN;
}

/* v / 2**n to the nearest, halves upward; n = 1 .. 62. */
static inline int64_t layer_round(int64_t v, uint32_t n)
{
    return (v + ((int64_t) 1 << (n - 1))) >> n;
}

/* Adds to a sum of 32 bits; where it does not fit, the pass ends with an error on the host. */
static inline void layer_add(int32_t *sum, int32_t term)
{
    if (__builtin_add_overflow(*sum, term, sum)) {
        layer_overflow = true;
    }
}

/* An error s7.24 as s3.28, the format in which errors enter gradients. */
static inline int32_t layer_unit_error(int32_t e)
{
    return layer_clip32((int64_t) e << 4);
}

/*
 * What an error d (s3.28) and a value x (fraction of what comes in) add to the gradient of a weight.
 *
 * x has 16 bits, a sum of values has more: where a weight is multiplied by a sum, add what each value of it gives.
 */
static inline int32_t layer_gradient(int32_t d, int16_t x)
{
    return (int32_t) (((int64_t) (d >> layer_gradient_shift) * x) >> 16);
}

#endif
