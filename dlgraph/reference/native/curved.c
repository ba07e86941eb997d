/*
 * Sigmoid and tanh, eight at a time with AVX2: the steps of functions.c and activations.c in c_models/kernels, one by one.
 *
 * Numbers are unsigned, 32 bits; what they stand for is in docs/arithmetic.rst.
 */
#include "curved.h"

#include "activations.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#include "function_tables.h"

#define AVX2 __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline)) AVX2

/* (a * b) >> shift, of products whose quotients fit 32 bits */
INLINE __m256i multiply(__m256i a, __m256i b, int shift)
{
    __m256i even = _mm256_srli_epi64(_mm256_mul_epu32(a, b), shift);
    __m256i odd = _mm256_srli_epi64(_mm256_mul_epu32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)), shift);
    return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
}

INLINE __m256i all(uint32_t value)
{
    return _mm256_set1_epi32((int32_t) value);
}

INLINE __m256i exp_neg_8(__m256i z)
{
    __m256i y = _mm256_add_epi32(z, multiply(z, all(6196328019 - (1ull << 32)), 32));
    __m256i f = _mm256_and_si256(y, all(0x7fffff));
    __m256i u = multiply(_mm256_and_si256(f, all(0x7fff)), all(1488522236), 23);
    __m256i q = _mm256_add_epi32(_mm256_sub_epi32(all(1u << 31), u), multiply(u, u, 32));
    __m256i power = _mm256_i32gather_epi32((const int32_t *) exp2_table, _mm256_srli_epi32(f, 15), 4);
    /* shifts of 32 and more give 0 */
    return _mm256_srlv_epi32(multiply(power, q, 31), _mm256_srli_epi32(y, 23));
}

INLINE __m256i recip_8(__m256i d)
{
    __m256i x = _mm256_sub_epi32(all(3129112985), d);
    for (int i = 0; i < 4; i++) {
        __m256i t = multiply(d, x, 31);
        x = multiply(x, _mm256_sub_epi32(all(1u << 31), t), 30);
    }
    return x;
}

/* sigma(a) from the sign of a and the size z that goes into exp_neg */
INLINE __m256i sigma_8(__m256i a, __m256i z)
{
    __m256i d = _mm256_add_epi32(all(1u << 30), _mm256_srli_epi32(exp_neg_8(z), 1));
    __m256i x = _mm256_min_epu32(recip_8(d), all(1u << 31));
    return _mm256_blendv_epi8(x, _mm256_sub_epi32(all(1u << 31), x), _mm256_srai_epi32(a, 31));
}

/* Lower halves of eight numbers */
INLINE __m128i narrow(__m256i v)
{
    __m256i within = _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(
            _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1)));
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(within, 0x08));
}

AVX2 static size_t activate_eights(uint32_t activation, const int32_t *a, int16_t *x, uint16_t *derivatives, size_t count,
        uint32_t fraction)
{
    const __m256i half = all(0x8000), largest = all(INT32_MAX);
    size_t k = 0;
    for (; k + 8 <= count; k += 8) {
        __m256i v = _mm256_loadu_si256((const __m256i *) (a + k)), size = _mm256_abs_epi32(v), value, derivative;
        if (activation == ACTIVATION_SIGMOID) {
            __m256i s = sigma_8(v, _mm256_min_epu32(size, largest));
            value = _mm256_srl_epi32(_mm256_add_epi32(s, all(1u << (30 - fraction))), _mm_cvtsi32_si128((int) (31 - fraction)));
            derivative = multiply(s, _mm256_sub_epi32(all(1u << 31), s), 31);
        } else {
            /* tanh is twice t */
            __m256i doubled = _mm256_slli_epi32(_mm256_min_epu32(size, all(1u << 30)), 1);
            __m256i t = _mm256_sub_epi32(sigma_8(v, _mm256_min_epu32(doubled, largest)), all(1u << 30));
            value = _mm256_sra_epi32(_mm256_add_epi32(t, all(1u << (29 - fraction))), _mm_cvtsi32_si128((int) (30 - fraction)));
            __m256i twice = _mm256_slli_epi32(_mm256_abs_epi32(t), 1);
            derivative = _mm256_sub_epi32(all(1u << 31), multiply(twice, twice, 31));
        }
        derivative = _mm256_srli_epi32(_mm256_add_epi32(derivative, half), 16);
        _mm_storeu_si128((__m128i *) (x + k), narrow(value));
        _mm_storeu_si128((__m128i *) (derivatives + k), narrow(derivative));
    }
    return k;
}

static int has_eights(void)
{
    return __builtin_cpu_supports("avx2");
}
#else
static int has_eights(void)
{
    return 0;
}

static size_t activate_eights(uint32_t activation, const int32_t *a, int16_t *x, uint16_t *derivatives, size_t count,
        uint32_t fraction)
{
    return 0;
}
#endif

void activate_many(uint32_t activation, const int32_t *a, int16_t *x, uint16_t *derivatives, size_t count,
        uint32_t fraction)
{
    size_t k = has_eights() ? activate_eights(activation, a, x, derivatives, count, fraction) : 0;
    for (; k < count; k++) {
        x[k] = activate_curved(activation, a[k], fraction, &derivatives[k]);
    }
}
