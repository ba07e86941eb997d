/*
 * Sums of truncated products, exact in 64 bits.
 *
 * With AVX2 they are made in 16 and 32 bits: a = high * 2**16 + low with a signed low half, so that
 * (a * b) >> 16 = high * b + ((low * b) >> 16), and both terms are single instructions for 16 products.  32-bit sums
 * of as many terms as surely fit are added to the 64-bit ones; numbers so large that not even two fit take the plain loop.
 */
#include "products.h"

#include <stdbool.h>
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

FAST static void add_rows_plainly(const int32_t *a, const int16_t *b, int64_t *sums, size_t row_step, size_t column_step,
        size_t rows, size_t depth, size_t columns)
{
    for (size_t i = 0; i < rows; i++, sums += row_step) {
        for (size_t k = 0; k < depth; k++) {
            int64_t factor = *a++;
            const int16_t *row = b + k * columns;
            if (factor == 0) {
                continue;
            }
            for (size_t j = 0; j < columns; j++) {
                sums[j * column_step] += (int64_t) (((uint64_t) (row[j] * factor) + OFFSET) >> 16) - (int64_t) (OFFSET >> 16);
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

/* sums += total, of `count` numbers a step apart */
AVX2 static inline void add_totals(int64_t *sums, size_t step, __m256i total, size_t count)
{
    if (step == 1 && count >= 8) {
        __m256i *at = (__m256i *) sums;
        __m256i low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(total));
        __m256i high = _mm256_cvtepi32_epi64(_mm256_extracti128_si256(total, 1));
        _mm256_storeu_si256(at, _mm256_add_epi64(_mm256_loadu_si256(at), low));
        _mm256_storeu_si256(at + 1, _mm256_add_epi64(_mm256_loadu_si256(at + 1), high));
        return;
    }
    int32_t numbers[8];
    _mm256_storeu_si256((__m256i *) numbers, total);
    for (size_t t = 0; t < 8 && t < count; t++) {
        sums[t * step] += numbers[t];
    }
}

/* One tile of add_products; halves: registers across, 2, or 1 where 8 columns are enough */
static inline __attribute__((always_inline)) AVX2 void tile(const uint32_t *packed, const int16_t *b, size_t stride,
        int64_t *sums, size_t columns, size_t pairs, size_t rows, size_t halves, size_t width)
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i total[ROWS][2];
    for (size_t i = 0; i < rows; i++) {
        total[i][0] = total[i][1] = _mm256_setzero_si256();
    }
    for (size_t k = 0; k < pairs; k++, packed += 2 * LANES) {
        const __m256i *at = (const __m256i *) packed;
        for (size_t i = 0; i < rows; i++) {
            int32_t two;
            memcpy(&two, b + i * stride + 2 * k, sizeof(two));
            __m256i factor = _mm256_set1_epi32(two);
            for (size_t half = 0; half < halves; half++) {
                __m256i upper = _mm256_madd_epi16(_mm256_load_si256(at + half), factor);
                __m256i lower = _mm256_madd_epi16(_mm256_mulhi_epi16(_mm256_load_si256(at + 2 + half), factor), ones);
                total[i][half] = _mm256_add_epi32(total[i][half], _mm256_add_epi32(upper, lower));
            }
        }
    }
    for (size_t i = 0; i < rows; i++) {
        for (size_t half = 0; half < halves; half++) {
            if (width > 8 * half) {
                add_totals(sums + i * columns + 8 * half, 1, total[i][half], width - 8 * half);
            }
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
            const int16_t *factors = b + 2 * k;
            size_t i = 0;
            for (; i + ROWS <= rows; i += ROWS) {
                if (width > 8) {
                    tile(at, factors + i * stride, stride, sums + i * columns + j, columns, count, ROWS, 2, width);
                } else {
                    tile(at, factors + i * stride, stride, sums + i * columns + j, columns, count, ROWS, 1, width);
                }
            }
            for (; i < rows; i++) {
                tile(at, factors + i * stride, stride, sums + i * columns + j, columns, count, 1, 2, width);
            }
        }
    }
}

/* How many terms surely fit 32 bits together; 0 where the products must be made plainly. */
AVX2 static size_t terms_together(const int32_t *a, size_t a_count, const int16_t *b, size_t b_count, size_t depth)
{
    uint64_t a_size = largest32(a, a_count);
    uint64_t term = ((a_size * largest16(b, b_count)) >> 16) + 1, terms = INT32_MAX / term;
    /* the upper half, rounded, must fit 16 bits */
    if (terms < 2 || a_size >= 0x7fff8000) {
        return 0;
    }
    return terms < depth + 2 ? terms : depth + 2;
}

static void *aligned(void *scratch)
{
    return (void *) (((uintptr_t) scratch + 31) & ~(uintptr_t) 31);
}

static bool add_quickly(const int32_t *a, const int16_t *b, int64_t *sums, size_t rows, size_t depth, size_t columns,
        void *scratch)
{
    size_t stride = PRODUCTS_STRIDE(depth), terms;
    if (!__builtin_cpu_supports("avx2") || (terms = terms_together(a, depth * columns, b, rows * stride, depth)) == 0) {
        return false;
    }
    uint32_t *packed = aligned(scratch);
    pack(a, packed, depth, columns);
    add_tiles(packed, b, stride, sums, rows, depth, columns, terms);
    return true;
}

/* For each pair of k: the upper halves side by side, then the lower ones. */
AVX2 static void pack_rows(const int32_t *a, uint32_t *packed, size_t rows, size_t depth)
{
    for (size_t i = 0; i < rows; i++, a += depth) {
        for (size_t k = 0; k < depth; k += 2, packed += 2) {
            uint32_t first = (uint32_t) a[k], second = k + 1 < depth ? (uint32_t) a[k + 1] : 0;
            packed[0] = ((first + 0x8000) >> 16) | ((second + 0x8000) & 0xffff0000);
            packed[1] = (first & 0xffff) | (second << 16);
        }
    }
}

/* For each tile of columns and pair of k: 16 pairs side by side. */
AVX2 static void pack_columns(const int16_t *b, uint32_t *packed, size_t depth, size_t columns)
{
    for (size_t j0 = 0; j0 < columns; j0 += LANES) {
        for (size_t k = 0; k < depth; k += 2, packed += LANES) {
            const int16_t *at = b + k * columns + j0;
            __m256i first = _mm256_loadu_si256((const __m256i *) at), second = _mm256_setzero_si256();
            if (k + 1 < depth) {
                second = _mm256_loadu_si256((const __m256i *) (at + columns));
            }
            /* unpacking works on each half by itself: pairs 0-3 and 8-11, 4-7 and 12-15 */
            __m256i low = _mm256_unpacklo_epi16(first, second), high = _mm256_unpackhi_epi16(first, second);
            _mm256_store_si256((__m256i *) packed, _mm256_permute2x128_si256(low, high, 0x20));
            _mm256_store_si256((__m256i *) packed + 1, _mm256_permute2x128_si256(low, high, 0x31));
        }
    }
}

static inline __attribute__((always_inline)) AVX2 void row_tile(const uint32_t *a, size_t pairs_of_row, const uint32_t *b,
        int64_t *sums, size_t row_step, size_t column_step, size_t pairs, size_t rows, size_t width)
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i total[ROWS][2];
    for (size_t i = 0; i < rows; i++) {
        total[i][0] = total[i][1] = _mm256_setzero_si256();
    }
    for (size_t k = 0; k < pairs; k++, b += LANES) {
        __m256i factor[2] = { _mm256_load_si256((const __m256i *) b), _mm256_load_si256((const __m256i *) b + 1) };
        for (size_t i = 0; i < rows; i++) {
            const uint32_t *at = a + 2 * (i * pairs_of_row + k);
            __m256i high = _mm256_set1_epi32((int32_t) at[0]), low = _mm256_set1_epi32((int32_t) at[1]);
            for (size_t half = 0; half < 2; half++) {
                __m256i upper = _mm256_madd_epi16(factor[half], high);
                __m256i lower = _mm256_madd_epi16(_mm256_mulhi_epi16(factor[half], low), ones);
                total[i][half] = _mm256_add_epi32(total[i][half], _mm256_add_epi32(upper, lower));
            }
        }
    }
    for (size_t i = 0; i < rows; i++) {
        for (size_t half = 0; half < 2; half++) {
            if (width > 8 * half) {
                add_totals(sums + i * row_step + 8 * half * column_step, column_step, total[i][half], width - 8 * half);
            }
        }
    }
}

AVX2 static void add_row_tiles(const uint32_t *a, const uint32_t *b, int64_t *sums, size_t row_step, size_t column_step,
        size_t rows, size_t depth, size_t columns, size_t terms)
{
    size_t pairs = (depth + 1) / 2;
    for (size_t j = 0; j < columns; j += LANES, b += pairs * LANES) {
        size_t width = columns - j < LANES ? columns - j : LANES;
        for (size_t k = 0; k < pairs; k += terms / 2) {
            size_t count = pairs - k < terms / 2 ? pairs - k : terms / 2;
            const uint32_t *at = a + 2 * k, *factors = b + k * LANES;
            int64_t *out = sums + j * column_step;
            size_t i = 0;
            for (; i + ROWS <= rows; i += ROWS) {
                row_tile(at + 2 * i * pairs, pairs, factors, out + i * row_step, row_step, column_step, count, ROWS, width);
            }
            for (; i < rows; i++) {
                row_tile(at + 2 * i * pairs, pairs, factors, out + i * row_step, row_step, column_step, count, 1, width);
            }
        }
    }
}

static bool add_rows_quickly(const int32_t *a, const int16_t *b, int64_t *sums, size_t row_step, size_t column_step,
        size_t rows, size_t depth, size_t columns, void *scratch)
{
    size_t terms;
    if (!__builtin_cpu_supports("avx2") || (terms = terms_together(a, rows * depth, b, depth * columns, depth)) == 0) {
        return false;
    }
    uint32_t *packed_columns = aligned(scratch);
    uint32_t *packed_rows = packed_columns + PRODUCTS_STRIDE(depth) / 2 * ((columns + LANES - 1) & ~(size_t) (LANES - 1));
    pack_columns(b, packed_columns, depth, columns);
    pack_rows(a, packed_rows, rows, depth);
    add_row_tiles(packed_rows, packed_columns, sums, row_step, column_step, rows, depth, columns, terms);
    return true;
}
#else
static bool add_quickly(const int32_t *a, const int16_t *b, int64_t *sums, size_t rows, size_t depth, size_t columns,
        void *scratch)
{
    return false;
}

static bool add_rows_quickly(const int32_t *a, const int16_t *b, int64_t *sums, size_t row_step, size_t column_step,
        size_t rows, size_t depth, size_t columns, void *scratch)
{
    return false;
}
#endif

void add_products(const int32_t *a, const int16_t *b, int64_t *sums, size_t rows, size_t depth, size_t columns,
        void *scratch)
{
    if (rows > 0 && depth > 0 && columns > 0 && !add_quickly(a, b, sums, rows, depth, columns, scratch)) {
        add_plainly(a, b, sums, rows, depth, columns);
    }
}

void add_row_products(const int32_t *a, const int16_t *b, int64_t *sums, size_t row_step, size_t column_step, size_t rows,
        size_t depth, size_t columns, void *scratch)
{
    if (rows > 0 && depth > 0 && columns > 0
            && !add_rows_quickly(a, b, sums, row_step, column_step, rows, depth, columns, scratch)) {
        add_rows_plainly(a, b, sums, row_step, column_step, rows, depth, columns);
    }
}
