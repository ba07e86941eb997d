/*
 * The convolution for whole batches: patches of the image are laid out as rows of a matrix.  A dense layer is the
 * convolution of an image of one pixel.
 */
#include <stdlib.h>
#include <string.h>

#include "products.h"
#include "windows.h"

/* The part of one row of a window at one position that lies in the image. */
typedef struct run_t {
    size_t in_window, in_image, count;          /* numbers */
} run_t;

static inline run_t run_of(const windows_t *w, size_t p, size_t q, size_t row)
{
    size_t y = p * w->row_stride + row, x = q * w->column_stride;
    size_t skip = x < w->left ? w->left - x : 0;
    size_t room = w->width + w->left;           /* columns x + column < room are in the image */
    size_t until = x >= room ? 0 : room - x < w->columns ? room - x : w->columns;
    run_t run = { 0, 0, 0 };
    if (y >= w->top && y - w->top < w->height && skip < until) {
        run.in_window = (row * w->columns + skip) * w->channels;
        run.in_image = ((y - w->top) * w->width + x + skip - w->left) * w->channels;
        run.count = (until - skip) * w->channels;
    }
    return run;
}

#define CHUNK 16                        /* numbers copied at a time: more than is asked for, which costs nothing */

/* Rows and columns under all windows, padding and all. */
static size_t padded_height(const windows_t *w)
{
    return (w->down - 1) * w->row_stride + w->rows;
}

static size_t padded_width(const windows_t *w)
{
    return (w->across - 1) * w->column_stride + w->columns;
}

static size_t padded(const windows_t *w)
{
    return padded_height(w) * padded_width(w) * w->channels + CHUNK;
}

/* The image with its padding, as far as windows reach; around: [padded(w)], 0 where no image comes */
static void pad(const windows_t *w, const int16_t *x, int16_t *around)
{
    size_t height = padded_height(w), width = padded_width(w);
    size_t columns = width <= w->left ? 0 : width - w->left < w->width ? width - w->left : w->width;
    for (size_t row = 0; row < w->height && columns > 0 && row + w->top < height; row++) {
        memcpy(around + ((row + w->top) * width + w->left) * w->channels, x + row * w->width * w->channels,
                columns * w->channels * sizeof(*x));
    }
}

/* patches[p][u], rows of `stride` numbers; CHUNK numbers behind them are written, too */
static void take_patches(const windows_t *w, const int16_t *around, int16_t *patches, size_t stride)
{
    size_t width = padded_width(w) * w->channels, run = w->columns * w->channels;
    for (size_t p = 0; p < w->down; p++) {
        for (size_t q = 0; q < w->across; q++, patches += stride) {
            const int16_t *from = around + p * w->row_stride * width + q * w->column_stride * w->channels;
            int16_t *to = patches;
            for (size_t row = 0; row < w->rows; row++, from += width, to += run) {
                for (size_t k = 0; k < run; k += CHUNK) {
                    memcpy(to + k, from + k, CHUNK * sizeof(*to));
                }
            }
        }
    }
}

/* e[cell of the image] += errors[p][u] */
FAST static void add_patches(const windows_t *w, const int64_t *errors, int64_t *e)
{
    for (size_t p = 0; p < w->down; p++) {
        for (size_t q = 0; q < w->across; q++, errors += cells(w)) {
            for (size_t row = 0; row < w->rows; row++) {
                run_t run = run_of(w, p, q, row);
                const int64_t *from = errors + run.in_window;
                int64_t *to = e + run.in_image;
                for (size_t k = 0; k < run.count; k++) {
                    to[k] += from[k];
                }
            }
        }
    }
}

/* Samples that are handled together: few positions are little work for the sums to start and end for. */
static size_t group_size(const windows_t *w, size_t batch)
{
    size_t group = 256 / positions(w);
    return group < 1 ? 1 : group < batch ? group : batch;
}

/* x: [batch][image]; weights: [u][units]; sums: [batch][p][units]; returns 0, or -1 without memory */
EXPORT int reference_convolution_forward(const windows_t *w, const int16_t *x, const int32_t *weights, int64_t *sums,
        size_t batch, size_t units)
{
    size_t stride = PRODUCTS_STRIDE(cells(w)), group = group_size(w, batch);
    int16_t *patches = calloc(group * positions(w) * stride + CHUNK, sizeof(*patches));
    int16_t *around = calloc(padded(w), sizeof(*around));
    void *scratch = malloc(PRODUCTS_SCRATCH(cells(w), units));
    int result = patches == NULL || around == NULL || scratch == NULL ? -1 : 0;
    memset(sums, 0, batch * positions(w) * units * sizeof(*sums));
    for (size_t s = 0; s < batch && result == 0; s += group) {
        size_t count = batch - s < group ? batch - s : group;
        for (size_t g = 0; g < count; g++) {
            pad(w, x + (s + g) * image(w), around);
            take_patches(w, around, patches + g * positions(w) * stride, stride);
        }
        add_products(weights, patches, sums + s * positions(w) * units, count * positions(w), cells(w), units, scratch);
    }
    free(patches);
    free(around);
    free(scratch);
    return result;
}

/* d: [batch][p][units]; e: [batch][image] */
EXPORT int reference_convolution_backward(const windows_t *w, const int32_t *d, const int32_t *weights, int64_t *e,
        size_t batch, size_t units)
{
    size_t group = group_size(w, batch), most = group * positions(w);
    int16_t *upper = malloc((cells(w) * units + PRODUCTS_SLACK) * sizeof(*upper));          /* [unit][u] */
    int64_t *errors = malloc(most * cells(w) * sizeof(*errors));
    void *scratch = malloc(PRODUCTS_SCRATCH(units, cells(w)) + PRODUCTS_SCRATCH(units, most));
    int result = upper == NULL || errors == NULL || scratch == NULL ? -1 : 0;
    memset(e, 0, batch * image(w) * sizeof(*e));
    for (size_t u = 0; u < cells(w) && result == 0; u++) {
        for (size_t j = 0; j < units; j++) {
            upper[j * cells(w) + u] = (int16_t) (*weights++ >> 16);
        }
    }
    for (size_t s = 0; s < batch && result == 0; s += group) {
        size_t count = batch - s < group ? batch - s : group, rows = count * positions(w);
        memset(errors, 0, rows * cells(w) * sizeof(*errors));
        add_row_products(d + s * positions(w) * units, upper, errors, cells(w), 1, rows, units, cells(w), scratch);
        for (size_t g = 0; g < count; g++) {
            add_patches(w, errors + g * positions(w) * cells(w), e + (s + g) * image(w));
        }
    }
    free(upper);
    free(errors);
    free(scratch);
    return result;
}

/* gradient: [u][units] */
EXPORT int reference_convolution_gradient(const windows_t *w, const int16_t *x, const int32_t *d, int64_t *gradient,
        size_t batch, size_t units, uint32_t shift)
{
    size_t group = group_size(w, batch), most = group * positions(w);
    int16_t *patches = malloc((most * cells(w) + CHUNK + PRODUCTS_SLACK) * sizeof(*patches));
    int16_t *around = calloc(padded(w), sizeof(*around));
    int32_t *shifted = malloc(most * units * sizeof(*shifted));         /* [unit][p] */
    void *scratch = malloc(PRODUCTS_SCRATCH(most, cells(w)) + PRODUCTS_SCRATCH(most, units));
    int result = patches == NULL || around == NULL || shifted == NULL || scratch == NULL ? -1 : 0;
    memset(gradient, 0, cells(w) * units * sizeof(*gradient));
    for (size_t s = 0; s < batch && result == 0; s += group) {
        size_t count = batch - s < group ? batch - s : group, depth = count * positions(w);
        for (size_t p = 0; p < depth; p++) {
            for (size_t j = 0; j < units; j++) {
                shifted[j * depth + p] = *d++ >> shift;
            }
        }
        for (size_t g = 0; g < count; g++) {
            pad(w, x + (s + g) * image(w), around);
            take_patches(w, around, patches + g * positions(w) * cells(w), cells(w));
        }
        add_row_products(shifted, patches, gradient, 1, units, units, depth, cells(w), scratch);
    }
    free(patches);
    free(around);
    free(shifted);
    free(scratch);
    return result;
}
