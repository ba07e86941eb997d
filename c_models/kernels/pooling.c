#include "pooling.h"

#include "fixed_point.h"

/* What of a window lies in the image: its first cell's element number, rows and columns. */
typedef struct window_t {
    uint32_t at, rows, columns;
} window_t;

/* Not in line: it is large, and needed in four places. */
static __attribute__((noinline)) void find_window(const pooling_t *shape, uint32_t row, uint32_t column, window_t *window)
{
    int32_t top = shape->first_row + (int32_t) (row * shape->stride_rows);
    int32_t left = shape->first_column + (int32_t) (column * shape->stride_columns);
    int32_t bottom = top + (int32_t) shape->window_rows;
    int32_t right = left + (int32_t) shape->window_columns;
    top = top < 0 ? 0 : top;
    left = left < 0 ? 0 : left;
    bottom = bottom > (int32_t) shape->in.rows ? (int32_t) shape->in.rows : bottom;
    right = right > (int32_t) shape->in.columns ? (int32_t) shape->in.columns : right;
    window->at = (uint32_t) top * shape->in.line + (uint32_t) left * shape->in.pitch;
    window->rows = (uint32_t) (bottom - top);
    window->columns = (uint32_t) (right - left);
}

static void clear(const pooling_t *shape, int32_t *e)
{
    uint32_t n = shape->in.rows * shape->in.line;
    for (uint32_t k = 0; k < n; k++) {
        e[k] = 0;
    }
}

/*
 * Windows that are neighbours in a row, and alike; one alone where they are cut off by the image's border.  Gaps in bytes:
 * `down` from the end of a window's row to the next, `across` from the channels of a window's first cell to those of the next
 * window, `to` between the channels of pixels of the other image.
 */
typedef struct windows_t {
    uint32_t windows, channels, rows, columns;
    uint32_t pitch, down, across, to;
    uint32_t mantissa, left, rest, right;   /* 1 / cells = mantissa / 2**(32 - left + right); rest = 32 - left */
} windows_t;

#ifdef __arm__
void average_windows(const int16_t *x, int16_t *out, const windows_t *of);
uint32_t spread_windows(const int32_t *e_out, int32_t *e, const windows_t *of);
#else
static int32_t share(int32_t value, const windows_t *of)
{
    return (int32_t) round_scale(value, of->mantissa, 32 - of->left + of->right);
}

static void average_windows(const int16_t *x, int16_t *out, const windows_t *of)
{
    for (uint32_t n = of->windows; n > 0; n--, x += of->across / 2, out += of->to / 2) {
        for (uint32_t k = of->channels; k > 0; k--) {
            const int16_t *cell = x++;
            int32_t sum = 0;
            for (uint32_t i = of->rows; i > 0; i--, cell += of->down / 2) {
                for (uint32_t j = of->columns; j > 0; j--, cell += of->pitch / 2) {
                    sum += *cell;
                }
            }
            *out++ = (int16_t) share(sum, of);
        }
    }
}

static uint32_t spread_windows(const int32_t *e_out, int32_t *e, const windows_t *of)
{
    uint32_t overflows = 0;
    for (uint32_t n = of->windows; n > 0; n--, e += of->across / 4, e_out += of->to / 4) {
        for (uint32_t k = of->channels; k > 0; k--) {
            int32_t part = share(*e_out++, of);
            int32_t *cell = e++;
            for (uint32_t i = of->rows; i > 0; i--, cell += of->down / 4) {
                for (uint32_t j = of->columns; j > 0; j--, cell += of->pitch / 4) {
                    overflows += __builtin_add_overflow(*cell, part, cell);
                }
            }
        }
    }
    return overflows;
}
#endif

/* The run of windows that begins at a column of what goes out; `bytes` of an element of both
 * images.  Returns the element number of the first cell. */
static __attribute__((noinline)) uint32_t find_windows(const pooling_t *shape, uint32_t row, uint32_t column, uint32_t bytes,
        windows_t *run)
{
    window_t window;
    find_window(shape, row, column, &window);
    uint32_t n = 1;
    if (window.columns == shape->window_columns) {
        int32_t right = shape->first_column + (int32_t) (column * shape->stride_columns + shape->window_columns);
        int32_t last = (int32_t) shape->in.columns - (int32_t) shape->stride_columns;
        for (; right <= last && column + n < shape->out.columns; right += (int32_t) shape->stride_columns) {
            n++;
        }
    }
    /* mantissa < 2**31, and more than half of that: shift is 30 or more */
    const share_t *of = &shape->rates[window.rows * window.columns - shape->fewest];
    uint32_t left = of->shift < 32 ? 32 - of->shift : 0;
    uint32_t pitch = shape->in.pitch;
    *run = (windows_t) { n, shape->in.channels, window.rows, window.columns, pitch * bytes,
        (shape->in.line - window.columns * pitch) * bytes, (shape->stride_columns * pitch - shape->in.channels) * bytes,
        (shape->out.pitch - shape->out.channels) * bytes, of->mantissa, left, 32 - left, of->shift + left - 32 };
    return window.at;
}

/* The largest of one window in channels that are neighbours two by two; words of x are read. */
typedef struct largest_t {
    uint32_t rows, columns;
    const int16_t *x;
    uint32_t pairs;
    uint32_t pitch, down;                   /* bytes to the next cell, and more from a row's end to the next */
} largest_t;

#ifdef __arm__
void largest_of_pairs(const int16_t *first, int16_t *largest, uint16_t *winners, const largest_t *of);
#else
static void largest_of_pairs(const int16_t *first, int16_t *largest, uint16_t *winners, const largest_t *of)
{
    for (uint32_t k = 0; k < 2 * of->pairs; k++) {
        const int16_t *cell = first + k;
        const int16_t *winner = cell;
        for (uint32_t i = 0; i < of->rows; i++, cell += of->down / 2) {
            for (uint32_t j = 0; j < of->columns; j++, cell += of->pitch / 2) {
                winner = *cell > *winner ? cell : winner;
            }
        }
        largest[k] = *winner;
        winners[k] = (uint16_t) (winner - of->x);
    }
}
#endif

void pooling_maximum(const pooling_t *shape, const int16_t *x, int16_t *out, uint16_t *winners)
{
    uint32_t pitch = shape->in.pitch;
    uint32_t line = shape->in.line;
    uint32_t channels = shape->in.channels;
    uint32_t odd = (pitch | line | shape->out.pitch | shape->out.line) & 1;
    largest_t largest = { .x = x, .pairs = odd ? 0 : channels / 2, .pitch = pitch * 2 };
    for (uint32_t row = 0; row < shape->out.rows; row++) {
        uint32_t to = row * shape->out.line;
        for (uint32_t column = 0; column < shape->out.columns; column++, to += shape->out.pitch) {
            window_t window;
            find_window(shape, row, column, &window);
            largest.rows = window.rows;
            largest.columns = window.columns;
            largest.down = (line - window.columns * pitch) * 2;
            if (largest.pairs > 0) {
                largest_of_pairs(x + window.at, out + to, winners + to, &largest);
            }
            for (uint32_t k = 2 * largest.pairs; k < channels; k++) {
                const int16_t *cell = x + window.at + k;
                const int16_t *winner = cell;
                int32_t value = *cell;
                for (uint32_t i = window.rows; i > 0; i--, cell += largest.down / 2) {
                    for (uint32_t j = window.columns; j > 0; j--, cell += pitch) {
                        if (*cell > value) {
                            value = *cell;
                            winner = cell;
                        }
                    }
                }
                out[to + k] = (int16_t) value;
                winners[to + k] = (uint16_t) (winner - x);
            }
        }
    }
}

uint32_t pooling_maximum_backward(const pooling_t *shape, const int32_t *e_out, const uint16_t *winners, int32_t *e)
{
    uint32_t overflows = 0;
    clear(shape, e);
    for (uint32_t row = 0; row < shape->out.rows; row++) {
        uint32_t from = row * shape->out.line;
        for (uint32_t column = 0; column < shape->out.columns; column++, from += shape->out.pitch) {
            for (uint32_t k = from; k < from + shape->in.channels; k++) {
                int32_t *cell = &e[winners[k]];
                overflows += __builtin_add_overflow(*cell, e_out[k], cell);
            }
        }
    }
    return overflows;
}

void pooling_average(const pooling_t *shape, const int16_t *x, int16_t *out)
{
    for (uint32_t row = 0; row < shape->out.rows; row++) {
        windows_t run;
        for (uint32_t column = 0; column < shape->out.columns; column += run.windows) {
            uint32_t at = find_windows(shape, row, column, sizeof(int16_t), &run);
            average_windows(x + at, out + row * shape->out.line + column * shape->out.pitch, &run);
        }
    }
}

uint32_t pooling_average_backward(const pooling_t *shape, const int32_t *e_out, int32_t *e)
{
    uint32_t overflows = 0;
    clear(shape, e);
    for (uint32_t row = 0; row < shape->out.rows; row++) {
        windows_t run;
        for (uint32_t column = 0; column < shape->out.columns; column += run.windows) {
            uint32_t at = find_windows(shape, row, column, sizeof(int32_t), &run);
            overflows += spread_windows(e_out + row * shape->out.line + column * shape->out.pitch, e + at, &run);
        }
    }
    return overflows;
}
