/* The order of samples in an epoch; dlgraph/order.py is the same in NumPy. */
#ifndef ORDER_H
#define ORDER_H

#include <stdint.h>

#define ORDER_ROUNDS 6

/*
 * Which sample position k uses: a bijection of 0 .. n-1.
 * half_bits: max(1, (clog2(n) + 1) / 2); keys: [ORDER_ROUNDS], made from seed and epoch by the host.
 */
uint32_t order_sample(uint32_t k, uint32_t n, uint32_t half_bits, const uint32_t *keys);

#endif
