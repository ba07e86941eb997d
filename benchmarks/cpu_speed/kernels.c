/* The same loops in plain C: built for the emulated core and, as the yardstick, for the host. */
#include "kernels.h"

static int32_t scaled(int32_t a, int32_t b)
{
    return (int32_t)((int64_t)a * b >> 16);
}

void forward_c(const int32_t *weights, const int16_t *inputs, int32_t *sums, int count)
{
    for (int j = 0; j < OUTPUTS; ++j) {
        int32_t sum = sums[j];
        for (int i = 0; i < count; ++i) {
            sum += scaled(weights[i * OUTPUTS + j], inputs[i]);
        }
        sums[j] = sum;
    }
}

void backward_c(const int32_t *weights, const int32_t *errors, int32_t *sums, int count)
{
    for (int i = 0; i < count; ++i) {
        int32_t sum = sums[i];
        for (int j = 0; j < OUTPUTS; ++j) {
            sum += scaled(errors[j], (int16_t)(weights[i * OUTPUTS + j] >> 16));
        }
        sums[i] = sum;
    }
}

void gradient_c(int32_t *gradients, const int16_t *inputs, const int32_t *errors, int count)
{
    for (int i = 0; i < count; ++i) {
        for (int j = 0; j < OUTPUTS; ++j) {
            gradients[i * OUTPUTS + j] += scaled(errors[j], inputs[i]);
        }
    }
}
