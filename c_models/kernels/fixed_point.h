/* Rounding and clipping as docs/arithmetic.rst defines them. */
#ifndef FIXED_POINT_H
#define FIXED_POINT_H

#include <stdint.h>

/* round(v, n) for n = 1 .. 62: v / 2**n to the nearest, halves upward. */
static inline int64_t round_shift64(int64_t v, uint32_t n)
{
    return (v + ((int64_t) 1 << (n - 1))) >> n;
}

/* round(v, n) of a 32-bit number, n = 0 .. 31, without wrapping. */
static inline int32_t round_shift32(int32_t v, uint32_t n)
{
    if (n == 0) {
        return v;
    }
    return (v >> n) + (int32_t) (((uint32_t) v >> (n - 1)) & 1);
}

/* round(v * mantissa, shift) for mantissa < 2**31, shift 1 .. 62: v times a rate; a power of two is a plain shift. */
int64_t round_scale(int32_t v, uint32_t mantissa, uint32_t shift);

/* sat32: v clipped to 32 bits, the clip counted. */
static inline int32_t saturate32(int64_t v, uint32_t *saturations)
{
    if (__builtin_expect(v == (int32_t) v, 1)) {
        return (int32_t) v;
    }
    (*saturations)++;
    return v > 0 ? INT32_MAX : INT32_MIN;
}

/* sat16: v clipped to 16 bits, the clip counted. */
static inline int16_t saturate16(int32_t v, uint32_t *saturations)
{
    if (__builtin_expect(v == (int16_t) v, 1)) {
        return (int16_t) v;
    }
    (*saturations)++;
    return v > 0 ? INT16_MAX : INT16_MIN;
}

/* min(high - low, 2**31 - 1) for high >= low. */
static inline uint32_t distance(int32_t high, int32_t low)
{
    uint32_t d = (uint32_t) high - (uint32_t) low;
    return d < INT32_MAX ? d : INT32_MAX;
}

/* min(|a|, 2**31 - 1). */
static inline uint32_t magnitude(int32_t a)
{
    return a >= 0 ? distance(a, 0) : distance(0, a);
}

#endif
