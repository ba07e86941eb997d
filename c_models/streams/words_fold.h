/* The checksum of words: their order counts. */
#ifndef WORDS_FOLD_H
#define WORDS_FOLD_H

/*
 * The state is multiplied, the word added, and the upper bits mixed into the lower ones.  Both steps are needed: congestion loses
 * neighbouring words, and these are small numbers or have few bits set.  Where the state is rotated instead of multiplied, one
 * small number's loss is made good by the next one's; without the mixing, that of words of which only high bits are set.
 * tests/test_words_fold.py counts what is overlooked.  The multiplier is that of Knuth's multiplicative hashing: 2**32 / golden ratio,
 * odd (The Art of Computer Programming, volume 3, section 6.4).
 */
#define FOLD_MULTIPLIER 0x9e3779b1
#define FOLD_SHIFT 15

#ifndef __ASSEMBLER__
#include <stdint.h>

/* One word more. */
static inline uint32_t fold_word(uint32_t fold, uint32_t word)
{
    fold = fold * FOLD_MULTIPLIER + word;
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
