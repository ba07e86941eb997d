/* What a hidden unit does with its pre-activation, and with the error that comes back. */
#ifndef ACTIVATIONS_H
#define ACTIVATIONS_H

#include <stdint.h>

#include "fixed_point.h"

/* dlgraph/layer_graph.py has the same numbers. */
enum activation {
    ACTIVATION_LINEAR = 0,
    ACTIVATION_RELU = 1,
    ACTIVATION_SIGMOID = 2,
    ACTIVATION_TANH = 3,
    ACTIVATION_SOFTMAX = 4,        /* output layer only */
    ACTIVATION_LEAKY_RELU = 5,     /* has a slope, so not for activate() and unit_error() */
};

/* f' (fraction 15) of sigmoid and tanh from their values of fraction 31. */
uint32_t sigmoid_derivative(uint32_t s);
uint32_t tanh_derivative(int64_t t);

/* activate() of sigmoid and tanh. */
int16_t activate_curved(uint32_t activation, int32_t a, uint32_t fraction, uint16_t *derivative);

/*
 * The activation of pre-activation a (s8.23), as 16 bits of the given fraction.
 * *derivative: f', fraction 15, 0 .. 2**15.
 */
static inline int16_t activate(uint32_t activation, int32_t a, uint32_t fraction, uint16_t *derivative,
        uint32_t *saturations)
{
    if (activation > ACTIVATION_RELU) {
        return activate_curved(activation, a, fraction, derivative);
    }
    if (activation == ACTIVATION_RELU && a <= 0) {
        *derivative = 0;
        return 0;
    }
    *derivative = 1 << 15;
    return saturate16(round_shift32(a, 23 - fraction), saturations);
}

/* The error of a unit, s3.28, from its partial errors added up (s7.24) and f'. */
static inline int32_t unit_error(uint32_t activation, int32_t e, uint16_t derivative, uint32_t *saturations)
{
    if (activation <= ACTIVATION_RELU) {
        int32_t error = saturate32((int64_t) e * 16, saturations);
        return derivative ? error : 0;
    }
    return (int32_t) (((int64_t) saturate32((int64_t) e * 16, saturations) * derivative + 0x4000) >> 15);
}

#endif
