/*
 * y = w * x with a weight for each channel: what all C files of this folder share.  Only layer_backward is theirs.
 *
 * Formats: x and y 16 bits of one fraction; w s3.28; errors s7.24.
 */
#ifndef GAIN_FORWARD_H
#define GAIN_FORWARD_H

#include "custom_layer.h"

/* A weight s3.28 times v, rounded. */
static inline int64_t times(int32_t weight, int32_t v)
{
    return layer_round((int64_t) weight * v, 28);
}

/* Backward of one value of channel k: the error of what came in, and a term of the weight's gradient. */
static inline void one_back(const layer_tile_t *tile, uint32_t k, int16_t x, int32_t e, int32_t *e_in)
{
    e_in[k] = layer_clip32(times(tile->weights[k], e));
    layer_add(&tile->weight_gradient[k], layer_gradient(layer_unit_error(e), x));
}

void layer_prepare(const layer_tile_t *tile)
{
    (void) tile;
}

void layer_forward(const layer_tile_t *tile, const int16_t *x, int16_t *y, void *kept)
{
    (void) kept;
    for (uint32_t r = 0; r < tile->out.rows; r++) {
        for (uint32_t c = 0; c < tile->out.columns; c++) {
            const int16_t *from = x + r * tile->in.line + c * tile->in.pitch;
            int16_t *to = y + r * tile->out.line + c * tile->out.pitch;
            for (uint32_t k = 0; k < tile->out.channels; k++) {
                to[k] = layer_clip16(times(tile->weights[k], from[k]));
            }
        }
    }
}

#endif
