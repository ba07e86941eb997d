/* The checksum of words: their order counts. */
#ifndef WORDS_FOLD_H
#define WORDS_FOLD_H

/* Bits to the right from word to word: odd, so that 32 words pass before two have the same weight again. */
#define FOLD_ROTATION 5

#ifndef __ASSEMBLER__
#include <stdint.h>

static inline uint32_t fold_rotated(uint32_t fold, uint32_t by)
{
    return fold >> by | fold << (32 - by);
}

/* One word more. */
static inline uint32_t fold_word(uint32_t fold, uint32_t word)
{
    return word + fold_rotated(fold, FOLD_ROTATION);
}

/* `n` words more. */
uint32_t words_fold(const uint32_t *words, uint32_t n, uint32_t fold);

/* As many words of zero more. */
static inline uint32_t fold_zeros(uint32_t fold, uint32_t n)
{
    uint32_t by = FOLD_ROTATION * n & 31;
    return by == 0 ? fold : fold_rotated(fold, by);
}

#endif

#endif
