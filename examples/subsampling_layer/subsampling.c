/*
 * The trainable sub-sampling of the LeNets: y = w * (sum of a window) + b, with a coefficient w and a bias b for each channel.
 *
 * Formats: x and y 16 bits, of fractions of their own; w s3.28; b s8.23; errors s7.24.  options[0]: rows and columns of a window.
 */
#include "custom_layer.h"

#define WEIGHT_FRACTION 28
#define BIAS_FRACTION 23

void layer_prepare(const layer_tile_t *tile)
{
    (void) tile;                               /* nothing to prepare: everything is in the tile */
}

/* Sum of a window of one channel, whose first value is *x; of 16-bit numbers, it cannot overflow. */
static inline int32_t window_sum(const image_t *in, uint32_t size, const int16_t *x)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < size; i++) {
        for (uint32_t j = 0; j < size; j++) {
            sum += x[i * in->line + j * in->pitch];
        }
    }
    return sum;
}

void layer_forward(const layer_tile_t *tile, const int16_t *x, int16_t *y, void *kept)
{
    (void) kept;
    const image_t *in = &tile->in;
    const image_t *out = &tile->out;
    const uint32_t size = (uint32_t) tile->options[0];
    const uint32_t fraction = WEIGHT_FRACTION + tile->in_fraction;
    for (uint32_t r = 0; r < out->rows; r++) {
        for (uint32_t c = 0; c < out->columns; c++) {
            const int16_t *window = x + size * (r * in->line + c * in->pitch);
            int16_t *to = y + r * out->line + c * out->pitch;
            for (uint32_t k = 0; k < out->channels; k++) {
                int64_t sum = (int64_t) tile->weights[k] * window_sum(in, size, window + k);
                sum += (int64_t) tile->biases[k] << (fraction - BIAS_FRACTION);
                to[k] = layer_clip16(layer_round(sum, fraction - tile->out_fraction));
            }
        }
    }
}

void layer_backward(const layer_tile_t *tile, const int16_t *x, const void *kept, const int32_t *e, int32_t *e_in)
{
    (void) kept;
    const image_t *in = &tile->in;
    const image_t *out = &tile->out;
    const uint32_t size = (uint32_t) tile->options[0];
    for (uint32_t r = 0; r < out->rows; r++) {
        for (uint32_t c = 0; c < out->columns; c++) {
            const uint32_t window = size * (r * in->line + c * in->pitch);
            const int32_t *error = e + r * out->line + c * out->pitch;
            for (uint32_t k = 0; k < out->channels; k++) {
                const int32_t back = layer_clip32(layer_round((int64_t) tile->weights[k] * error[k], WEIGHT_FRACTION));
                const int32_t d = layer_unit_error(error[k]);
                tile->bias_gradient[k] += d;
                for (uint32_t i = 0; i < size; i++) {
                    for (uint32_t j = 0; j < size; j++) {
                        const uint32_t place = window + i * in->line + j * in->pitch + k;
                        e_in[place] = back;
                        layer_add(&tile->weight_gradient[k], layer_gradient(d, x[place]));
                    }
                }
            }
        }
    }
}
