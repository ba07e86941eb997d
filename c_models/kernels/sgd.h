/* Stochastic gradient descent: the update of weights or biases at the end of a batch. */
#ifndef SGD_H
#define SGD_H

#include <stdint.h>

/*
 * W = sat32(W - round(G * mantissa, shift)) and G = 0, for `count` parameters; any count, mantissa < 2**31, shift 1..62.
 * Returns how many were clipped.  The C twin does the same.
 */
uint32_t sgd_update(int32_t *weights, int32_t *gradient, uint32_t count, uint32_t mantissa, uint32_t shift);
uint32_t sgd_update_c(int32_t *weights, int32_t *gradient, uint32_t count, uint32_t mantissa, uint32_t shift);

#endif
