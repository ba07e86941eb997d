/* What a hidden unit does with its pre-activation, and with the error that comes back. */
#ifndef ACTIVATIONS_H
#define ACTIVATIONS_H

#include <stdint.h>

/* dlgraph/layer_graph.py has the same numbers. */
enum activation {
    ACTIVATION_LINEAR = 0,
    ACTIVATION_RELU = 1,
    ACTIVATION_SIGMOID = 2,
    ACTIVATION_TANH = 3,
    ACTIVATION_SOFTMAX = 4,        /* output layer only */
};

/*
 * The activation of pre-activation a (s8.23), as 16 bits of the given fraction.
 * *derivative: f', fraction 15, 0 .. 2**15.
 */
int16_t activate(uint32_t activation, int32_t a, uint32_t fraction, uint16_t *derivative, uint32_t *saturations);

/* The error of a unit, s3.28, from its partial errors added up (s7.24) and f'. */
int32_t unit_error(uint32_t activation, int32_t e, uint16_t derivative, uint32_t *saturations);

/* f' (fraction 15) of sigmoid and tanh from their values of fraction 31. */
uint32_t sigmoid_derivative(uint32_t s);
uint32_t tanh_derivative(int64_t t);

#endif
