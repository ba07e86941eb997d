#ifndef WORDS_CLEAR_H
#define WORDS_CLEAR_H

#include <stdint.h>

/* words[0 .. n) = 0, a cycle and a bit each. */
void words_clear(uint32_t *words, uint32_t n);

#endif
