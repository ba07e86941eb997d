#include "fixed_point.h"

int64_t round_scale(int32_t v, uint32_t mantissa, uint32_t shift)
{
    if (mantissa == 1u << 30 && shift - 30 < 32) {
        return round_shift32(v, shift - 30);
    }
    return round_shift64((int64_t) v * (int32_t) mantissa, shift);
}
