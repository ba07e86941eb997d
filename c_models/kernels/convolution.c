/* The C twins of convolution.S: what the assembly must do, number by number. */
#include "convolution.h"

#include "q_flag.h"

/* The element under the kernel's upper left corner at output (row, column). */
static uint32_t corner(const convolution_t *shape, uint32_t row, uint32_t column)
{
    return (row * shape->stride_rows * shape->in_width + column * shape->stride_columns) * shape->in_pitch;
}

void convolution_forward_c(const convolution_t *shape, int32_t *sums, const int32_t *weights, const int16_t *x)
{
    uint32_t run = shape->kernel_columns * shape->in_pitch;
    for (uint32_t row = 0; row < shape->out_rows; row++) {
        for (uint32_t column = 0; column < shape->out_columns; column++, sums += shape->n_columns) {
            const int16_t *patch = x + corner(shape, row, column);
            for (uint32_t j = 0; j < shape->n_columns; j++) {
                const int32_t *w = weights + j;
                int32_t sum = 0;
                for (uint32_t k = 0; k < shape->kernel_rows; k++) {
                    for (uint32_t u = 0; u < run; u++, w += shape->n_columns) {
                        sum = multiply_accumulate_c(sum, *w, patch[k * shape->in_width * shape->in_pitch + u]);
                    }
                }
                sums[j] = sum;
            }
        }
    }
}

void convolution_backward_c(const convolution_t *shape, int32_t *e, const int32_t *weights, const int32_t *d)
{
    uint32_t run = shape->kernel_columns * shape->in_pitch;
    uint32_t line = shape->in_width * shape->in_pitch;
    for (uint32_t q = 0; q < shape->in_rows * line; q++) {
        e[q] = 0;
    }
    for (uint32_t row = 0; row < shape->out_rows; row++) {
        for (uint32_t column = 0; column < shape->out_columns; column++, d += shape->n_columns) {
            int32_t *patch = e + corner(shape, row, column);
            const int32_t *w = weights;
            for (uint32_t k = 0; k < shape->kernel_rows; k++) {
                for (uint32_t u = 0; u < run; u++) {
                    for (uint32_t j = 0; j < shape->n_columns; j++, w++) {
                        int32_t *at = &patch[k * line + u];
                        *at = multiply_accumulate_c(*at, d[j], (int16_t) (*w >> 16));
                    }
                }
            }
        }
    }
}

void convolution_gradient_c(const convolution_t *shape, int32_t *gradient, const int16_t *x, const int32_t *d_shifted)
{
    uint32_t run = shape->kernel_columns * shape->in_pitch;
    for (uint32_t row = 0; row < shape->out_rows; row++) {
        for (uint32_t column = 0; column < shape->out_columns; column++, d_shifted += shape->n_columns) {
            const int16_t *patch = x + corner(shape, row, column);
            int32_t *g = gradient;
            for (uint32_t k = 0; k < shape->kernel_rows; k++) {
                for (uint32_t u = 0; u < run; u++) {
                    for (uint32_t j = 0; j < shape->n_columns; j++, g++) {
                        *g = multiply_accumulate_c(*g, d_shifted[j], patch[k * shape->in_width * shape->in_pitch + u]);
                    }
                }
            }
        }
    }
}
