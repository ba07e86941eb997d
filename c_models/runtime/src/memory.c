/* SPDX-License-Identifier: Apache-2.0
 * Copying and filling; compilers call the mem... functions by themselves. */
#include <spin1_api.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

static inline uintptr_t misaligned(const void *a, const void *b)
{
    return ((uintptr_t) a | (uintptr_t) b) & 3;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    uchar *t = to;
    const uchar *f = from;

    if (!misaligned(to, from)) {
        while (bytes >= 16) {
            const uint *f_words = (const uint *) f;
            uint *t_words = (uint *) t;
            uint a = f_words[0], b = f_words[1], c = f_words[2], d = f_words[3];
            t_words[0] = a;
            t_words[1] = b;
            t_words[2] = c;
            t_words[3] = d;
            f += 16;
            t += 16;
            bytes -= 16;
        }
        for (; bytes >= 4; f += 4, t += 4, bytes -= 4) {
            *(uint *) t = *(const uint *) f;
        }
    }
    for (; bytes > 0; bytes--) {
        *t++ = *f++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    uchar *t = to;
    const uchar *f = from;

    if (t <= f || t >= f + bytes) {
        while (bytes-- > 0) {
            *t++ = *f++;
        }
    } else {
        while (bytes-- > 0) {
            t[bytes] = f[bytes];
        }
    }
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    uchar *t = to;
    uint word = (uchar) value * 0x01010101u;

    while (bytes > 0 && ((uintptr_t) t & 3) != 0) {
        *t++ = (uchar) value;
        bytes--;
    }
    for (; bytes >= 4; t += 4, bytes -= 4) {
        *(uint *) t = word;
    }
    for (; bytes > 0; bytes--) {
        *t++ = (uchar) value;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const uchar *x = a;
    const uchar *y = b;

    for (; bytes > 0; bytes--, x++, y++) {
        if (*x != *y) {
            return *x - *y;
        }
    }
    return 0;
}

void sark_mem_cpy(void *dest, const void *src, uint n) { memcpy(dest, src, n); }
void spin1_memcpy(void *dst, void const *src, uint len) { memcpy(dst, src, len); }

void sark_word_cpy(void *dest, const void *src, uint n)
{
    memcpy(dest, src, (n + 3) & ~3u);
}

void sark_word_set(void *dest, uint data, uint n)
{
    uint *word = dest;

    for (uint i = 0; i < (n + 3) / 4; i++) {
        word[i] = data;
    }
}

void sark_str_cpy(char *dest, const char *src)
{
    while ((*dest++ = *src++) != 0) {
    }
}

uint sark_str_len(char *string)
{
    uint length = 0;

    while (string[length] != 0) {
        length++;
    }
    return length;
}
