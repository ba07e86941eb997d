/*
 * The dense layer with 32-bit weights: forward, backward, gradient.
 *
 * weights and gradient are row-major, [rows][columns], rows are inputs, columns are units.  The assembly wants columns
 * a multiple of 8 (what is beyond the layer's units is zero), weights and gradient within 64 KB, x and every other
 * vector aligned to a word.  Each function has a plain C twin, `_c`, with the same results and the same sticky overflow
 * flag (q_flag.h); a test compares them.
 *
 * Formats: docs/arithmetic.rst.  fx is the fraction of x, s the gradient's shift.
 */
#ifndef DENSE_H
#define DENSE_H

#include <stdint.h>

/* acc[j] += sum over i of (W[i][j] * x[i]) >> 16.  acc: [columns], fraction 12 + fx.  Zeros in x cost little. */
void dense_forward(int32_t *acc, const int32_t *weights, const int16_t *x, uint32_t rows, uint32_t columns);
void dense_forward_c(int32_t *acc, const int32_t *weights, const int16_t *x, uint32_t rows, uint32_t columns);

/* e[i] = sum over j of (d[j] * (W[i][j] >> 16)) >> 16.  e: [rows], s7.24; d: [columns], s3.28. */
void dense_backward(int32_t *e, const int32_t *weights, const int32_t *d, uint32_t rows, uint32_t columns);
void dense_backward_c(int32_t *e, const int32_t *weights, const int32_t *d, uint32_t rows, uint32_t columns);

/* G[i][j] += (d[j] * x[i]) >> 16.  d_shifted: [columns], s3.28 >> s.  Zeros in x cost little. */
void dense_gradient(int32_t *gradient, const int16_t *x, const int32_t *d_shifted, uint32_t rows, uint32_t columns);
void dense_gradient_c(int32_t *gradient, const int16_t *x, const int32_t *d_shifted, uint32_t rows, uint32_t columns);

/* out[j] = d[j] >> s, s = 0 .. 31. */
void shift_errors(int32_t *out, const int32_t *d, uint32_t columns, uint32_t s);
void shift_errors_c(int32_t *out, const int32_t *d, uint32_t columns, uint32_t s);

#endif
