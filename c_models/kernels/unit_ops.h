/*
 * What layers do to each value by itself: biases, activations; forward and backward side by side.
 *
 * Formats: docs/arithmetic.rst.  `*saturations` counts clips.  Where an image goes `from` one layout `to` another, both
 * have the same rows, columns and channels; from the sums of a convolution that is pitch = n_columns.  In and out may be
 * the same array where both have the same element size and layout.
 */
#ifndef UNIT_OPS_H
#define UNIT_OPS_H

#include <stdint.h>

#include "image.h"

/* Pre-activations in place: a = sat32(round(sum, excess) + biases[channel]), s8.23; excess = fraction of the sums - 23. */
void add_biases(int32_t *sums, const image_t *of, const int32_t *biases, int32_t excess, uint32_t *saturations);

/*
 * x = the activation of pre-activation a as 16 bits of the given fraction, derivative = f' with fraction 15.
 * slope: of a leaky ReLU, fraction 15, 0 .. 2**16 - 1; not used by others.
 */
void activate_all(uint32_t activation, uint32_t slope, const int32_t *a, uint32_t n, uint32_t fraction, int16_t *x,
        uint16_t *derivative, uint32_t *saturations);
void activate_image(uint32_t activation, uint32_t slope, const int32_t *a, const image_t *from, uint32_t fraction, int16_t *x,
        uint16_t *derivative, const image_t *to, uint32_t *saturations);

/*
 * Both in one, quicker for ReLU: from the sums of a layer to its values.  What becomes of the sums is left open.
 * A vector is an image of one pixel.
 */
void activate_sums(uint32_t activation, uint32_t slope, int32_t *sums, const image_t *from, const int32_t *biases, int32_t excess,
        uint32_t fraction, int16_t *x, uint16_t *derivative, const image_t *to, uint32_t *saturations);

/* d = f' * sat32(e << 4), s3.28, from e in s7.24: the error of a layer with weights. */
void unit_errors_all(uint32_t activation, const int32_t *e, const uint16_t *derivative, uint32_t n, int32_t *d,
        uint32_t *saturations);
void unit_errors_image(uint32_t activation, const int32_t *e, const uint16_t *derivative, const image_t *from, int32_t *d,
        const image_t *to, uint32_t *saturations);

/* An activation alone, of x with fraction `from`; and its error, s7.24: f' * e.  Elements as they lie, n of them. */
void activate_values(uint32_t activation, uint32_t slope, const int16_t *x, uint32_t n, uint32_t from, uint32_t fraction,
        int16_t *out, uint16_t *derivative, uint32_t *saturations);
void value_errors(uint32_t activation, const int32_t *e, const uint16_t *derivative, uint32_t n, int32_t *out,
        uint32_t *saturations);

#endif
