#include "unit_ops.h"

#include "activations.h"

/* Pixels that follow each other: `n` numbers each, and what lies between them `from` and `to`. */
typedef struct pixels_t {
    uint32_t pixels, n, from_gap, to_gap;
} pixels_t;

/* sat32((sum << left) + bias) */
static __attribute__((noinline)) int32_t shifted_left(int32_t sum, uint32_t left, int32_t bias, uint32_t *saturations)
{
    return saturate32((int64_t) sum * (1 << left) + bias, saturations);
}

void add_biases(int32_t *sums, const image_t *of, const int32_t *biases, int32_t excess, uint32_t *saturations)
{
    uint32_t clips = 0;
    uint32_t channels = of->channels;
    uint32_t gap = of->pitch - channels;
    uint32_t row_gap = of->line - of->columns * of->pitch;
    for (uint32_t row = of->rows; row > 0; row--, sums += row_gap) {
        for (uint32_t column = of->columns; column > 0; column--, sums += gap) {
            const int32_t *bias = biases;
            for (uint32_t k = channels; k > 0; k--, sums++, bias++) {
                int32_t sum = *sums;
                if (excess < 0) {
                    *sums = shifted_left(sum, (uint32_t) -excess, *bias, &clips);
                    continue;
                }
                if (excess > 0) {
                    sum = (sum >> excess) + (sum >> (excess - 1) & 1);
                }
                int32_t a;
                if (__builtin_expect(__builtin_add_overflow(sum, *bias, &a), 0)) {
                    clips++;
                    a = *bias > 0 ? INT32_MAX : INT32_MIN;
                }
                *sums = a;
            }
        }
    }
    *saturations += clips;
}

/* What unit_ops.S does, and for the host does here. */
typedef struct relu_t {
    const int32_t *sums;
    int16_t *x;
    uint16_t *derivative;
    const int32_t *biases;
    int32_t negative_channels, excess;
    uint32_t half, shift, pixels, one;      /* half of 2**shift; 1 << 15 */
    uint32_t from_gap, to_gap;              /* bytes between pixels' channels */
} relu_t;

#ifdef __arm__
uint32_t relu_pixels(const relu_t *of);
uint32_t relu_errors(const int32_t *e, const uint16_t *derivative, int32_t *d, const pixels_t *of);
#else
static uint32_t relu_pixels(const relu_t *of)
{
    uint32_t clips = 0;
    const int32_t *sums = of->sums;
    int16_t *x = of->x;
    uint16_t *derivative = of->derivative;
    for (uint32_t pixel = 0; pixel < of->pixels; pixel++) {
        for (int32_t k = 0; k < -of->negative_channels; k++) {
            int32_t a = saturate32((int64_t) round_shift32(*sums++, (uint32_t) of->excess) + of->biases[k], &clips);
            *x++ = a > 0 ? saturate16((int32_t) (((uint32_t) a + of->half) >> of->shift), &clips) : 0;
            *derivative++ = a > 0 ? 1 << 15 : 0;
        }
        sums += of->from_gap / 4;
        x += of->to_gap / 2;
        derivative += of->to_gap / 2;
    }
    return clips;
}

static uint32_t relu_errors(const int32_t *e, const uint16_t *derivative, int32_t *d, const pixels_t *of)
{
    uint32_t clips = 0;
    for (uint32_t pixel = 0; pixel < of->pixels; pixel++) {
        for (uint32_t k = 0; k < of->n; k++) {
            int32_t error = saturate32((int64_t) *e++ * 16, &clips);
            *d++ = *derivative++ ? error : 0;
        }
        e += of->from_gap;
        derivative += of->from_gap;
        d += of->to_gap;
    }
    return clips;
}
#endif

/*
 * Linear, ReLU and leaky ReLU, which differ in the slope: code is scarce.  The fraction is 15 at most, so 8 bits and more
 * are shifted out, and rounding does not wrap.
 */
static uint32_t bent_pixels(uint32_t slope, const int32_t *a, uint32_t fraction, int16_t *x, uint16_t *derivative,
        const pixels_t *of)
{
    uint32_t clips = 0;
    uint32_t to_gap = of->to_gap;
    for (uint32_t pixel = of->pixels; pixel > 0; pixel--, a += of->from_gap, x += to_gap, derivative += to_gap) {
        for (uint32_t k = of->n; k > 0; k--) {
            int32_t half = *a++ >> (22 - fraction);
            uint32_t f = 1 << 15;
            if (a[-1] <= 0) {
                f = slope;
                if (slope != 1 << 15) {
                    /* between -2**32 and 0, before the shift */
                    half = slope == 0 ? 0 : (int32_t) (((int64_t) a[-1] * (int32_t) slope) >> 15 >> (22 - fraction));
                }
            }
            *x++ = saturate16((half + 1) >> 1, &clips);
            *derivative++ = (uint16_t) f;
        }
    }
    return clips;
}

static __attribute__((noinline)) void activate_pixels(uint32_t activation, uint32_t slope, const int32_t *a, uint32_t fraction,
        int16_t *x, uint16_t *derivative, const pixels_t *of, uint32_t *saturations)
{
    if (activation == ACTIVATION_SIGMOID || activation == ACTIVATION_TANH) {
        for (uint32_t pixel = of->pixels; pixel > 0; pixel--, a += of->from_gap, x += of->to_gap, derivative += of->to_gap) {
            for (uint32_t k = of->n; k > 0; k--) {
                *x++ = activate_curved(activation, *a++, fraction, derivative++);
            }
        }
        return;
    }
    if (activation != ACTIVATION_LEAKY_RELU) {
        slope = activation == ACTIVATION_LINEAR ? 1 << 15 : 0;
    }
    *saturations += bent_pixels(slope, a, fraction, x, derivative, of);
}

void activate_all(uint32_t activation, uint32_t slope, const int32_t *a, uint32_t n, uint32_t fraction, int16_t *x,
        uint16_t *derivative, uint32_t *saturations)
{
    pixels_t all = { 1, n, 0, 0 };
    activate_pixels(activation, slope, a, fraction, x, derivative, &all, saturations);
}

void activate_image(uint32_t activation, uint32_t slope, const int32_t *a, const image_t *from, uint32_t fraction, int16_t *x,
        uint16_t *derivative, const image_t *to, uint32_t *saturations)
{
    pixels_t row = { to->columns, to->channels, from->pitch - to->channels, to->pitch - to->channels };
    for (uint32_t k = 0; k < to->rows; k++, a += from->line, x += to->line, derivative += to->line) {
        activate_pixels(activation, slope, a, fraction, x, derivative, &row, saturations);
    }
}

void activate_sums(uint32_t activation, uint32_t slope, int32_t *sums, const image_t *from, const int32_t *biases, int32_t excess,
        uint32_t fraction, int16_t *x, uint16_t *derivative, const image_t *to, uint32_t *saturations)
{
    if (activation != ACTIVATION_RELU || excess < 0) {
        add_biases(sums, from, biases, excess, saturations);
        activate_image(activation, slope, sums, from, fraction, x, derivative, to, saturations);
        return;
    }
    relu_t row = { sums, x, derivative, biases, -(int32_t) to->channels, excess, 1u << (22 - fraction), 23 - fraction, to->columns,
        1 << 15, (from->pitch - to->channels) * 4, (to->pitch - to->channels) * 2 };
    for (uint32_t k = to->rows; k > 0; k--) {
        *saturations += relu_pixels(&row);
        row.sums += from->line;
        row.x += to->line;
        row.derivative += to->line;
    }
}

static __attribute__((noinline)) void unit_errors_pixels(uint32_t activation, const int32_t *e, const uint16_t *derivative,
        int32_t *d, const pixels_t *of, uint32_t *saturations)
{
    if (activation <= ACTIVATION_RELU) {
        *saturations += relu_errors(e, derivative, d, of);
        return;
    }
    uint32_t clips = 0;
    uint32_t from_gap = of->from_gap;
    for (uint32_t pixel = of->pixels; pixel > 0; pixel--, e += from_gap, derivative += from_gap, d += of->to_gap) {
        for (uint32_t k = of->n; k > 0; k--) {
            int32_t error = saturate32((int64_t) *e++ * 16, &clips);
            *d++ = saturate32(round_shift64((int64_t) error * *derivative++, 15), &clips);
        }
    }
    *saturations += clips;
}

void unit_errors_all(uint32_t activation, const int32_t *e, const uint16_t *derivative, uint32_t n, int32_t *d,
        uint32_t *saturations)
{
    pixels_t all = { 1, n, 0, 0 };
    unit_errors_pixels(activation, e, derivative, d, &all, saturations);
}

void unit_errors_image(uint32_t activation, const int32_t *e, const uint16_t *derivative, const image_t *from, int32_t *d,
        const image_t *to, uint32_t *saturations)
{
    pixels_t row = { to->columns, to->channels, from->pitch - to->channels, to->pitch - to->channels };
    for (uint32_t k = 0; k < to->rows; k++, e += from->line, derivative += from->line, d += to->line) {
        unit_errors_pixels(activation, e, derivative, d, &row, saturations);
    }
}

void activate_values(uint32_t activation, uint32_t slope, const int16_t *x, uint32_t n, uint32_t from, uint32_t fraction,
        int16_t *out, uint16_t *derivative, uint32_t *saturations)
{
    int32_t a[16];
    for (uint32_t start = 0; start < n; start += 16) {
        uint32_t count = n - start < 16 ? n - start : 16;
        for (uint32_t k = 0; k < count; k++) {
            a[k] = shifted_left(x[start + k], 23 - from, 0, saturations);
        }
        activate_all(activation, slope, a, count, fraction, out + start, derivative + start, saturations);
    }
}

void value_errors(uint32_t activation, const int32_t *e, const uint16_t *derivative, uint32_t n, int32_t *out,
        uint32_t *saturations)
{
    uint32_t clips = 0;
    for (uint32_t k = 0; k < n; k++) {
        if (activation <= ACTIVATION_RELU) {
            out[k] = derivative[k] ? e[k] : 0;
        } else {
            out[k] = saturate32(round_shift64((int64_t) e[k] * derivative[k], 15), &clips);
        }
    }
    *saturations += clips;
}
