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

#endif
