/* The checksum of words: their order counts. */
#ifndef WORDS_FOLD_H
#define WORDS_FOLD_H

/*
 * The state is rotated, the word added, and the upper bits mixed into the lower ones.  Without that last step the checksum is linear, but
 * for carries: lost words that are alike then often cancel.  tests/test_words_fold.py counts how often; with these numbers of bits
 * never was it seen.
 */
#define FOLD_ROTATION 5
#define FOLD_SHIFT 9

#ifndef __ASSEMBLER__
#include <stdint.h>

/* One word more. */
static inline uint32_t fold_word(uint32_t fold, uint32_t word)
{
    fold = word + (fold >> FOLD_ROTATION | fold << (32 - FOLD_ROTATION));
    return fold ^ fold >> FOLD_SHIFT;
}

/* `n` words more. */
uint32_t words_fold(const uint32_t *words, uint32_t n, uint32_t fold);

/* As many words of zero more. */
static inline uint32_t fold_zeros(uint32_t fold, uint32_t n)
{
    while (n-- != 0) {
        fold = fold_word(fold, 0);
    }
    return fold;
}

#endif

#endif
