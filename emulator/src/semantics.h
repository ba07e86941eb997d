/* What instructions do, as far as the interpreter and translated code share it. */
#ifndef SPINNEMU_SEMANTICS_H
#define SPINNEMU_SEMANTICS_H

#include <string.h>

#include "cpu.h"
#include "exceptions.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* --- memory --- */

static inline bool in_dtcm(uint32_t address)
{
    return address - DTCM_BASE < DTCM_BYTES;
}

static inline uint32_t get32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static inline uint32_t get16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, 4);
}

static inline void put16(uint8_t *p, uint32_t v)
{
    uint16_t half = (uint16_t)v;
    memcpy(p, &half, 2);
}

/* An unaligned word load rotates the aligned word. */
static inline uint32_t rotate_unaligned(uint32_t word, uint32_t address)
{
    unsigned amount = (address & 3) * 8;
    return amount ? word >> amount | word << (32 - amount) : word;
}

/* --- arithmetic with the sticky Q flag --- */

static inline uint32_t saturate(Cpu *cpu, int64_t value)
{
    if (value > INT32_MAX) {
        cpu->cpsr |= PSR_Q;
        return INT32_MAX;
    }
    if (value < INT32_MIN) {
        cpu->cpsr |= PSR_Q;
        return (uint32_t)INT32_MIN;
    }
    return (uint32_t)value;
}

static inline uint32_t accumulate(Cpu *cpu, int32_t product, uint32_t accumulator)
{
    int32_t sum;
    if (UNLIKELY(__builtin_add_overflow(product, (int32_t)accumulator, &sum))) {
        cpu->cpsr |= PSR_Q;
    }
    return (uint32_t)sum;
}

static inline int32_t bottom(uint32_t v) { return (int16_t)v; }
static inline int32_t top(uint32_t v) { return (int32_t)v >> 16; }
static inline int32_t wide(uint32_t a, int32_t b) { return (int32_t)(((int64_t)(int32_t)a * b) >> 16); }

#endif
