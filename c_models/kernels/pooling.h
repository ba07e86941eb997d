/*
 * Pooling of a tile, forward and backward.  Formats: docs/arithmetic.rst.
 *
 * The input image of the tile holds all cells of its windows that lie in the whole image, so what of a window is outside
 * of it is padding and takes no part.
 */
#ifndef POOLING_H
#define POOLING_H

#include <stdint.h>

#include "image.h"

/* A positive number mantissa / 2**shift. */
typedef struct share_t {
    uint32_t mantissa, shift;
} share_t;

typedef struct pooling_t {
    image_t in, out;                        /* out.channels == in.channels */
    uint32_t window_rows, window_columns;
    uint32_t stride_rows, stride_columns;
    int32_t first_row, first_column;        /* of the input, under the first window's corner: negative in the padding */
    /* average only: rates[n - fewest] of 1/n for windows of n cells, n from the fewest that occur */
    uint32_t fewest;
    const share_t *rates;
} pooling_t;

/* The largest of each window, and its element number in `in`; the first of equals. */
void pooling_maximum(const pooling_t *shape, const int16_t *x, int16_t *out, uint16_t *winners);
/* e = sum over the windows whose largest is here of e_out.  Returns how many additions left 32 bits. */
uint32_t pooling_maximum_backward(const pooling_t *shape, const int32_t *e_out, const uint16_t *winners, int32_t *e);

/* The mean of each window: round(sum * mantissa, shift), which fits 16 bits as the cells do. */
void pooling_average(const pooling_t *shape, const int16_t *x, int16_t *out);
/* e = sum over the windows that hold it of round(e_out * mantissa, shift).  Returns how many additions left 32 bits. */
uint32_t pooling_average_backward(const pooling_t *shape, const int32_t *e_out, int32_t *e);

#endif
