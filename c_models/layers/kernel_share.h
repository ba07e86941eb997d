/*
 * Biases and kernels of a convolution tile, and their update together with the other tiles that have the same (exchange.h): the
 * tiles of a replica sum their gradients, each a share; then the replicas add these sums, each a share of the share.  What is new
 * goes to all at once.
 *
 * Gradients and parameters are exchanged as vectors of the same form: each bias in two words (the gradient of 64 bits; a
 * parameter in the first), then the kernels.
 */
#ifndef KERNEL_SHARE_H
#define KERNEL_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "exchange.h"

typedef struct kernel_share_shape_t {
    uint32_t n_columns;            /* biases, and columns of the kernels */
    uint32_t n_weights;            /* words of the kernels */
    uint32_t use_bias;
    exchange_shape_t tiles;        /* exchange with those of this replica of the network: each gathers its share there */
    exchange_shape_t replicas;     /* of that share, with the same tile of the others: the share that this one updates */
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

/* Exchange and update after a batch of the pass. */
void kernel_share_update(uint32_t batch);

/* Whether a gradient did not fit since the last call. */
bool kernel_share_overflowed(void);

#endif
