/* Four products of a word and a halfword at once, as four SMULWy would make them. */
#ifndef SPINNEMU_MULTIPLY4_H
#define SPINNEMU_MULTIPLY4_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>

typedef __m128i Words4;

static inline Words4 load4(const uint32_t *p) { return _mm_loadu_si128((const __m128i *)(const void *)p); }
static inline void store4(uint32_t *p, Words4 v) { _mm_storeu_si128((__m128i *)(void *)p, v); }
static inline Words4 same4(uint32_t v) { return _mm_set1_epi32((int)v); }

/* (word * half) >> 16 per lane; `halves` holds sign-extended halfwords.
 * word = high * 65536 + low, low unsigned: the result is high * half + (low * half >> 16). */
static inline Words4 wide4(Words4 words, Words4 halves)
{
    __m128i half = _mm_and_si128(halves, _mm_set1_epi32(0xffff));
    __m128i high = _mm_srli_epi32(words, 16);
    __m128i high_product = _mm_madd_epi16(high, half);
    /* the product of low as a signed number is too small by half * 65536 where its top bit is set */
    __m128i twice = _mm_or_si128(half, _mm_slli_epi32(half, 16));
    __m128i low_product = _mm_mulhi_epi16(words, twice);
    low_product = _mm_add_epi16(low_product, _mm_and_si128(twice, _mm_srai_epi16(words, 15)));
    low_product = _mm_srai_epi32(_mm_slli_epi32(low_product, 16), 16);
    return _mm_add_epi32(high_product, low_product);
}

/* Lane sums; *overflow tells whether any of them left the signed 32-bit range. */
static inline Words4 add4(Words4 a, Words4 b, bool *overflow)
{
    __m128i sum = _mm_add_epi32(a, b);
    __m128i wrong = _mm_and_si128(_mm_xor_si128(a, sum), _mm_xor_si128(b, sum));
    *overflow = _mm_movemask_ps(_mm_castsi128_ps(wrong)) != 0;
    return sum;
}

static inline Words4 bottom4(Words4 v) { return _mm_srai_epi32(_mm_slli_epi32(v, 16), 16); }
static inline Words4 top4(Words4 v) { return _mm_srai_epi32(v, 16); }

#else

typedef struct Words4 { int32_t lane[4]; } Words4;

static inline Words4 load4(const uint32_t *p) { Words4 v; memcpy(&v, p, sizeof v); return v; }
static inline void store4(uint32_t *p, Words4 v) { memcpy(p, &v, sizeof v); }
static inline Words4 same4(uint32_t v) { int32_t s = (int32_t)v; return (Words4){ { s, s, s, s } }; }

static inline Words4 wide4(Words4 words, Words4 halves)
{
    for (int i = 0; i < 4; ++i) {
        words.lane[i] = (int32_t)((int64_t)words.lane[i] * halves.lane[i] >> 16);
    }
    return words;
}

static inline Words4 add4(Words4 a, Words4 b, bool *overflow)
{
    *overflow = false;
    for (int i = 0; i < 4; ++i) {
        *overflow |= __builtin_add_overflow(a.lane[i], b.lane[i], &a.lane[i]);
    }
    return a;
}

static inline Words4 bottom4(Words4 v)
{
    for (int i = 0; i < 4; ++i) {
        v.lane[i] = (int16_t)v.lane[i];
    }
    return v;
}

static inline Words4 top4(Words4 v)
{
    for (int i = 0; i < 4; ++i) {
        v.lane[i] >>= 16;
    }
    return v;
}

#endif
#endif
