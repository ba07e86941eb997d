/* Gradient descent with momentum that looks back. */
#ifndef MOMENTUM_H
#define MOMENTUM_H

#include <stdint.h>

#define MOMENTUM_FRACTION 30
#define MOMENTUM_EXTRA 2               /* fraction bits that a momentum has more than its parameter */

typedef struct momentum_step_t {
    int32_t momentum;                  /* the factor, fraction 30 */
    int32_t mantissa;                  /* of the rate */
    int32_t half;                      /* 1 << (right - 1) */
    uint32_t right;                    /* the rate's shift + left - 32, 1 .. 30 */
    uint32_t left;                     /* 0 .. 30; makes the rate's shift 33 where it is less */
} momentum_step_t;

/*
 * kept = sat32(kept * momentum, towards zero, - round((gradient << left) * mantissa, right + 32)),
 * parameter = sat32(parameter + round(kept, 2)); the gradient is zero afterwards.  Every gradient shifted left must fit 32 bits.
 * Returns how many numbers were clipped.
 */
uint32_t momentum_update(int32_t *parameters, int32_t *gradient, int32_t *momenta, const momentum_step_t *step, uint32_t count);

/* The bits that are set in the magnitude of any word: v of v >= 0, else -1 - v. */
uint32_t words_magnitude(const int32_t *words, uint32_t count);

/* The same in C. */
uint32_t words_magnitude_c(const int32_t *words, uint32_t count);
uint32_t momentum_update_c(int32_t *parameters, int32_t *gradient, int32_t *momenta, const momentum_step_t *step, uint32_t count);

#endif
