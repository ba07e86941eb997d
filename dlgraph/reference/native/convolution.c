/*
 * The convolution for whole batches: patches of the image are laid out as rows of a matrix.  A dense layer is the
 * convolution of an image of one pixel.
 */
#include <stdlib.h>
#include <string.h>

#include "products.h"
#include "windows.h"

/* The positions at which cell `cell` of a window lies in the image, along one axis: first, and behind the last. */
static void inside(size_t cell, size_t before, size_t stride, size_t size, size_t count, size_t *first, size_t *end)
{
    *first = cell >= before ? 0 : (before - cell + stride - 1) / stride;
    size_t room = size + before;                /* position * stride + cell < room */
    *end = cell >= room ? 0 : (room - cell + stride - 1) / stride;
    if (*end > count) {
        *end = count;
    }
    if (*first > *end) {
        *first = *end;
    }
}

/* patches[p][u], rows of `stride` numbers, 0 before */
static void patches_by_position(const windows_t *w, const int16_t *x, int16_t *patches, size_t stride)
{
    for (size_t row = 0; row < w->rows; row++) {
        size_t first, end;
        inside(row, w->top, w->row_stride, w->height, w->down, &first, &end);
        for (size_t p = first; p < end; p++) {
            const int16_t *line = x + (p * w->row_stride + row - w->top) * w->width * w->channels;
            for (size_t q = 0; q < w->across; q++) {
                /* columns of the window from `skip` on, as long as they are in the image */
                size_t start = q * w->column_stride;
                size_t skip = start >= w->left ? 0 : w->left - start;
                size_t until = w->width + w->left - start;
                until = start >= w->width + w->left ? 0 : until < w->columns ? until : w->columns;
                if (skip < until) {
                    memcpy(patches + (p * w->across + q) * stride + (row * w->columns + skip) * w->channels,
                            line + (start + skip - w->left) * w->channels, (until - skip) * w->channels * sizeof(*x));
                }
            }
        }
    }
}

/* patches[u][p], rows of `stride` numbers, 0 before */
static void patches_by_cell(const windows_t *w, const int16_t *x, int16_t *patches, size_t stride)
{
    for (size_t row = 0; row < w->rows; row++) {
        size_t first, end;
        inside(row, w->top, w->row_stride, w->height, w->down, &first, &end);
        for (size_t column = 0; column < w->columns; column++) {
            size_t left, right;
            inside(column, w->left, w->column_stride, w->width, w->across, &left, &right);
            for (size_t c = 0; c < w->channels; c++, patches += stride) {
                for (size_t p = first; p < end; p++) {
                    const int16_t *line = x + (p * w->row_stride + row - w->top) * w->width * w->channels + c;
                    for (size_t q = left; q < right; q++) {
                        patches[p * w->across + q] = line[(q * w->column_stride + column - w->left) * w->channels];
                    }
                }
            }
        }
    }
}

/* e[cell of the image] += errors[u][p], rows of `stride` numbers */
static void add_to_image(const windows_t *w, const int64_t *errors, size_t stride, int64_t *e)
{
    for (size_t row = 0; row < w->rows; row++) {
        size_t first, end;
        inside(row, w->top, w->row_stride, w->height, w->down, &first, &end);
        for (size_t column = 0; column < w->columns; column++) {
            size_t left, right;
            inside(column, w->left, w->column_stride, w->width, w->across, &left, &right);
            for (size_t c = 0; c < w->channels; c++, errors += stride) {
                for (size_t p = first; p < end; p++) {
                    int64_t *line = e + (p * w->row_stride + row - w->top) * w->width * w->channels + c;
                    for (size_t q = left; q < right; q++) {
                        line[(q * w->column_stride + column - w->left) * w->channels] += errors[p * w->across + q];
                    }
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
    int16_t *patches = malloc(group * positions(w) * stride * sizeof(*patches));
    void *scratch = malloc(PRODUCTS_SCRATCH(cells(w), units));
    int result = patches == NULL || scratch == NULL ? -1 : 0;
    memset(sums, 0, batch * positions(w) * units * sizeof(*sums));
    for (size_t s = 0; s < batch && result == 0; s += group) {
        size_t count = batch - s < group ? batch - s : group;
        memset(patches, 0, count * positions(w) * stride * sizeof(*patches));
        for (size_t g = 0; g < count; g++) {
            patches_by_position(w, x + (s + g) * image(w), patches + g * positions(w) * stride, stride);
        }
        add_products(weights, patches, sums + s * positions(w) * units, count * positions(w), cells(w), units, scratch);
    }
    free(patches);
    free(scratch);
    return result;
}

/* d: [batch][p][units]; e: [batch][image] */
EXPORT int reference_convolution_backward(const windows_t *w, const int32_t *d, const int32_t *weights, int64_t *e,
        size_t batch, size_t units)
{
    size_t stride = PRODUCTS_STRIDE(units), group = group_size(w, batch), most = group * positions(w);
    int16_t *upper = calloc(cells(w) * stride, sizeof(*upper));
    int32_t *by_unit = malloc(most * units * sizeof(*by_unit));
    int64_t *errors = malloc(cells(w) * most * sizeof(*errors));
    void *scratch = malloc(PRODUCTS_SCRATCH(units, most));
    int result = upper == NULL || by_unit == NULL || errors == NULL || scratch == NULL ? -1 : 0;
    memset(e, 0, batch * image(w) * sizeof(*e));
    for (size_t u = 0; u < cells(w) && result == 0; u++) {
        for (size_t j = 0; j < units; j++) {
            upper[u * stride + j] = (int16_t) (weights[u * units + j] >> 16);
        }
    }
    for (size_t s = 0; s < batch && result == 0; s += group) {
        size_t count = batch - s < group ? batch - s : group, width = count * positions(w);
        for (size_t p = 0; p < width; p++, d += units) {
            for (size_t j = 0; j < units; j++) {
                by_unit[j * width + p] = d[j];
            }
        }
        memset(errors, 0, cells(w) * width * sizeof(*errors));
        add_products(by_unit, upper, errors, cells(w), units, width, scratch);
        for (size_t g = 0; g < count; g++) {
            add_to_image(w, errors + g * positions(w), width, e + (s + g) * image(w));
        }
    }
    free(upper);
    free(by_unit);
    free(errors);
    free(scratch);
    return result;
}

/* gradient: [u][units] */
EXPORT int reference_convolution_gradient(const windows_t *w, const int16_t *x, const int32_t *d, int64_t *gradient,
        size_t batch, size_t units, uint32_t shift)
{
    size_t group = group_size(w, batch), most = group * positions(w);
    int16_t *patches = malloc(cells(w) * PRODUCTS_STRIDE(most) * sizeof(*patches));
    int32_t *shifted = malloc(most * units * sizeof(*shifted));
    void *scratch = malloc(PRODUCTS_SCRATCH(most, units));
    int result = patches == NULL || shifted == NULL || scratch == NULL ? -1 : 0;
    memset(gradient, 0, cells(w) * units * sizeof(*gradient));
    for (size_t s = 0; s < batch && result == 0; s += group) {
        size_t count = batch - s < group ? batch - s : group, depth = count * positions(w);
        size_t stride = PRODUCTS_STRIDE(depth);
        for (size_t k = 0; k < depth * units; k++) {
            shifted[k] = *d++ >> shift;
        }
        memset(patches, 0, cells(w) * stride * sizeof(*patches));
        for (size_t g = 0; g < count; g++) {
            patches_by_cell(w, x + (s + g) * image(w), patches + g * positions(w), stride);
        }
        add_products(shifted, patches, gradient, cells(w), depth, units, scratch);
    }
    free(patches);
    free(shifted);
    free(scratch);
    return result;
}
