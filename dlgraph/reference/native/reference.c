/*
 * The reference's steps for whole batches, compiled.  Elementary functions, activations and losses are the machine's
 * own C (c_models/kernels); the sums are made here in 64 bits, so that the caller can check them.
 *
 * All arrays are contiguous, batch first.  Formats: docs/arithmetic.rst.  dlgraph/reference/backend.py has the same
 * steps in NumPy, and tests compare the two.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "activations.h"
#include "fixed_point.h"
#include "losses.h"
#include "order.h"

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

/*
 * floor(p / 2**16) of |p| <= 2**46 by an unsigned shift, which vector units have for 64 bits: p is made positive by
 * OFFSET, and each sum of n terms gives n * (OFFSET >> 16) back.
 */
#define OFFSET ((uint64_t) 1 << 47)

/* sums[s][j] = sum over i of (W[i][j] * x[s][i]) >> 16 */
FAST EXPORT void reference_forward(const int16_t *x, const int32_t *weights, int64_t *sums, size_t batch, size_t rows,
        size_t columns)
{
    for (size_t s = 0; s < batch; s++, x += rows, sums += columns) {
        uint64_t terms = 0;
        memset(sums, 0, columns * sizeof(*sums));
        for (size_t i = 0; i < rows; i++) {
            int64_t v = x[i];
            if (v == 0) {
                continue;
            }
            const int32_t *row = weights + i * columns;
            for (size_t j = 0; j < columns; j++) {
                sums[j] += (int64_t) (((uint64_t) (row[j] * v) + OFFSET) >> 16);
            }
            terms++;
        }
        for (size_t j = 0; j < columns; j++) {
            sums[j] -= (int64_t) (terms * (OFFSET >> 16));
        }
    }
}

/* sums[s][i] = sum over j of (d[s][j] * (W[i][j] >> 16)) >> 16 */
FAST EXPORT void reference_backward(const int32_t *d, const int32_t *weights, int64_t *sums, size_t batch, size_t rows,
        size_t columns)
{
    for (size_t s = 0; s < batch; s++, d += columns, sums += rows) {
        for (size_t i = 0; i < rows; i++) {
            const int32_t *row = weights + i * columns;
            uint64_t sum = 0;
            for (size_t j = 0; j < columns; j++) {
                sum += ((uint64_t) ((int64_t) d[j] * (row[j] >> 16)) + OFFSET) >> 16;
            }
            sums[i] = (int64_t) (sum - columns * (OFFSET >> 16));
        }
    }
}

/* gradient[i][j] = sum over s of ((d[s][j] >> shift) * x[s][i]) >> 16;  scratch: [columns] */
FAST EXPORT void reference_gradient(const int16_t *x, const int32_t *d, int64_t *gradient, int32_t *scratch, size_t batch,
        size_t rows, size_t columns, uint32_t shift)
{
    memset(gradient, 0, rows * columns * sizeof(*gradient));
    for (size_t s = 0; s < batch; s++, x += rows, d += columns) {
        for (size_t j = 0; j < columns; j++) {
            scratch[j] = d[j] >> shift;
        }
        for (size_t i = 0; i < rows; i++) {
            int64_t v = x[i];
            if (v == 0) {
                continue;
            }
            int64_t *row = gradient + i * columns;
            for (size_t j = 0; j < columns; j++) {
                row[j] += (int64_t) (((uint64_t) (scratch[j] * v) + OFFSET) >> 16) - (int64_t) (OFFSET >> 16);
            }
        }
    }
}

/* result = sat32(parameters - round(gradient * mantissa, shift)); returns the number of clips */
EXPORT uint64_t reference_update(const int32_t *parameters, const int64_t *gradient, int32_t *result, size_t count,
        uint32_t mantissa, uint32_t shift)
{
    uint64_t clips = 0;
    for (size_t k = 0; k < count; k++) {
        uint32_t clip = 0;
        result[k] = saturate32(parameters[k] - round_shift64(gradient[k] * (int64_t) mantissa, shift), &clip);
        clips += clip;
    }
    return clips;
}

/* a = sat32(round(sums, excess) + bias); returns the number of clips */
EXPORT uint64_t reference_pre_activation(const int64_t *sums, const int32_t *biases, int32_t *a, size_t batch,
        size_t columns, int32_t excess)
{
    uint64_t clips = 0;
    for (size_t s = 0; s < batch; s++) {
        for (size_t j = 0; j < columns; j++) {
            int64_t v = *sums++;
            v = excess > 0 ? round_shift64(v, (uint32_t) excess) : v * ((int64_t) 1 << -excess);
            uint32_t clip = 0;
            *a++ = saturate32(v + biases[j], &clip);
            clips += clip;
        }
    }
    return clips;
}

EXPORT uint64_t reference_activate(const int32_t *a, int16_t *x, uint16_t *derivatives, size_t count,
        uint32_t activation, uint32_t fraction)
{
    uint64_t clips = 0;
    for (size_t k = 0; k < count; k++) {
        uint32_t clip = 0;
        x[k] = activate(activation, a[k], fraction, &derivatives[k], &clip);
        clips += clip;
    }
    return clips;
}

/* e: sums that fit 32 bits */
EXPORT uint64_t reference_hidden_error(const int64_t *e, const uint16_t *derivatives, int32_t *d, size_t count,
        uint32_t activation)
{
    uint64_t clips = 0;
    for (size_t k = 0; k < count; k++) {
        uint32_t clip = 0;
        d[k] = unit_error(activation, (int32_t) e[k], derivatives[k], &clip);
        clips += clip;
    }
    return clips;
}

typedef struct batch_result_t {
    int64_t loss;
    uint64_t n_correct;
    uint64_t clips;
} batch_result_t;

/* target: [batch][target_stride], or NULL; weights: [batch], or NULL; errors: NULL where not wanted */
EXPORT void reference_evaluate(const loss_config_t *config, const int32_t *a, const int32_t *target, size_t target_stride,
        const uint32_t *weights, int32_t *outputs, int32_t *errors, size_t batch, uint32_t n, batch_result_t *result)
{
    *result = (batch_result_t) { 0, 0, 0 };
    for (size_t s = 0; s < batch; s++) {
        uint32_t clips = 0;
        loss_result_t one = loss_evaluate(config, n, a + s * n, target == NULL ? NULL : target + s * target_stride,
                outputs + s * n, errors == NULL ? NULL : errors + s * n, &clips);
        if (weights != NULL && target != NULL) {
            one.loss = loss_weigh(weights[s], one.loss, n, errors == NULL ? NULL : errors + s * n);
        }
        result->loss += one.loss;
        result->n_correct += one.n_correct;
        result->clips += clips;
    }
}
