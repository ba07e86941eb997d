/*
 * Sums of truncated products, exact in 64 bits.
 *
 * With AVX2 they are made in 16 and 32 bits: a = high * 2**16 + low with a signed low half, so that
 * (a * b) >> 16 = high * b + ((low * b) >> 16), and both terms are single instructions for 16 products.  32-bit sums
 * of as many terms as surely fit are added to the 64-bit ones; numbers so large that not even two fit take the plain loop.
 */
#include "products.h"

#include <string.h>

/*
 * floor(p / 2**16) of |p| <= 2**46 by an unsigned shift, which vector units have for 64 bits: p is made positive by
 * OFFSET, and each term gives OFFSET >> 16 back.
 */
#define OFFSET ((uint64_t) 1 << 47)

FAST static void add_plainly(const int32_t *a, const int16_t *b, int64_t *sums, size_t rows, size_t depth, size_t columns)
{
    size_t stride = PRODUCTS_STRIDE(depth);
    for (size_t i = 0; i < rows; i++, b += stride, sums += columns) {
        for (size_t k = 0; k < depth; k++) {
            int64_t factor = b[k];
            const int32_t *row = a + k * columns;
            if (factor == 0) {
                continue;
            }
            for (size_t j = 0; j < columns; j++) {
                sums[j] += (int64_t) (((uint64_t) (row[j] * factor) + OFFSET) >> 16) - (int64_t) (OFFSET >> 16);
            }
        }
    }
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define LANES 16                        /* columns of a tile: two registers of 8 sums */
#define ROWS 4                          /* rows of a tile */

AVX2 static uint32_t largest32(const int32_t *values, size_t count)
{
    uint32_t largest = 0;
    for (size_t k = 0; k < count; k++) {
        uint32_t size = values[k] < 0 ? 0u - (uint32_t) values[k] : (uint32_t) values[k];
        largest = size > largest ? size : largest;
    }
    return largest;
}

AVX2 static uint32_t largest16(const int16_t *values, size_t count)
{
    int32_t high = 0, low = 0;
    for (size_t k = 0; k < count; k++) {
        high = values[k] > high ? values[k] : high;
        low = values[k] < low ? values[k] : low;
    }
    return (uint32_t) (high > -low ? high : -low);
}

/* For each tile of columns and pair of k: the upper halves of 16 columns, then the lower ones, pairs side by side. */
AVX2 static void pack(const int32_t *a, uint32_t *packed, size_t depth, size_t columns)
{
    for (size_t j0 = 0; j0 < columns; j0 += LANES) {
        size_t width = columns - j0 < LANES ? columns - j0 : LANES;
        for (size_t k = 0; k < depth; k += 2, packed += 2 * LANES) {
            int32_t first[LANES] = { 0 }, second[LANES] = { 0 };
            memcpy(first, a + k * columns + j0, width * sizeof(*a));
            if (k + 1 < depth) {
                memcpy(second, a + (k + 1) * columns + j0, width * sizeof(*a));
            }
            for (size_t t = 0; t < LANES; t++) {
                packed[t] = (((uint32_t) first[t] + 0x8000) >> 16) | (((uint32_t) second[t] + 0x8000) & 0xffff0000);
                packed[LANES + t] = ((uint32_t) first[t] & 0xffff) | ((uint32_t) second[t] << 16);
            }
        }
    }
}

static inline __attribute__((always_inline)) AVX2 void tile(const uint32_t *packed, const int16_t *b, size_t stride,
        int64_t *sums, size_t columns, size_t pairs, size_t rows, size_t width)
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i total[ROWS][2];
    for (size_t i = 0; i < rows; i++) {
        total[i][0] = total[i][1] = _mm256_setzero_si256();
    }
    for (size_t k = 0; k < pairs; k++, packed += 2 * LANES) {
        const __m256i *at = (const __m256i *) packed;
        __m256i high[2] = { _mm256_load_si256(at), _mm256_load_si256(at + 1) };
        __m256i low[2] = { _mm256_load_si256(at + 2), _mm256_load_si256(at + 3) };
        for (size_t i = 0; i < rows; i++) {
            int32_t two;
            memcpy(&two, b + i * stride + 2 * k, sizeof(two));
            __m256i factor = _mm256_set1_epi32(two);
            for (size_t half = 0; half < 2; half++) {
                __m256i upper = _mm256_madd_epi16(high[half], factor);
                __m256i lower = _mm256_madd_epi16(_mm256_mulhi_epi16(low[half], factor), ones);
                total[i][half] = _mm256_add_epi32(total[i][half], _mm256_add_epi32(upper, lower));
            }
        }
    }
    for (size_t i = 0; i < rows; i++) {
        int32_t of_row[LANES];
        _mm256_storeu_si256((__m256i *) of_row, total[i][0]);
        _mm256_storeu_si256((__m256i *) (of_row + 8), total[i][1]);
        for (size_t t = 0; t < width; t++) {
            sums[i * columns + t] += of_row[t];
        }
    }
}

AVX2 static void add_tiles(const uint32_t *packed, const int16_t *b, size_t stride, int64_t *sums, size_t rows, size_t depth,
        size_t columns, size_t terms)
{
    size_t pairs = (depth + 1) / 2;
    for (size_t j = 0; j < columns; j += LANES, packed += pairs * 2 * LANES) {
        size_t width = columns - j < LANES ? columns - j : LANES;
        for (size_t k = 0; k < pairs; k += terms / 2) {
            size_t count = pairs - k < terms / 2 ? pairs - k : terms / 2;
            const uint32_t *at = packed + k * 2 * LANES;
            size_t i = 0;
            for (; i + ROWS <= rows; i += ROWS) {
                tile(at, b + i * stride + 2 * k, stride, sums + i * columns + j, columns, count, ROWS, width);
            }
            for (; i < rows; i++) {
                tile(at, b + i * stride + 2 * k, stride, sums + i * columns + j, columns, count, 1, width);
            }
        }
    }
}

void add_products(const int32_t *a, const int16_t *b, int64_t *sums, size_t rows, size_t depth, size_t columns,
        void *scratch)
{
    size_t stride = PRODUCTS_STRIDE(depth);
    if (rows == 0 || depth == 0 || columns == 0) {
        return;
    }
    if (__builtin_cpu_supports("avx2")) {
        uint64_t a_size = largest32(a, depth * columns);
        uint64_t term = ((a_size * largest16(b, rows * stride)) >> 16) + 1;
        uint64_t terms = INT32_MAX / term;
        /* the upper half, rounded, must fit 16 bits */
        if (terms >= 2 && a_size < 0x7fff8000) {
            uint32_t *packed = (uint32_t *) (((uintptr_t) scratch + 31) & ~(uintptr_t) 31);
            pack(a, packed, depth, columns);
            add_tiles(packed, b, stride, sums, rows, depth, columns, terms < depth + 2 ? terms : depth + 2);
            return;
        }
    }
    add_plainly(a, b, sums, rows, depth, columns);
}
#else
void add_products(const int32_t *a, const int16_t *b, int64_t *sums, size_t rows, size_t depth, size_t columns,
        void *scratch)
{
    (void) scratch;
    add_plainly(a, b, sums, rows, depth, columns);
}
#endif
