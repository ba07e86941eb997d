/*
 * The reference's steps for whole batches, compiled.  Elementary functions, activations and losses are the machine's
 * own C (c_models/kernels); sums are made in 64 bits (products.c), so that the caller can check them.
 *
 * All arrays are contiguous, batch first.  Formats: docs/arithmetic.rst.  dlgraph/reference/backend.py has the same
 * steps in NumPy, and tests compare the two.
 */
#include <stddef.h>
#include <stdint.h>

#include "activations.h"
#include "curved.h"
#include "fixed_point.h"
#include "losses.h"
#include "optimisers.h"
#include "order.h"
#include "products.h"

/* sums[j] = sum over i of d[i][j] */
EXPORT void reference_bias_gradient(const int32_t *d, int64_t *sums, size_t rows, size_t columns)
{
    for (size_t j = 0; j < columns; j++) {
        int64_t sum = 0;
        for (size_t i = 0; i < rows; i++) {
            sum += d[i * columns + j];
        }
        sums[j] = sum;
    }
}

/* Whether all are within 32 bits */
FAST EXPORT int reference_fits(const int64_t *sums, size_t count)
{
    uint64_t outside = 0;
    for (size_t k = 0; k < count; k++) {
        outside |= ((uint64_t) sums[k] + ((uint64_t) 1 << 31)) >> 32;
    }
    return outside == 0;
}

/* One step of an optimiser, by the machine's own code; returns the number of clips. */
EXPORT uint32_t reference_update(const optimiser_t *optimiser, const optimiser_step_t *step, int32_t *parameters,
        int32_t *gradient, int32_t *state, uint32_t count)
{
    return optimiser_update_c(optimiser, step, parameters, gradient, state, count);
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

/* One more word of docs/arithmetic.rst's hash. */
static inline uint32_t hash_step(uint32_t state, uint32_t word)
{
    uint32_t h = (state ^ word) * 0x9e3779b1;
    h = (h ^ (h >> 15)) * 0x85ebca6b;
    return h ^ (h >> 13);
}

EXPORT uint64_t reference_activate(const int32_t *a, int16_t *x, uint16_t *derivatives, size_t count,
        uint32_t activation, uint32_t fraction)
{
    uint64_t clips = 0;
    if (activation > ACTIVATION_RELU) {
        activate_many(activation, a, x, derivatives, count, fraction);
        return 0;
    }
    for (size_t k = 0; k < count; k++) {
        uint32_t clip = 0;
        x[k] = activate(activation, a[k], fraction, &derivatives[k], &clip);
        clips += clip;
    }
    return clips;
}

/* Leaky ReLU; slope: fraction 15, of what is below 0 */
EXPORT uint64_t reference_leaky_relu(const int32_t *a, int16_t *x, uint16_t *derivatives, size_t count, uint32_t slope,
        uint32_t fraction)
{
    uint64_t clips = 0;
    for (size_t k = 0; k < count; k++) {
        int64_t value = a[k] > 0 ? a[k] : ((int64_t) a[k] * slope) >> 15;
        value = fraction < 23 ? round_shift64(value, 23 - fraction) : value;
        int64_t clipped = value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value;
        clips += clipped != value;
        x[k] = (int16_t) clipped;
        derivatives[k] = a[k] > 0 ? 1 << 15 : (uint16_t) slope;
    }
    return clips;
}

/* e: sums that fit 32 bits */
EXPORT uint64_t reference_leaky_error(const int64_t *e, const uint16_t *derivatives, int32_t *d, size_t count)
{
    uint64_t clips = 0;
    for (size_t k = 0; k < count; k++) {
        uint32_t clip = 0;
        int64_t error = saturate32(e[k] * 16, &clip);
        d[k] = saturate32(round_shift64(error * derivatives[k], 15), &clip);
        clips += clip;
    }
    return clips;
}

/* Which of the units are kept by dropout: start is the state of the hash before the sample's number. */
FAST EXPORT void reference_dropout(uint32_t start, const uint32_t *samples, uint8_t *kept, size_t batch, size_t units,
        uint32_t threshold)
{
    for (size_t s = 0; s < batch; s++, kept += units) {
        uint32_t state = hash_step(start, samples[s]);
        for (uint32_t unit = 0; unit < units; unit++) {
            kept[unit] = hash_step(state, unit) >= threshold;
        }
    }
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
