/* The barrel shifter in its general form. */
#ifndef SPINNEMU_SHIFTER_H
#define SPINNEMU_SHIFTER_H

#include <stdint.h>

#include "decoded.h"

/* Shifts `value`; *carry is the carry flag before and the shifter's carry after.
 * A constant amount is 1..32 here, an amount from a register anything. */
static inline uint32_t shift(uint32_t value, unsigned type, uint32_t amount, uint32_t *carry)
{
    uint32_t in = *carry;
    if (type == SHIFT_RRX) {
        *carry = value & 1;
        return value >> 1 | in << 31;
    }
    if (amount == 0) {
        return value;
    }
    switch (type) {
    case SHIFT_LSL:
        *carry = amount <= 32 ? value >> (32 - amount) & 1 : 0;
        return amount < 32 ? value << amount : 0;
    case SHIFT_LSR:
        *carry = amount <= 32 ? value >> (amount - 1) & 1 : 0;
        return amount < 32 ? value >> amount : 0;
    case SHIFT_ASR:
        if (amount > 31) {
            *carry = value >> 31;
            return (uint32_t)((int32_t)value >> 31);
        }
        *carry = value >> (amount - 1) & 1;
        return (uint32_t)((int32_t)value >> amount);
    default:
        amount &= 31;
        *carry = value >> ((amount - 1) & 31) & 1;
        return amount ? value >> amount | value << (32 - amount) : value;
    }
}

#endif
