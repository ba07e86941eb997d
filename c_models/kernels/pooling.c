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

/* 1 / cells. */
static inline const share_t *share_of(const pooling_t *shape, const window_t *window)
{
    return &shape->rates[window->rows * window->columns - shape->fewest];
}

static void clear(const pooling_t *shape, int32_t *e)
{
    uint32_t n = shape->in.rows * shape->in.line;
    for (uint32_t k = 0; k < n; k++) {
        e[k] = 0;
    }
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

void pooling_average(const pooling_t *shape, const int16_t *x, int16_t *out, uint32_t *saturations)
{
    uint32_t pitch = shape->in.pitch;
    uint32_t channels = shape->in.channels;
    for (uint32_t row = 0; row < shape->out.rows; row++) {
        uint32_t to = row * shape->out.line;
        for (uint32_t column = 0; column < shape->out.columns; column++, to += shape->out.pitch) {
            window_t window;
            find_window(shape, row, column, &window);
            const share_t *share = share_of(shape, &window);
            const int16_t *first = x + window.at;
            uint32_t rows = window.rows;
            uint32_t columns = window.columns;
            uint32_t down = shape->in.line - columns * pitch;
            for (uint32_t k = 0; k < channels; k++) {
                const int16_t *cell = first + k;
                int32_t sum = 0;
                for (uint32_t i = rows; i > 0; i--, cell += down) {
                    for (uint32_t j = columns; j > 0; j--, cell += pitch) {
                        sum += *cell;
                    }
                }
                out[to + k] = saturate16((int32_t) round_scale(sum, share->mantissa, share->shift), saturations);
            }
        }
    }
}

uint32_t pooling_average_backward(const pooling_t *shape, const int32_t *e_out, int32_t *e)
{
    uint32_t overflows = 0;
    uint32_t pitch = shape->in.pitch;
    uint32_t channels = shape->in.channels;
    clear(shape, e);
    for (uint32_t row = 0; row < shape->out.rows; row++) {
        uint32_t from = row * shape->out.line;
        for (uint32_t column = 0; column < shape->out.columns; column++, from += shape->out.pitch) {
            window_t window;
            find_window(shape, row, column, &window);
            const share_t *share = share_of(shape, &window);
            int32_t *first = e + window.at;
            uint32_t rows = window.rows;
            uint32_t columns = window.columns;
            uint32_t down = shape->in.line - columns * pitch;
            for (uint32_t k = 0; k < channels; k++) {
                int32_t part = (int32_t) round_scale(e_out[from + k], share->mantissa, share->shift);
                int32_t *cell = first + k;
                if (part == 0) {
                    continue;
                }
                for (uint32_t i = rows; i > 0; i--, cell += down) {
                    for (uint32_t j = columns; j > 0; j--, cell += pitch) {
                        overflows += __builtin_add_overflow(*cell, part, cell);
                    }
                }
            }
        }
    }
    return overflows;
}
