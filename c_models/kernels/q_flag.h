/*
 * The sticky overflow flag Q: SMLAW sets it when an accumulation leaves 32 bits.  Nothing else may set it between
 * a clearing and a reading: the kernels use no saturating instruction (a test looks at the compiled code).
 */
#ifndef Q_FLAG_H
#define Q_FLAG_H

#include <stdint.h>

/* 1 if a checked sum has overflowed since the last call, else 0. */
uint32_t q_flag_read_and_clear(void);

/* The same for the C twins, which keep a flag of their own. */
uint32_t q_flag_read_and_clear_c(void);

extern uint32_t q_flag_c;

/* SMLAW of the C twins: accumulator + ((word * half) >> 16), wrapping, Q on overflow. */
static inline int32_t multiply_accumulate_c(int32_t accumulator, int32_t word, int16_t half)
{
    int32_t product = (int32_t) (((int64_t) word * half) >> 16);
    int32_t sum;
    if (__builtin_add_overflow(accumulator, product, &sum)) {
        q_flag_c = 1;
    }
    return sum;
}

#endif
