/* What a group of units does with the sums that its slices send: add them up, checked. */
#ifndef UNIT_SUMS_H
#define UNIT_SUMS_H

#include <stdbool.h>
#include <stdint.h>

/* The sum of `n_planes` values, `stride` words apart; remembers if it does not fit 32 bits. */
int32_t unit_sum(const int32_t *first, uint32_t n_planes, uint32_t stride);

/* a = sat32(round(sum, excess) + bias), s8.23; excess = fraction of the sum - 23, may be negative. */
int32_t unit_pre_activation(int32_t sum, int32_t excess, int32_t bias, uint32_t *saturations);

/* Whether a sum did not fit since the last call. */
bool unit_sums_overflowed(void);

#endif
