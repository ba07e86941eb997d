/* The C twin of sgd.S. */
#include "sgd.h"

#include "fixed_point.h"

uint32_t sgd_update_c(int32_t *weights, int32_t *gradient, uint32_t count, uint32_t mantissa, uint32_t shift)
{
    uint32_t saturations = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t step = round_shift64((int64_t) gradient[i] * (int32_t) mantissa, shift);
        weights[i] = saturate32(weights[i] - step, &saturations);
        gradient[i] = 0;
    }
    return saturations;
}
