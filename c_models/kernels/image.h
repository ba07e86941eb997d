/* Where the elements of a tile's local image are. */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdint.h>

/*
 * Row r, column c, channel k is element r * line + c * pitch + k.  Values (16 bits), f' (16 bits) and errors (32 bits) of
 * one image have the same element numbers.  Elements that are no real row, column or channel are never written.
 * A vector is one pixel.
 */
typedef struct image_t {
    uint32_t rows, columns, channels;       /* real ones */
    uint32_t pitch;                         /* >= channels */
    uint32_t line;                          /* >= columns * pitch */
} image_t;

#endif
