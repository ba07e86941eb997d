/* Sums of products that are truncated one by one: the one loop in which training spends its time. */
#ifndef PRODUCTS_H
#define PRODUCTS_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* One source, two machine codes: AVX2 where the processor has it. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define FAST __attribute__((target_clones("avx2", "default")))
#else
#define FAST
#endif

/* Depths are even in memory. */
#define PRODUCTS_STRIDE(depth) (((depth) + 1) & ~(size_t) 1)

/*
 * sums[i][j] += sum over k of (a[k][j] * b[i][k]) >> 16, exactly, for i < rows, j < columns, k < depth.
 * b: rows of PRODUCTS_STRIDE(depth) numbers; those behind the depth do not matter.  scratch: PRODUCTS_SCRATCH(depth, columns) bytes.
 */
#define PRODUCTS_SCRATCH(depth, columns) (PRODUCTS_STRIDE(depth) * (((columns) + 15) & ~(size_t) 15) * sizeof(int32_t) + 64)

void add_products(const int32_t *a, const int16_t *b, int64_t *sums, size_t rows, size_t depth, size_t columns,
        void *scratch);

/*
 * sums[i * row_step + j * column_step] += sum over k of (a[i][k] * b[k][j]) >> 16; one of the steps is 1.
 * a, b: rows without gaps; PRODUCTS_SLACK numbers behind b are read, and do not matter.  scratch: PRODUCTS_SCRATCH(depth, columns) + PRODUCTS_SCRATCH(depth, rows) bytes.
 */
#define PRODUCTS_SLACK 16

void add_row_products(const int32_t *a, const int16_t *b, int64_t *sums, size_t row_step, size_t column_step, size_t rows,
        size_t depth, size_t columns, void *scratch);

#endif
