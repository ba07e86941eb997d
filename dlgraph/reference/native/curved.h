/* Sigmoid and tanh of many numbers. */
#ifndef CURVED_H
#define CURVED_H

#include <stddef.h>
#include <stdint.h>

/* activate_curved() of c_models/kernels/activations.h, one after another. */
void activate_many(uint32_t activation, const int32_t *a, int16_t *x, uint16_t *derivatives, size_t count,
        uint32_t fraction);

#endif
