#include "unit_sums.h"

static bool overflowed;

int32_t unit_sum(const int32_t *first, uint32_t n_planes, uint32_t stride)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < n_planes; i++, first += stride) {
        sum += *first;
    }
    if (sum != (int32_t) sum) {
        overflowed = true;
    }
    return (int32_t) sum;
}

int32_t unit_pre_activation(int32_t sum, int32_t excess, int32_t bias, uint32_t *saturations)
{
    int64_t a = sum;
    if (excess > 0) {
        a = (a + ((int64_t) 1 << (excess - 1))) >> excess;
    } else {
        a <<= -excess;
    }
    a += bias;
    if (a != (int32_t) a) {
        (*saturations)++;
        a = a > 0 ? INT32_MAX : INT32_MIN;
    }
    return (int32_t) a;
}

bool unit_sums_overflowed(void)
{
    bool was = overflowed;
    overflowed = false;
    return was;
}
