/* Where tables of constants are: with the code in ITCM, or in DTCM, where a runtime leaves too little ITCM for both. */
#ifndef TABLE_H
#define TABLE_H

#include <stdint.h>

#ifdef TABLES_IN_DTCM
#define TABLE(name, n) static const uint32_t __attribute__((section(".data." #name))) name[n]
#else
#define TABLE(name, n) static const uint32_t name[n]
#endif

#endif
