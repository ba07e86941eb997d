/*
 * PReLU: y = x where x >= 0, else a * x, with a slope a for each channel that is trained.
 *
 * Formats: x and y 16 bits of one fraction; a s3.28; errors s7.24.
 */
#include "custom_layer.h"

/* round(a * v, 28), a s3.28: the same as layer_round in prelu.py. */
static inline int64_t times_slope(int32_t slope, int32_t v)
{
    return layer_round((int64_t) slope * v, 28);
}

void layer_prepare(const layer_tile_t *tile)
{
    (void) tile;                               /* nothing to prepare: everything is in the tile */
}

void layer_forward(const layer_tile_t *tile, const int16_t *x, int16_t *y, void *kept)
{
    (void) kept;
    const image_t *in = &tile->in;
    const image_t *out = &tile->out;
    for (uint32_t r = 0; r < out->rows; r++) {
        for (uint32_t c = 0; c < out->columns; c++) {
            const int16_t *from = x + r * in->line + c * in->pitch;
            int16_t *to = y + r * out->line + c * out->pitch;
            for (uint32_t k = 0; k < out->channels; k++) {
                to[k] = from[k] >= 0 ? from[k] : layer_clip16(times_slope(tile->weights[k], from[k]));
            }
        }
    }
}

void layer_backward(const layer_tile_t *tile, const int16_t *x, const void *kept, const int32_t *e, int32_t *e_in)
{
    (void) kept;
    const image_t *in = &tile->in;
    const image_t *out = &tile->out;
    for (uint32_t r = 0; r < out->rows; r++) {
        for (uint32_t c = 0; c < out->columns; c++) {
            const int16_t *from = x + r * in->line + c * in->pitch;
            const int32_t *error = e + r * out->line + c * out->pitch;
            int32_t *back = e_in + r * in->line + c * in->pitch;
            for (uint32_t k = 0; k < out->channels; k++) {
                if (from[k] >= 0) {
                    back[k] = error[k];
                } else {
                    back[k] = layer_clip32(times_slope(tile->weights[k], error[k]));
                    layer_add(&tile->weight_gradient[k], layer_gradient(layer_unit_error(error[k]), from[k]));
                }
            }
        }
    }
}
