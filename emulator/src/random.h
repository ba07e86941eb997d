/* Random numbers that are a function of a seed and a counter: SplitMix64 (Steele, Lea, Flood 2014). */
#ifndef SPINNEMU_RANDOM_H
#define SPINNEMU_RANDOM_H

#include <stdint.h>

static inline uint64_t random_number(uint64_t seed, uint64_t counter)
{
    uint64_t z = seed + counter * 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* 0 to limit - 1 */
static inline uint64_t random_below(uint64_t number, uint64_t limit)
{
    return (uint64_t)((unsigned __int128)number * limit >> 64);
}

#endif
