/*
 * Elementary functions in integers; the formulas are in docs/arithmetic.rst, the NumPy form is
 * dlgraph/reference/functions.py.
 */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include <stdint.h>

#define ONE_31 0x80000000u          /* 1.0 with fraction 31 */

/* exp(-z), fraction 31.  z: 0 .. 2**31 - 1, s8.23. */
uint32_t exp_neg(uint32_t z);

/* 1/D, fraction 30.  d: D with fraction 31, 2**30 .. 2**31. */
uint32_t recip(uint32_t d);

/* The logistic function, fraction 31: 0 .. 2**31.  a: s8.23. */
uint32_t sigma(int32_t a);

/* tanh, fraction 31: -2**31 .. 2**31.  a: s8.23. */
int64_t tanh_31(int32_t a);

/* Natural logarithm of v / 2**31, fraction 23.  v: 2**31 .. 2**62. */
int32_t ln_big(uint64_t v);

#endif
