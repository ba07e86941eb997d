#include "fuzz.h"
#include <string.h>

enum { REMEMBERED = 8 };

static Input remembered[REMEMBERED];
static uint32_t count;

void mutate_forget(void) { count = 0; }

void mutate_remember(const Input *in)
{
    Input *to = &remembered[count++ % REMEMBERED];
    to->length = in->length;
    memcpy(to->data, in->data, in->length);
}

static void splice(Choices *c, Input *in, uint32_t at)
{
    if (!count)
        return;
    const Input *from = &remembered[below(c, count < REMEMBERED ? count : REMEMBERED)];
    if (!from->length)
        return;
    uint32_t start = below(c, from->length), length = 1 + below(c, from->length - start);
    if (length > INPUT_MAX - at)
        length = INPUT_MAX - at;
    memcpy(in->data + at, from->data + start, length);
    if (in->length < at + length || one_in(c, 2))
        in->length = at + length;
}

static void repeat(Choices *c, Input *in, uint32_t at)
{
    uint32_t length = 1 + below(c, in->length - at), times = 1 + below(c, 16);
    uint8_t part[INPUT_MAX];
    memcpy(part, in->data + at, length);
    while (times--)
        add_bytes(in, part, length);
}

static void once(Choices *c, Input *in, uint32_t keep)
{
    uint32_t at = keep + below(c, in->length - keep), left = in->length - at, value = edge(c);
    switch (below(c, 9)) {
    case 0: case 1: in->data[at] ^= (uint8_t)(1u << below(c, 8)); break;
    case 2: in->data[at] = (uint8_t)value; break;
    case 3: memcpy(in->data + at, &value, left < 2 ? left : 2); break;
    case 4:
        if (one_in(c, 2))
            value = __builtin_bswap32(value);
        memcpy(in->data + at, &value, left < 4 ? left : 4);
        break;
    case 5: in->length = at; break;
    case 6: repeat(c, in, at); break;
    case 7: splice(c, in, at); break;
    default: add_any(in, c, below(c, 64)); break;
    }
}

void mutate(Choices *c, Input *in, uint32_t keep)
{
    for (uint32_t times = 1 + below(c, 4); times && in->length > keep; times--)
        once(c, in, keep);
}
