#include "functions.h"

#include "fixed_point.h"
#include "function_tables.h"

#define LOG2_E_FRACTIONAL 1901360723u   /* (log2(e) - 1) * 2**32 */
#define LN_2 1488522236u                /* ln(2) * 2**31 */
#define RECIP_GUESS 3129112985u

static inline uint32_t multiply_shift_32(uint32_t a, uint32_t b)
{
    return (uint32_t) (((uint64_t) a * b) >> 32);
}

static inline uint32_t multiply_shift_31(uint32_t a, uint32_t b)
{
    return (uint32_t) (((uint64_t) a * b) >> 31);
}

uint32_t exp_neg(uint32_t z)
{
    uint32_t y = z + multiply_shift_32(z, LOG2_E_FRACTIONAL);
    uint32_t n = y >> 23;
    if (n > 31) {
        return 0;
    }
    uint32_t f = y & 0x7fffff;
    uint32_t u = (uint32_t) (((uint64_t) (f & 0x7fff) * LN_2) >> 23);
    uint32_t q = ONE_31 - u + multiply_shift_32(u, u);
    return multiply_shift_31(exp2_table[f >> 15], q) >> n;
}

uint32_t recip(uint32_t d)
{
    uint32_t x = RECIP_GUESS - d;
    for (int i = 0; i < 4; i++) {
        uint32_t t = multiply_shift_31(d, x);
        x = (uint32_t) (((uint64_t) x * (ONE_31 - t)) >> 30);
    }
    return x;
}

uint32_t sigma(int32_t a)
{
    uint32_t x = recip((uint32_t) (((uint64_t) ONE_31 + exp_neg(magnitude(a))) >> 1));
    if (x > ONE_31) {
        x = ONE_31;
    }
    return a >= 0 ? x : ONE_31 - x;
}

int64_t tanh_31(int32_t a)
{
    int32_t twice = a > INT32_MAX / 2 ? INT32_MAX : a < INT32_MIN / 2 ? INT32_MIN : 2 * a;
    return 2 * (int64_t) sigma(twice) - (int64_t) ONE_31;
}

int32_t ln_big(uint64_t v)
{
    uint32_t high = (uint32_t) (v >> 32);
    uint32_t k = high == 0 ? 0 : 32 - (uint32_t) __builtin_clz(high);
    uint32_t d = k == 0 ? (uint32_t) v : k == 32 ? high : high << (32 - k) | (uint32_t) v >> k;
    uint32_t i = (d >> 23) & 255;
    int32_t r = (int32_t) (d - (ONE_31 + ((2 * i + 1) << 22)));
    int32_t w = (int32_t) (((int64_t) r * (int32_t) ln_reciprocal_table[i]) >> 31);
    int64_t log = (int64_t) ln_table[i] + w - (int64_t) (((int64_t) w * w) >> 32);
    return (int32_t) ((log + (int64_t) k * LN_2 + 128) >> 8);
}
