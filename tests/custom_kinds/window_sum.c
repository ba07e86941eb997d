/* window_sum.py's arithmetic for the cores; sizes and strides are its constants. */
#include "custom_layer.h"

#define SIZE 3
#define STRIDE 2

void layer_prepare(const layer_tile_t *tile)
{
    (void) tile;
}

static int32_t sum_of(const layer_tile_t *tile, const int16_t *x)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < SIZE; i++) {
        for (uint32_t j = 0; j < SIZE; j++) {
            sum += x[i * tile->in.line + j * tile->in.pitch];
        }
    }
    return sum;
}

void layer_forward(const layer_tile_t *tile, const int16_t *x, int16_t *y, void *kept)
{
    (void) kept;
    for (uint32_t r = 0; r < tile->out.rows; r++) {
        for (uint32_t c = 0; c < tile->out.columns; c++) {
            const int16_t *window = x + STRIDE * (r * tile->in.line + c * tile->in.pitch);
            for (uint32_t k = 0; k < tile->out.channels; k++) {
                int64_t sum = layer_round((int64_t) sum_of(tile, window + k) * tile->weights[k], 28);
                sum += layer_round(tile->biases[k], 23 - tile->out_fraction);
                y[r * tile->out.line + c * tile->out.pitch + k] = layer_clip16(sum);
            }
        }
    }
}

void layer_backward(const layer_tile_t *tile, const int16_t *x, const void *kept, const int32_t *e, int32_t *e_in)
{
    (void) kept;
    for (uint32_t r = 0; r < tile->out.rows; r++) {
        for (uint32_t c = 0; c < tile->out.columns; c++) {
            uint32_t corner = STRIDE * (r * tile->in.line + c * tile->in.pitch);
            for (uint32_t k = 0; k < tile->out.channels; k++) {
                int32_t error = e[r * tile->out.line + c * tile->out.pitch + k];
                int32_t d = layer_unit_error(error);
                int32_t back = layer_clip32(layer_round((int64_t) error * tile->weights[k], 28));
                tile->bias_gradient[k] += d;
                for (uint32_t i = 0; i < SIZE; i++) {
                    for (uint32_t j = 0; j < SIZE; j++) {
                        uint32_t place = corner + i * tile->in.line + j * tile->in.pitch + k;
                        layer_add(&e_in[place], back);
                        layer_add(&tile->weight_gradient[k], layer_gradient(d, x[place]));
                    }
                }
            }
        }
    }
}
