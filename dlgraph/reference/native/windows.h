/* Windows over an image, for convolution and pooling; dlgraph/reference/native/__init__.py has the same. */
#ifndef WINDOWS_H
#define WINDOWS_H

#include <stddef.h>

typedef struct windows_t {
    size_t height, width, channels;             /* of the image */
    size_t rows, columns;                       /* of a window */
    size_t row_stride, column_stride;
    size_t top, left;                           /* padding */
    size_t down, across;                        /* positions */
} windows_t;

static inline size_t positions(const windows_t *w)
{
    return w->down * w->across;
}

/* Numbers in a window. */
static inline size_t cells(const windows_t *w)
{
    return w->rows * w->columns * w->channels;
}

/* Numbers in an image. */
static inline size_t image(const windows_t *w)
{
    return w->height * w->width * w->channels;
}

#endif
