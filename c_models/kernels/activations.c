#include "activations.h"

#include "fixed_point.h"
#include "functions.h"

/* round(v, n) of a 32-bit number, n = 0 .. 23, without wrapping. */
static inline int32_t round_shift32(int32_t v, uint32_t n)
{
    if (n == 0) {
        return v;
    }
    return (v >> n) + (int32_t) (((uint32_t) v >> (n - 1)) & 1);
}

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

int16_t activate(uint32_t activation, int32_t a, uint32_t fraction, uint16_t *derivative, uint32_t *saturations)
{
    switch (activation) {
    case ACTIVATION_RELU:
        if (a <= 0) {
            *derivative = 0;
            return 0;
        }
        /* fall through */
    case ACTIVATION_LINEAR:
        *derivative = 1 << 15;
        return saturate16(round_shift32(a, 23 - fraction), saturations);
    case ACTIVATION_SIGMOID: {
        uint32_t s = sigma(a);
        *derivative = (uint16_t) sigmoid_derivative(s);
        return (int16_t) ((s + (1u << (30 - fraction))) >> (31 - fraction));
    }
    default: {
        int64_t t = tanh_31(a);
        *derivative = (uint16_t) tanh_derivative(t);
        return (int16_t) ((t + (1 << (30 - fraction))) >> (31 - fraction));
    }
    }
}

int32_t unit_error(uint32_t activation, int32_t e, uint16_t derivative, uint32_t *saturations)
{
    int32_t error = saturate32((int64_t) e * 16, saturations);
    if (activation == ACTIVATION_LINEAR || activation == ACTIVATION_RELU) {
        return derivative ? error : 0;
    }
    return (int32_t) (((int64_t) error * derivative + 0x4000) >> 15);
}
