#include "order.h"

uint32_t order_sample(uint32_t k, uint32_t n, uint32_t half_bits, const uint32_t *keys)
{
    uint32_t mask = (1u << half_bits) - 1;
    do {
        uint32_t left = k >> half_bits;
        uint32_t right = k & mask;
        for (uint32_t i = 0; i < ORDER_ROUNDS; i++) {
            uint32_t v = (right ^ keys[i]) * 0x9e3779b1u;
            v ^= v >> 15;
            v *= 0x85ebca6bu;
            uint32_t next = left ^ ((v >> 16) & mask);
            left = right;
            right = next;
        }
        k = left << half_bits | right;
    } while (k >= n);
    return k;
}
