/* SPDX-License-Identifier: Apache-2.0
 * Copying and filling, which compilers call by themselves: small, so that no C
 * library is needed beside SARK. */
#include <sark.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    if ((((uintptr_t) to | (uintptr_t) from | bytes) & 3) == 0) {
        sark_word_cpy(to, from, bytes);
    } else {
        sark_mem_cpy(to, from, bytes);
    }
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    if ((uintptr_t) to - (uintptr_t) from >= bytes) {
        return memcpy(to, from, bytes);
    }
    while (bytes-- > 0) {
        ((char *) to)[bytes] = ((const char *) from)[bytes];
    }
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    if ((((uintptr_t) to | bytes) & 3) == 0) {
        sark_word_set(to, (uchar) value * 0x01010101u, bytes);
    } else {
        for (size_t i = 0; i < bytes; i++) {
            ((char *) to)[i] = (char) value;
        }
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const uchar *left = a, *right = b;

    for (size_t i = 0; i < bytes; i++) {
        if (left[i] != right[i]) {
            return left[i] - right[i];
        }
    }
    return 0;
}
