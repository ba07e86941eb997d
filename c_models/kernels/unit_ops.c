#include "unit_ops.h"

#include "activations.h"

/* Pixels are passed to the functions for n elements, which the compiler puts in here. */
#define RUN static inline __attribute__((always_inline)) void

void add_biases(int32_t *sums, const image_t *of, const int32_t *biases, int32_t excess, uint32_t *saturations)
{
    for (uint32_t row = 0; row < of->rows; row++, sums += of->line) {
        int32_t *pixel = sums;
        for (uint32_t column = 0; column < of->columns; column++, pixel += of->pitch) {
            for (uint32_t k = 0; k < of->channels; k++) {
                int32_t rounded = excess >= 0 ? round_shift32(pixel[k], (uint32_t) excess) : pixel[k];
                if (excess >= 0 && !__builtin_add_overflow(rounded, biases[k], &pixel[k])) {
                    continue;
                }
                int64_t wide = excess >= 0 ? rounded : (int64_t) ((uint64_t) (int64_t) rounded << -excess);
                pixel[k] = saturate32(wide + biases[k], saturations);
            }
        }
    }
}

/* The fraction is 15 at most, so 8 bits and more are shifted out, and rounding does not wrap. */
RUN linear_run(const int32_t *a, uint32_t n, uint32_t fraction, int16_t *x, uint16_t *derivative, uint32_t *saturations)
{
    for (uint32_t k = 0; k < n; k++) {
        x[k] = saturate16(((a[k] >> (22 - fraction)) + 1) >> 1, saturations);
        derivative[k] = 1 << 15;
    }
}

RUN relu_run(const int32_t *a, uint32_t n, uint32_t fraction, int16_t *x, uint16_t *derivative, uint32_t *saturations)
{
    uint32_t half = 1u << (22 - fraction);
    for (uint32_t k = 0; k < n; k++) {
        int32_t value = a[k];
        uint32_t result = 0;
        uint32_t f = 0;
        if (value > 0) {
            f = 1 << 15;
            result = ((uint32_t) value + half) >> (23 - fraction);
            if (__builtin_expect(result > INT16_MAX, 0)) {
                result = INT16_MAX;
                (*saturations)++;
            }
        }
        x[k] = (int16_t) result;
        derivative[k] = (uint16_t) f;
    }
}

RUN leaky_run(uint32_t slope, const int32_t *a, uint32_t n, uint32_t fraction, int16_t *x, uint16_t *derivative,
        uint32_t *saturations)
{
    for (uint32_t k = 0; k < n; k++) {
        /* at a <= 0 the product lies between -2**32 and 0 */
        int64_t value = a[k] > 0 ? a[k] : ((int64_t) a[k] * slope) >> 15;
        x[k] = saturate16((int32_t) round_shift64(value, 23 - fraction), saturations);
        derivative[k] = (uint16_t) (a[k] > 0 ? 1u << 15 : slope);
    }
}

RUN activate_run(uint32_t activation, uint32_t slope, const int32_t *a, uint32_t n, uint32_t fraction, int16_t *x,
        uint16_t *derivative, uint32_t *saturations)
{
    switch (activation) {
    case ACTIVATION_LINEAR:
        linear_run(a, n, fraction, x, derivative, saturations);
        break;
    case ACTIVATION_RELU:
        relu_run(a, n, fraction, x, derivative, saturations);
        break;
    case ACTIVATION_LEAKY_RELU:
        leaky_run(slope, a, n, fraction, x, derivative, saturations);
        break;
    default:
        for (uint32_t k = 0; k < n; k++) {
            x[k] = activate_curved(activation, a[k], fraction, &derivative[k]);
        }
    }
}

void activate_all(uint32_t activation, uint32_t slope, const int32_t *a, uint32_t n, uint32_t fraction, int16_t *x,
        uint16_t *derivative, uint32_t *saturations)
{
    activate_run(activation, slope, a, n, fraction, x, derivative, saturations);
}

void activate_image(uint32_t activation, uint32_t slope, const int32_t *a, const image_t *from, uint32_t fraction, int16_t *x,
        uint16_t *derivative, const image_t *to, uint32_t *saturations)
{
    for (uint32_t row = 0; row < to->rows; row++) {
        const int32_t *in = a + row * from->line;
        uint32_t at = row * to->line;
        for (uint32_t column = 0; column < to->columns; column++, in += from->pitch, at += to->pitch) {
            activate_all(activation, slope, in, to->channels, fraction, x + at, derivative + at, saturations);
        }
    }
}

RUN unit_errors_run(uint32_t activation, const int32_t *e, const uint16_t *derivative, uint32_t n, int32_t *d,
        uint32_t *saturations)
{
    if (activation <= ACTIVATION_RELU) {
        for (uint32_t k = 0; k < n; k++) {
            int32_t error = saturate32((int64_t) e[k] * 16, saturations);
            d[k] = derivative[k] ? error : 0;
        }
        return;
    }
    for (uint32_t k = 0; k < n; k++) {
        int64_t error = saturate32((int64_t) e[k] * 16, saturations);
        d[k] = saturate32(round_shift64(error * derivative[k], 15), saturations);
    }
}

void unit_errors_all(uint32_t activation, const int32_t *e, const uint16_t *derivative, uint32_t n, int32_t *d,
        uint32_t *saturations)
{
    unit_errors_run(activation, e, derivative, n, d, saturations);
}

void unit_errors_image(uint32_t activation, const int32_t *e, const uint16_t *derivative, const image_t *from, int32_t *d,
        const image_t *to, uint32_t *saturations)
{
    for (uint32_t row = 0; row < to->rows; row++) {
        uint32_t at = row * from->line;
        int32_t *out = d + row * to->line;
        for (uint32_t column = 0; column < to->columns; column++, at += from->pitch, out += to->pitch) {
            unit_errors_all(activation, e + at, derivative + at, to->channels, out, saturations);
        }
    }
}

void activate_values(uint32_t activation, uint32_t slope, const int16_t *x, uint32_t n, uint32_t from, uint32_t fraction,
        int16_t *out, uint16_t *derivative, uint32_t *saturations)
{
    int32_t a[16];
    for (uint32_t start = 0; start < n; start += 16) {
        uint32_t count = n - start < 16 ? n - start : 16;
        for (uint32_t k = 0; k < count; k++) {
            a[k] = saturate32((int64_t) x[start + k] * (1 << (23 - from)), saturations);
        }
        activate_all(activation, slope, a, count, fraction, out + start, derivative + start, saturations);
    }
}

void value_errors(uint32_t activation, const int32_t *e, const uint16_t *derivative, uint32_t n, int32_t *out,
        uint32_t *saturations)
{
    if (activation <= ACTIVATION_RELU) {
        for (uint32_t k = 0; k < n; k++) {
            out[k] = derivative[k] ? e[k] : 0;
        }
        return;
    }
    for (uint32_t k = 0; k < n; k++) {
        out[k] = saturate32(round_shift64((int64_t) e[k] * derivative[k], 15), saturations);
    }
}

void add_values(const int16_t *const *x, uint32_t count, uint32_t n, int16_t *out, uint32_t *saturations)
{
    for (uint32_t k = 0; k < n; k++) {
        int32_t sum = 0;
        for (uint32_t i = 0; i < count; i++) {
            sum += x[i][k];
        }
        out[k] = saturate16(sum, saturations);
    }
}
