/*
 * The small layers that run on the cores of the layer before them: activation, dropout, pooling.  They follow each other on
 * the core's own block of the image: forward on 16-bit values, backward on partial errors (s7.24).
 */
#ifndef UNIT_CHAIN_H
#define UNIT_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What a binary can run, as 1 << kind of each: ITCM does not hold everything beside a convolution.  build.py defines it, and
 * dlgraph/mapping/stages.py knows it.
 */
enum operation_kind {
    OPERATION_ACTIVATION = 0,
    OPERATION_DROPOUT = 1,
    OPERATION_AVERAGE = 2,
    OPERATION_MAXIMUM = 3,
};

#define CHAIN_CAN(kind) ((CHAIN_OPERATIONS) >> (kind) & 1)

/* Reads the operations from SDRAM, claims what they need; returns what follows them there. */
const uint32_t *chain_prepare(const uint32_t *words);

/* Whether an error did not fit since the last call. */
bool chain_overflowed(void);

/* The values behind the last operation; works in place where it can.  Only until the next call. */
int16_t *chain_forward(uint32_t sample, int16_t *values);

/* The partial errors before the first operation; works in place where it can. */
int32_t *chain_backward(uint32_t sample, int32_t *e);

#endif
