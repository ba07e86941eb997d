#include "unpack.h"

const uint8_t *unpack(const uint8_t *from, uint32_t *to)
{
    uint32_t width;
    while ((width = *from++) != 0) {
        uint32_t n_words = *from++;
        n_words |= *from++ << 8;
        uint32_t bits = 0;
        for (uint32_t i = 0; i != n_words; i++) {
            if (i % 4 == 0) {
                bits = *from++;
            }
            uint32_t n_bytes = (1u << (bits & 3)) >> 1;
            uint32_t word = n_bytes != 0 ? 0 : *(to - width);
            while (n_bytes-- != 0) {
                word = word << 8 | *from++;
            }
            bits >>= 2;
            *to++ = word;
        }
    }
    return from;
}
