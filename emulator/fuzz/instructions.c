/* Instructions of every kind, most of them defined, with registers that often point into memory (r8 to r11). */
#include "fuzz.h"

static uint32_t condition(Choices *c) { return (one_in(c, 3) ? below(c, 16) : 14) << 28; }

static uint32_t base(Choices *c) { return (one_in(c, 8) ? below(c, 16) : 8 + below(c, 4)) << 16; }

uint32_t any_arm(Choices *c)
{
    uint32_t bits = (uint32_t)any(c);
    switch (below(c, 20)) {
    case 0: return bits;
    case 1: case 2: case 3: case 4: return condition(c) | (bits & 0x03ffffff);                   /* data processing and around */
    case 5: return condition(c) | 0x00000090 | (bits & 0x00ffff0f);                              /* multiply */
    case 6: return condition(c) | 0x01000080 | (bits & 0x006fff6f);                              /* its short forms */
    case 7: return condition(c) | 0x01000050 | (bits & 0x006fff0f);                              /* saturating */
    case 8: return condition(c) | 0x00000090 | base(c) | (bits & 0x01f0fff0 & ~0xf00u) | 0x60;   /* halfwords, doublewords */
    case 9: return condition(c) | 0x01000090 | base(c) | (bits & 0x0040f00f);                    /* swap */
    case 10: case 11: case 12: return condition(c) | 0x04000000 | base(c) | (bits & 0x03f0f0ff);
    case 13: return condition(c) | 0x08000000 | base(c) | (bits & 0x01f0ffff);
    case 14: return condition(c) | 0x08000000 | base(c) | (bits & 0x01b00000) | 3u << below(c, 15);
    case 15: return condition(c) | 0x0a000000 | ((below(c, 64) - 32) & 0x00ffffff) | (bits & 0x01000000);
    case 16: return condition(c) | 0x0e000f10 | (bits & 0x00ffffef & ~0xf00u);
    case 17: return condition(c) | 0x0f000000 | (bits & 0xffffff);
    case 18: return condition(c) | (bits & 1 ? 0x010f0000 | (bits & 0x0040f000) : 0x0120f000 | (bits & 0x004f000f));
    default: return condition(c) | (one_in(c, 4) ? 0x01a0f000 | (bits & 15) : 0x012fff10 | (bits & 0x2f));      /* MOV pc, BX, BLX */
    }
}

uint16_t any_thumb(Choices *c)
{
    uint32_t bits = (uint32_t)any(c);
    if (one_in(c, 8))
        return (uint16_t)(0xd000 | (bits & 0x0f00) | ((below(c, 64) - 32) & 0xff));
    if (one_in(c, 8))
        return (uint16_t)(0xf000 | (bits & 0x0803));
    return (uint16_t)bits;
}

/* Words are loaded, multiplied and stored: see fuse.c. */
static void add_sequence(Choices *c, Input *in)
{
    uint32_t words = one_in(c, 2) ? 4 : 2, first = below(c, one_in(c, 4) ? 13 : 5), list = ((1u << words) - 1) << first;
    uint32_t sums = below(c, one_in(c, 4) ? 14 : 9), factor = below(c, 14), half = one_in(c, 2) ? 0x40 : 0, step = one_in(c, 4) ? 0 : 1u << 21;
    bool dot = one_in(c, 3);                 /* one sum of products, or as many as products */
    uint32_t rn = base(c), store = one_in(c, 3) ? rn : base(c);
    for (uint32_t times = 1 + below(c, 3); times; times--) {
        if (!one_in(c, 4))
            add32(in, 0xe8900000 | step | rn | list);
        if (one_in(c, 4))
            add32(in, 0xe4900004 | base(c) | factor << 12);
        for (uint32_t k = 0; k < words; k++) {
            uint32_t sum = (dot ? sums : sums + k) & 15, by = (dot ? factor + k : factor) & 15;
            add32(in, 0xe1200080 | half | sum << 16 | sum << 12 | by << 8 | ((first + k) & 15));
        }
        if (one_in(c, 2))
            add32(in, 0xe8800000 | step | store | (((1u << words) - 1) << sums & 0xffff));
    }
}

void add_code(Choices *c, Input *in, uint32_t bytes, bool thumb)
{
    uint32_t end = in->length + bytes;
    while (in->length < end) {
        if (thumb)
            add16(in, any_thumb(c));
        else if (one_in(c, 12))
            add_sequence(c, in);
        else
            add32(in, any_arm(c));
    }
    in->length = end;
}
