#include "vertex.h"

void vertex_copy_words(uint32_t *to, const uint32_t *from, uint32_t n_words)
{
    for (uint32_t i = 0; i < n_words; i++) {
        to[i] = from[i];
    }
}
