#include "activations.h"

#include "functions.h"

uint32_t sigmoid_derivative(uint32_t s)
{
    uint32_t product = (uint32_t) (((uint64_t) s * (ONE_31 - s)) >> 31);
    return (product + 0x8000) >> 16;
}

uint32_t tanh_derivative(int64_t t)
{
    uint32_t size = (uint32_t) (t < 0 ? -t : t);
    uint32_t below_one = ONE_31 - (uint32_t) (((uint64_t) size * size) >> 31);
    return (below_one + 0x8000) >> 16;
}

int16_t activate_curved(uint32_t activation, int32_t a, uint32_t fraction, uint16_t *derivative)
{
    if (activation == ACTIVATION_SIGMOID) {
        uint32_t s = sigma(a);
        *derivative = (uint16_t) sigmoid_derivative(s);
        return (int16_t) ((s + (1u << (30 - fraction))) >> (31 - fraction));
    }
    int64_t t = tanh_31(a);
    *derivative = (uint16_t) tanh_derivative(t);
    return (int16_t) ((t + (1 << (30 - fraction))) >> (31 - fraction));
}
