/* The C twin of momentum.S. */
#include "momentum.h"

#include "fixed_point.h"

uint32_t momentum_update_c(int32_t *parameters, int32_t *gradient, int32_t *momenta, const momentum_step_t *step, uint32_t count)
{
    uint32_t clips = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t product = (int64_t) momenta[i] * step->momentum;
        product += (product >> 63) & ((1 << MOMENTUM_FRACTION) - 1);
        int32_t shifted = (int32_t) ((uint32_t) gradient[i] << step->left);
        int32_t descended = ((int32_t) (((int64_t) shifted * step->mantissa) >> 32) + step->half) >> step->right;
        momenta[i] = saturate32((product >> MOMENTUM_FRACTION) - descended, &clips);
        parameters[i] = saturate32((int64_t) parameters[i] + round_shift32(momenta[i], MOMENTUM_EXTRA), &clips);
        gradient[i] = 0;
    }
    return clips;
}

uint32_t words_magnitude_c(const int32_t *words, uint32_t count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        found |= (uint32_t) (words[i] ^ (words[i] >> 31));
    }
    return found;
}
