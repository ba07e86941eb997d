/* Pooling for whole batches. */
#include <stdint.h>
#include <string.h>

#include "fixed_point.h"
#include "products.h"
#include "windows.h"

/* 1 / number of cells */
typedef struct rate_t {
    uint32_t mantissa, shift;
} rate_t;

/* The part of one window that lies in the image. */
typedef struct part_t {
    size_t top, bottom, left, right;            /* in the image */
    size_t first_row, first_column;             /* in the window */
} part_t;

static part_t part_of(const windows_t *w, size_t p, size_t q)
{
    size_t y = p * w->row_stride, x = q * w->column_stride;
    part_t part;
    part.first_row = y < w->top ? w->top - y : 0;
    part.first_column = x < w->left ? w->left - x : 0;
    part.top = y + part.first_row - w->top;
    part.left = x + part.first_column - w->left;
    part.bottom = y + w->rows - w->top < w->height ? y + w->rows - w->top : w->height;
    part.right = x + w->columns - w->left < w->width ? x + w->columns - w->left : w->width;
    return part;
}

static rate_t rate_of(const part_t *part, const rate_t *rates)
{
    return rates[(part->bottom - part->top) * (part->right - part->left)];
}

/* x: [batch][image]; rates: by number of cells; means: [batch][p][channels]; returns the number of clips */
FAST EXPORT uint64_t reference_average(const windows_t *w, const int16_t *x, const rate_t *rates, int16_t *means,
        size_t batch)
{
    uint64_t clips = 0;
    for (size_t s = 0; s < batch; s++, x += image(w)) {
        for (size_t p = 0; p < w->down; p++) {
            for (size_t q = 0; q < w->across; q++, means += w->channels) {
                part_t part = part_of(w, p, q);
                rate_t rate = rate_of(&part, rates);
                size_t rows = part.bottom - part.top, columns = part.right - part.left;
                const int16_t *corner = x + (part.top * w->width + part.left) * w->channels;
                for (size_t c = 0; c < w->channels; c++) {
                    int64_t sum = 0;
                    for (size_t row = 0; row < rows; row++) {
                        const int16_t *at = corner + row * w->width * w->channels + c;
                        for (size_t column = 0; column < columns; column++) {
                            sum += at[column * w->channels];
                        }
                    }
                    uint32_t clip = 0;
                    means[c] = saturate16((int32_t) round_shift64(sum * rate.mantissa, rate.shift), &clip);
                    clips += clip;
                }
            }
        }
    }
    return clips;
}

/* errors: [batch][p][channels], each within 32 bits; e: [batch][image] */
FAST EXPORT void reference_average_backward(const windows_t *w, const int64_t *errors, const rate_t *rates, int64_t *e,
        size_t batch)
{
    memset(e, 0, batch * image(w) * sizeof(*e));
    for (size_t s = 0; s < batch; s++, e += image(w)) {
        for (size_t p = 0; p < w->down; p++) {
            for (size_t q = 0; q < w->across; q++, errors += w->channels) {
                part_t part = part_of(w, p, q);
                rate_t rate = rate_of(&part, rates);
                for (size_t row = part.top; row < part.bottom; row++) {
                    for (size_t column = part.left; column < part.right; column++) {
                        int64_t *at = e + (row * w->width + column) * w->channels;
                        for (size_t c = 0; c < w->channels; c++) {
                            at[c] += round_shift64(errors[c] * rate.mantissa, rate.shift);
                        }
                    }
                }
            }
        }
    }
}

/* largest, winners (cell of the window, row-major): [batch][p][channels] */
EXPORT void reference_maximum(const windows_t *w, const int16_t *x, int16_t *largest, int32_t *winners, size_t batch)
{
    for (size_t s = 0; s < batch; s++, x += image(w)) {
        for (size_t p = 0; p < w->down; p++) {
            for (size_t q = 0; q < w->across; q++, largest += w->channels, winners += w->channels) {
                part_t part = part_of(w, p, q);
                for (size_t c = 0; c < w->channels; c++) {
                    int32_t best = INT32_MIN, winner = 0;
                    for (size_t row = part.top; row < part.bottom; row++) {
                        for (size_t column = part.left; column < part.right; column++) {
                            int32_t value = x[(row * w->width + column) * w->channels + c];
                            if (value > best) {
                                best = value;
                                winner = (int32_t) ((row - part.top + part.first_row) * w->columns + column - part.left
                                        + part.first_column);
                            }
                        }
                    }
                    largest[c] = (int16_t) best;
                    winners[c] = winner;
                }
            }
        }
    }
}

EXPORT void reference_maximum_backward(const windows_t *w, const int64_t *errors, const int32_t *winners, int64_t *e,
        size_t batch)
{
    memset(e, 0, batch * image(w) * sizeof(*e));
    for (size_t s = 0; s < batch; s++, e += image(w)) {
        for (size_t p = 0; p < w->down; p++) {
            for (size_t q = 0; q < w->across; q++, errors += w->channels, winners += w->channels) {
                for (size_t c = 0; c < w->channels; c++) {
                    size_t row = p * w->row_stride + (size_t) winners[c] / w->columns - w->top;
                    size_t column = q * w->column_stride + (size_t) winners[c] % w->columns - w->left;
                    e[(row * w->width + column) * w->channels + c] += errors[c];
                }
            }
        }
    }
}
