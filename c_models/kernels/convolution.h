/*
 * The convolution of a tile: a rectangle of output positions and a block of output channels, of all input channels.
 *
 * Images are [row][column][channel].  The input image of a tile holds every cell that its patches touch, those outside
 * the real image too: there x is zero and stays so, and what becomes of e there means nothing.  So every patch is whole:
 *
 *     cell (oy * stride_rows + ky, ox * stride_columns + kx), channel c,   element (row * in_width + column) * in_pitch + c
 *
 * x (16 bits) and e (32 bits) have the same element numbers.  in_pitch is 1, or the channels rounded up to even; for 1
 * in_width is even.  Sums and errors d are [position][n_columns], positions in row-major order, n_columns the output
 * channels rounded up to a multiple of 4.  Weights and gradient are [ky][kx][c][n_columns].  What is beyond the real
 * channels is zero, and stays zero.  All arrays are aligned to a word.
 *
 * Formats: docs/arithmetic.rst.  Sums wrap and set Q (q_flag.h).  The plain C twins, `_c`, do the same in every bit.
 */
#ifndef CONVOLUTION_H
#define CONVOLUTION_H

#include <stdint.h>

typedef struct convolution_t {
    uint32_t in_rows;           /* >= (out_rows - 1) * stride_rows + kernel_rows */
    uint32_t in_width;          /* >= (out_columns - 1) * stride_columns + kernel_columns */
    uint32_t in_pitch;
    uint32_t kernel_rows, kernel_columns;
    uint32_t stride_rows, stride_columns;
    uint32_t out_rows, out_columns;
    uint32_t n_columns;
    uint32_t n_channels;        /* real output channels, <= n_columns */
    /* if in_pitch is 1: room for in_rows * in_width elements, for a copy of x that convolution_gradient makes; else 0 */
    int16_t *shifted;
} convolution_t;

/* sums[p][j] = sum over u of (W[u][j] * x[p, u]) >> 16, fraction 12 + fx.  Zeros in x cost little. */
void convolution_forward(const convolution_t *shape, int32_t *sums, const int32_t *weights, const int16_t *x);
void convolution_forward_c(const convolution_t *shape, int32_t *sums, const int32_t *weights, const int16_t *x);

/* e[q] = sum over p, j and the u that fall on q of (d[p][j] * (W[u][j] >> 16)) >> 16, s7.24.  Zeros in d cost little. */
void convolution_backward(const convolution_t *shape, int32_t *e, const int32_t *weights, const int32_t *d);
void convolution_backward_c(const convolution_t *shape, int32_t *e, const int32_t *weights, const int32_t *d);

/* G[u][j] += sum over p of (d[p][j] * x[p, u]) >> 16; d is shifted already (shift_errors).  Zeros in d cost little. */
void convolution_gradient(const convolution_t *shape, int32_t *gradient, const int16_t *x, const int32_t *d_shifted);
void convolution_gradient_c(const convolution_t *shape, int32_t *gradient, const int16_t *x, const int32_t *d_shifted);

#endif
