#include "fuzz.h"
#include <string.h>

/* splitmix64 (Steele, Lea and Flood, 2014) */
uint64_t any(Choices *c)
{
    uint64_t z = c->state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

uint32_t below(Choices *c, uint32_t n) { return (uint32_t)((any(c) >> 32) * n >> 32); }

bool one_in(Choices *c, uint32_t n) { return below(c, n) == 0; }

uint32_t edge(Choices *c)
{
    static const uint32_t near[] = {0, 1, 2, 3, 4, 8, 16, 18, 31, 32, 63, 64, 127, 128, 255, 256, 257, 1023, 1024, 1472, 1500,
                                    1520, 1536, 2047, 3072, 0x7fff, 0x8000, 0xffff, 0x10000, 0x1ffff, 0x7fffffff, 0x80000000,
                                    0xffffffff};
    switch (below(c, 4)) {
    case 0: return (uint32_t)any(c);
    case 1: return 1u << below(c, 32);
    default: return near[below(c, sizeof near / sizeof near[0])] + below(c, 3) - 1;
    }
}

void add_bytes(Input *in, const void *data, uint32_t length)
{
    if (length > INPUT_MAX - in->length)
        length = INPUT_MAX - in->length;
    memcpy(in->data + in->length, data, length);
    in->length += length;
}

void add_any(Input *in, Choices *c, uint32_t length)
{
    for (uint32_t i = 0; i < length; i += 8) {
        uint64_t v = any(c);
        add_bytes(in, &v, length - i < 8 ? length - i : 8);
    }
}
