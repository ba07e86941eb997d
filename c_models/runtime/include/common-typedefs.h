/* SPDX-License-Identifier: Apache-2.0
 * Small types and macros that SpiNNaker programs use everywhere. */
#ifndef COMMON_TYPEDEFS_H
#define COMMON_TYPEDEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A pointer to words in SDRAM. */
typedef uint32_t *address_t;
typedef uint32_t index_t;
typedef uint32_t counter_t;
#ifndef __TIMER_T__
#define __TIMER_T__
typedef uint32_t timer_t;
#endif

#ifndef UNUSED
#define UNUSED __attribute__((__unused__))
#endif

#ifndef use
#define use(x) ((void) (x))
#endif

#endif
