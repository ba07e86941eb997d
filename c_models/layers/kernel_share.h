/*
 * Biases and kernels of a convolution tile, and their update together with the other tiles that have the same.
 *
 * At the end of a batch each tile sends every other the part of its gradient that is the other's share, sums what comes for its
 * own share, updates that, and sends what is new to all.  Gradients and parameters are vectors of the same form: each bias
 * in two words (the gradient of 64 bits; a parameter in the first), then the kernels.  They are exchanged in
 * segments, so that what is on its way needs little memory; every tile has the same share of each segment.
 * The number of the segment, counted on over the batches, takes the place of the sample's.
 */
#ifndef KERNEL_SHARE_H
#define KERNEL_SHARE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct kernel_share_shape_t {
    uint32_t n_columns;            /* biases, and columns of the kernels */
    uint32_t n_weights;            /* words of the kernels */
    uint32_t n_tiles;              /* that share them */
    uint32_t n_segments;
    uint32_t segment;              /* words of one */
    uint32_t start;                /* this tile's share of each segment; even, as all shares' ends */
    uint32_t stop;
    uint32_t use_bias;
} kernel_share_shape_t;

typedef struct kernel_share_t {
    int32_t *biases;               /* [n_columns], s8.23 */
    int32_t *kernels;              /* [n_weights], s3.28 */
    int32_t *gradient;             /* [n_weights], fraction 12 + fx - s */
    int64_t *bias_gradient;        /* [n_columns], fraction 28 */
} kernel_share_t;

extern kernel_share_t kernel_share;

void kernel_share_prepare(const kernel_share_shape_t *shape);

/* From SDRAM, and back to it. */
void kernel_share_load(void);
void kernel_share_store(void);

/* Exchange and update at the end of a batch. */
void kernel_share_update(uint32_t batch, uint32_t batch_end);

/* Whether a gradient did not fit since the last call. */
bool kernel_share_overflowed(void);

#endif
