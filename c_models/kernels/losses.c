#include "losses.h"

#include <stdbool.h>
#include <stddef.h>

#include "fixed_point.h"
#include "functions.h"

#define ONE_28 (1 << 28)

static int32_t maximum(uint32_t n, const int32_t *a)
{
    int32_t m = a[0];
    for (uint32_t j = 1; j < n; j++) {
        if (a[j] > m) {
            m = a[j];
        }
    }
    return m;
}

/* p of fraction 28; returns S, fraction 31. */
static uint64_t softmax(uint32_t n, const int32_t *a, int32_t *p)
{
    int32_t m = maximum(n, a);
    uint64_t sum = 0;
    for (uint32_t j = 0; j < n; j++) {
        uint32_t e = exp_neg(distance(m, a[j]));
        p[j] = (int32_t) e;
        sum += e;
    }
    uint32_t high = (uint32_t) (sum >> 32);
    uint32_t k = high == 0 ? 1 : 33 - (uint32_t) __builtin_clz(high);
    uint32_t x = recip((uint32_t) (sum >> k));
    for (uint32_t j = 0; j < n; j++) {
        uint32_t q = (uint32_t) (((uint64_t) (uint32_t) p[j] * x) >> 32) >> (k + 1);
        p[j] = q < ONE_28 ? (int32_t) q : ONE_28;
    }
    return sum;
}

/* The softmax's sum alone. */
static uint64_t softmax_sum(uint32_t n, const int32_t *a)
{
    int32_t m = maximum(n, a);
    uint64_t sum = 0;
    for (uint32_t j = 0; j < n; j++) {
        sum += exp_neg(distance(m, a[j]));
    }
    return sum;
}

static int32_t sigmoid_28(int32_t a)
{
    return (int32_t) ((sigma(a) + 4u) >> 3);
}

static uint64_t compute_outputs(uint32_t activation, uint32_t n, const int32_t *a, int32_t *p)
{
    if (activation == ACTIVATION_SOFTMAX) {
        return softmax(n, a, p);
    }
    for (uint32_t j = 0; j < n; j++) {
        switch (activation) {
        case ACTIVATION_LINEAR:
            p[j] = a[j];
            break;
        case ACTIVATION_RELU:
            p[j] = a[j] > 0 ? a[j] : 0;
            break;
        case ACTIVATION_SIGMOID:
            p[j] = sigmoid_28(a[j]);
            break;
        default:
            p[j] = (int32_t) ((tanh_31(a[j]) + 4) >> 3);
        }
    }
    return 0;
}

/* sat32(round(v * 1/n)), v clipped to 32 bits first. */
static int32_t mean(const loss_config_t *config, int64_t v, uint32_t *saturations)
{
    int64_t product = (int64_t) saturate32(v, saturations) * (int32_t) config->mean_mantissa;
    return saturate32(round_shift64(product, config->mean_shift), saturations);
}

static int32_t label_target(uint32_t j, int32_t label)
{
    return j == (uint32_t) label ? ONE_28 : 0;
}

static int64_t categorical(const loss_config_t *config, uint32_t n, const int32_t *a, const int32_t *target,
        const int32_t *p, uint64_t sum, int32_t *errors)
{
    bool sparse = config->loss == LOSS_SPARSE_CATEGORICAL_CROSSENTROPY;
    if (config->from_logits) {
        if (errors != NULL) {
            sum = softmax(n, a, errors);
            p = errors;
        } else {
            sum = softmax_sum(n, a);
        }
    }
    if (errors != NULL) {
        for (uint32_t j = 0; j < n; j++) {
            errors[j] = p[j] - (sparse ? label_target(j, target[0]) : target[j]);
        }
    }

    int32_t m = maximum(n, a);
    uint32_t log = (uint32_t) ln_big(sum);
    if (sparse) {
        return (int64_t) log + distance(m, a[target[0]]);
    }
    int64_t loss = 0;
    for (uint32_t j = 0; j < n; j++) {
        if (target[j] != 0) {
            loss += (int64_t) target[j] * (int64_t) (log + distance(m, a[j]));
        }
    }
    return loss >> 28;
}

static int64_t binary(const loss_config_t *config, uint32_t n, const int32_t *a, const int32_t *target,
        const int32_t *p, int32_t *errors, uint32_t *saturations)
{
    int64_t loss = 0;
    for (uint32_t j = 0; j < n; j++) {
        int32_t y = target[j];
        if (errors != NULL) {
            int32_t s = config->from_logits ? sigmoid_28(a[j]) : p[j];
            errors[j] = mean(config, s - y, saturations);
        }
        loss += (a[j] > 0 ? a[j] : 0) - (((int64_t) a[j] * y) >> 28);
        loss += ln_big((uint64_t) ONE_31 + exp_neg(magnitude(a[j])));
    }
    return loss;
}

static bool is_bounded(uint32_t activation)
{
    return activation >= ACTIVATION_SIGMOID;
}

static int64_t squared(const loss_config_t *config, uint32_t n, const int32_t *a, const int32_t *target,
        const int32_t *p, int32_t *errors, uint32_t *saturations)
{
    uint32_t activation = config->activation;
    bool bounded = is_bounded(activation);
    int64_t loss = 0;
    int64_t common = 0;
    for (uint32_t j = 0; j < n; j++) {
        int32_t y = target[j];
        int32_t u = saturate32((int64_t) (bounded ? (p[j] + 16) >> 5 : p[j]) - y, saturations);
        loss += ((int64_t) u * u) >> 23;
        if (errors == NULL) {
            continue;
        }
        int32_t v = saturate32((bounded ? (int64_t) p[j] : (int64_t) p[j] * 32) - (int64_t) y * 32, saturations);
        int32_t g = mean(config, 2 * (int64_t) v, saturations);
        switch (activation) {
        case ACTIVATION_RELU:
            g = a[j] > 0 ? g : 0;
            break;
        case ACTIVATION_SIGMOID:
            g = (int32_t) (((int64_t) g * sigmoid_derivative(sigma(a[j])) + 0x4000) >> 15);
            break;
        case ACTIVATION_TANH:
            g = (int32_t) (((int64_t) g * tanh_derivative(tanh_31(a[j])) + 0x4000) >> 15);
            break;
        case ACTIVATION_SOFTMAX:
            common += ((int64_t) g * p[j]) >> 28;
            break;
        }
        errors[j] = g;
    }
    if (activation == ACTIVATION_SOFTMAX && errors != NULL) {
        for (uint32_t j = 0; j < n; j++) {
            errors[j] = saturate32(((errors[j] - common) * p[j] + (1 << 27)) >> 28, saturations);
        }
    }
    return loss;
}

static uint32_t first_maximum(uint32_t n, const int32_t *v)
{
    uint32_t best = 0;
    for (uint32_t j = 1; j < n; j++) {
        if (v[j] > v[best]) {
            best = j;
        }
    }
    return best;
}

static uint32_t count_correct(const loss_config_t *config, uint32_t n, const int32_t *a, const int32_t *target,
        const int32_t *p)
{
    if (config->metric == METRIC_NONE) {
        return 0;
    }
    if (config->metric != METRIC_BINARY_ACCURACY) {
        uint32_t wanted = config->loss == LOSS_SPARSE_CATEGORICAL_CROSSENTROPY
                ? (uint32_t) target[0] : first_maximum(n, target);
        return first_maximum(n, a) == wanted;
    }

    bool by_sign = config->activation == ACTIVATION_SIGMOID || config->from_logits;
    int32_t half = is_bounded(config->activation) ? 1 << 27 : 1 << 22;
    int32_t target_half = config->loss == LOSS_MEAN_SQUARED_ERROR ? 1 << 22 : 1 << 27;
    uint32_t count = 0;
    for (uint32_t j = 0; j < n; j++) {
        bool positive = by_sign ? a[j] > 0 : p[j] > half;
        count += positive == (target[j] > target_half);
    }
    return count;
}

loss_result_t loss_evaluate(const loss_config_t *config, uint32_t n, const int32_t *a, const int32_t *target,
        int32_t *outputs, int32_t *errors, uint32_t *saturations)
{
    loss_result_t result = { 0, 0 };
    uint64_t sum = compute_outputs(config->activation, n, a, outputs);
    if (target == NULL) {
        return result;
    }
    switch (config->loss) {
    case LOSS_SPARSE_CATEGORICAL_CROSSENTROPY:
    case LOSS_CATEGORICAL_CROSSENTROPY:
        result.loss = categorical(config, n, a, target, outputs, sum, errors);
        break;
    case LOSS_BINARY_CROSSENTROPY:
        result.loss = binary(config, n, a, target, outputs, errors, saturations);
        break;
    default:
        result.loss = squared(config, n, a, target, outputs, errors, saturations);
    }
    result.n_correct = count_correct(config, n, a, target, outputs);
    return result;
}

int64_t loss_weigh(uint32_t weight, int64_t loss, uint32_t n, int32_t *errors)
{
    if (errors != NULL) {
        for (uint32_t j = 0; j < n; j++) {
            errors[j] = (int32_t) round_shift64((int64_t) errors[j] * (int32_t) weight, 30);
        }
    }
    /* In two halves: the whole product may need more than 64 bits. */
    uint64_t low = (uint64_t) (uint32_t) loss * weight >> 30;
    return (loss >> 32) * ((int64_t) weight * 4) + (int64_t) low;
}
