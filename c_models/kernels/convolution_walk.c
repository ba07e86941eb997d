/* The walk over a tile's positions and columns; the loops inside are in convolution.S. */
#include "convolution.h"

#ifdef __arm__

/* Of a list: a byte offset and a number, not zero; two in one word for the forward pass. */
typedef struct entry_t {
    uint32_t offset;
    int32_t value;
} entry_t;

#define LIST_ENTRIES 192

/* One list at a time; behind it one number for evenness, and its end. */
static entry_t list[LIST_ENTRIES + 2];

typedef struct pairs_t {
    uint32_t rows, run, skip, step, offset;
} pairs_t;

typedef struct narrow_t {
    uint32_t step, rows, run, skip_x, skip_sums;
} narrow_t;

typedef struct backward_t {
    uint32_t rows, run, skip, step, eights, four;
} backward_t;

typedef struct errors_t {
    uint32_t offset, rows, columns, to_even, to_odd, to_row;
} errors_t;

typedef struct gradient_t {
    uint32_t step, rows, run, skip;
} gradient_t;

entry_t *convolution_pairs(entry_t *to, const int16_t *x0, const int16_t *x1, const pairs_t *of);
void convolution_multiply(const entry_t *of, const int32_t *weights, int32_t *sums0, int32_t *sums1, uint32_t groups,
        uint32_t list_bytes);
void convolution_narrow_3(int32_t *sums, const int32_t *weights, const int16_t *x, const narrow_t *of);
void convolution_narrow_5(int32_t *sums, const int32_t *weights, const int16_t *x, const narrow_t *of);
void convolution_backward_position(int32_t *e, const int32_t *weights, const int32_t *d, const backward_t *of);
entry_t *convolution_errors(entry_t *to, const int32_t *d, uint32_t step, const errors_t *of);
void convolution_gradient_column(const entry_t *of, int32_t *gradient, const int16_t *x, const gradient_t *run);

static inline uint32_t minimum(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* How often `part` fits into the list; the core cannot divide. */
static __attribute__((noinline)) uint32_t fitting(uint32_t part)
{
    uint32_t n = 0;
    for (uint32_t room = LIST_ENTRIES; room >= part; room -= part) {
        n++;
    }
    return n;
}

static __attribute__((noinline)) void clear(int32_t *words, uint32_t n)
{
    uint32_t k = 0;
    for (; k + 8 <= n; k += 8, words += 8) {
        words[0] = words[1] = words[2] = words[3] = 0;
        words[4] = words[5] = words[6] = words[7] = 0;
    }
    for (; k < n; k++) {
        *words++ = 0;
    }
}

/*
 * The forward pass where a kernel's row is 3 or 5 neighbours in x: four positions at a time, so of each row all but 3 at
 * most.  Returns the columns done.
 */
static uint32_t forward_narrow(const convolution_t *shape, int32_t *sums, const int32_t *weights, const int16_t *x)
{
    uint32_t width = shape->kernel_columns;
    if (shape->in_pitch != 1 || shape->stride_columns != 1 || (width != 3 && width != 5)) {
        return 0;
    }
    uint32_t n_columns = shape->n_columns;
    uint32_t columns = shape->out_columns & ~3u;
    narrow_t rows = { n_columns * 4, shape->out_rows, columns * 2, (shape->stride_rows * shape->in_width - columns) * 2,
        (shape->out_columns - columns) * n_columns * 4 };
    for (uint32_t k = 0; columns > 0 && k < shape->kernel_rows; k++, weights += width * n_columns, x += shape->in_width) {
        for (uint32_t j = 0; j < shape->n_channels; j++) {
            (width == 3 ? convolution_narrow_3 : convolution_narrow_5)(sums + j, weights + j, x, &rows);
        }
    }
    return columns;
}

/* The same for any two positions. */
static void forward_pair(const convolution_t *shape, int32_t *const sums[2], const int32_t *weights,
        const int16_t *const patches[2])
{
    uint32_t n_columns = shape->n_columns;
    uint32_t run = shape->kernel_columns * shape->in_pitch;
    uint32_t line = shape->in_width * shape->in_pitch;
    /* as many kernel rows at once as the list holds, or part of one */
    uint32_t part = minimum(run, LIST_ENTRIES);
    uint32_t rows = part * shape->kernel_rows <= LIST_ENTRIES ? shape->kernel_rows : fitting(part);
    pairs_t pairs = { .step = n_columns * 4 };
    for (uint32_t row = 0; row < shape->kernel_rows; row += rows) {
        pairs.rows = minimum(rows, shape->kernel_rows - row);
        for (uint32_t u = 0; u < run; u += part) {
            uint32_t at = row * line + u;
            pairs.run = minimum(part, run - u);
            pairs.skip = (line - pairs.run) * 2;
            pairs.offset = (row * run + u) * n_columns * 4;
            entry_t *end = convolution_pairs(list, patches[0] + at, patches[1] + at, &pairs);
            if (end != list) {
                convolution_multiply(list, weights, sums[0], sums[1], n_columns / 4,
                        (uint32_t) ((uintptr_t) end - (uintptr_t) list));
            }
        }
    }
}

void convolution_forward(const convolution_t *shape, int32_t *sums, const int32_t *weights, const int16_t *x)
{
    uint32_t n_columns = shape->n_columns;
    uint32_t across = shape->stride_columns * shape->in_pitch;
    uint32_t down = shape->stride_rows * shape->in_width * shape->in_pitch;
    clear(sums, shape->out_rows * shape->out_columns * n_columns);

    uint32_t done = forward_narrow(shape, sums, weights, x);
    const int16_t *patches[2];
    int32_t *of[2];
    uint32_t waiting = 0;
    for (uint32_t row = 0; row < shape->out_rows && done < shape->out_columns; row++, x += down) {
        const int16_t *patch = x + done * across;
        sums += done * n_columns;
        for (uint32_t column = done; column < shape->out_columns; column++, patch += across, sums += n_columns) {
            patches[waiting] = patch;
            of[waiting] = sums;
            waiting ^= 1;
            if (waiting == 0) {
                forward_pair(shape, of, weights, patches);
            }
        }
    }
    if (waiting != 0) {
        /* one without a partner is computed twice */
        patches[1] = patches[0];
        of[1] = of[0];
        forward_pair(shape, of, weights, patches);
    }
}

void convolution_backward(const convolution_t *shape, int32_t *e, const int32_t *weights, const int32_t *d)
{
    uint32_t n_columns = shape->n_columns;
    uint32_t run = shape->kernel_columns * shape->in_pitch;
    uint32_t line = shape->in_width * shape->in_pitch;
    uint32_t across = shape->stride_columns * shape->in_pitch;
    uint32_t down = shape->stride_rows * line - shape->out_columns * across;
    clear(e, shape->in_rows * line);

    backward_t position = { shape->kernel_rows, run * 4, (line - run) * 4, n_columns * 4, n_columns / 8, n_columns & 4 };
    for (uint32_t row = 0; row < shape->out_rows; row++, e += down) {
        for (uint32_t column = 0; column < shape->out_columns; column++, e += across, d += n_columns) {
            convolution_backward_position(e, weights, d, &position);
        }
    }
}

/* Adds what a rectangle of positions contributes to the gradient of every column. */
static void add_gradients(const convolution_t *shape, int32_t *gradient, const int16_t *x, const int32_t *d,
        const errors_t *errors, const gradient_t *run)
{
    for (uint32_t j = 0; j < shape->n_channels; j++) {
        entry_t *end = convolution_errors(list, d + j, shape->n_columns * 4, errors);
        if (end == list) {
            continue;
        }
        end->offset = end[-1].offset;
        end->value = 0;
        end += (uint32_t) (end - list) & 1;
        end->offset = 0;
        end->value = 0;
        convolution_gradient_column(list, gradient + j, x, run);
    }
}

void convolution_gradient(const convolution_t *shape, int32_t *gradient, const int16_t *x, const int32_t *d_shifted)
{
    uint32_t n_columns = shape->n_columns;
    uint32_t run = shape->kernel_columns * shape->in_pitch;
    uint32_t line = shape->in_width * shape->in_pitch;
    uint32_t across = shape->stride_columns * shape->in_pitch * 2;
    uint32_t to_odd = across;
    uint32_t to_even = across;
    if (across & 2) {
        /* x is read in words: patches at odd elements are read from a copy that is moved by one */
        uint32_t n = shape->in_rows * shape->in_width;
        int16_t *copy = shape->shifted;
        for (uint32_t k = 1; k < n; k++) {
            copy[k - 1] = x[k];
        }
        copy[n - 1] = 0;
        uint32_t to_copy = (uint32_t) ((uintptr_t) copy - (uintptr_t) x) - 2;
        to_odd += to_copy;
        to_even -= to_copy;
    }
    gradient_t patch = { n_columns * 4, shape->kernel_rows, run, (line - run) * 2 };
    errors_t errors = { .to_even = to_even, .to_odd = to_odd };

    /* as many rows of positions at once as the list holds, or an even part of one */
    uint32_t part = minimum(shape->out_columns, LIST_ENTRIES);
    uint32_t rows = fitting(part);
    for (uint32_t row = 0; row < shape->out_rows; row += rows) {
        errors.rows = minimum(rows, shape->out_rows - row);
        for (uint32_t column = 0; column < shape->out_columns; column += part) {
            errors.columns = minimum(part, shape->out_columns - column);
            errors.offset = row * shape->stride_rows * line * 2 + column * across - to_even;
            errors.to_row = shape->stride_rows * line * 2 - (errors.columns + 1) / 2 * to_even - errors.columns / 2 * to_odd;
            add_gradients(shape, gradient, x, d_shifted + (row * shape->out_columns + column) * n_columns, &errors, &patch);
        }
    }
}

#endif
