/* Datagrams as hosts send them, each field at times something else. */
#include "fuzz.h"

enum { SDP_HEADER = 10 };

uint32_t datagram_length(Choices *c)
{
    static const uint16_t lengths[] = {0, 1, 2, 9, 10, 11, 13, 14, 17, 18, 19, 25, 26, 27, 256, 281, 282, 283, 1042, 1043,
                                       1471, 1472, 1473, 1500, 1520, 1521, 2048};
    return lengths[below(c, sizeof lengths / sizeof lengths[0])];
}

static uint32_t address(Choices *c)
{
    static const uint32_t starts[] = {0x00000000, 0x00007ffc, 0x00400000, 0x0040fffc, 0x10000000, 0x20000008, 0x21000000,
                                      0x2f000000, 0x40000000, 0x60000000, 0x60001000, 0x67fffffc, 0x70000000, 0x7ffffffc,
                                      0xe0000000, 0xe1000000, 0xe1004000, 0xe2000000, 0xe4000000, 0xe400c000, 0xe5000000,
                                      0xe5007f00, 0xf5007ffc, 0xf2000004, 0xffff0000, 0xfffff000};
    return one_in(c, 8) ? edge(c) : starts[below(c, sizeof starts / sizeof starts[0])] + 4 * below(c, 16);
}

static void sdp_header(Choices *c, Input *in)
{
    static const uint8_t flags[] = {0x87, 0x87, 0x87, 0x07, 0x00, 0xff};
    bool odd = one_in(c, 8);
    add16(in, 0);
    add8(in, flags[below(c, sizeof flags)]);
    add8(in, odd ? edge(c) : one_in(c, 4) ? below(c, 8) : 0xff);         /* tag */
    add8(in, odd ? edge(c) : (one_in(c, 4) ? below(c, 8) : 0) << 5 | below(c, 18));
    add8(in, odd ? edge(c) : 0xff);
    add8(in, odd ? edge(c) : one_in(c, 2) ? 0xff : below(c, 3));         /* y, x */
    add8(in, odd ? edge(c) : one_in(c, 2) ? 0xff : below(c, 3));
    add16(in, odd ? edge(c) : 0);
}

/* The commands of SC&MP, and their neighbours. */
static void scp(Choices *c, Input *in)
{
    sdp_header(c, in);
    add16(in, one_in(c, 8) ? edge(c) : below(c, 33));
    add16(in, one_in(c, 4) ? edge(c) : below(c, 64));
    add32(in, one_in(c, 2) ? address(c) : edge(c));
    add32(in, one_in(c, 2) ? below(c, 300) : edge(c));
    add32(in, one_in(c, 2) ? below(c, 4) : address(c));
    add_any(in, c, one_in(c, 2) ? 0 : below(c, 273));
}

static void sdp(Choices *c, Input *in)
{
    sdp_header(c, in);
    add_any(in, c, below(c, 300));
}

/* Header of EIEIO: flags and number of elements, or a command. */
static void eieio(Choices *c, Input *in)
{
    if (one_in(c, 3)) {
        add16(in, 0x4000 | below(c, 16));
    } else {
        add8(in, one_in(c, 4) ? edge(c) : below(c, 64));
        add8(in, (one_in(c, 4) ? edge(c) : below(c, 4)) << 2 | below(c, 256));
    }
    add_any(in, c, 4 * below(c, 65));
}

static void add32_big_endian(Input *in, uint32_t v) { add32(in, __builtin_bswap32(v)); }

void add_boot_datagram(Choices *c, Input *in)
{
    static const uint8_t operations[] = {1, 3, 3, 3, 3, 3, 3, 5};
    uint32_t operation = operations[below(c, sizeof operations)];
    add8(in, 0);
    add8(in, 1);
    add32_big_endian(in, one_in(c, 16) ? edge(c) : operation);
    if (operation == 3)
        add32_big_endian(in, one_in(c, 16) ? edge(c) : 255u << 8 | (one_in(c, 8) ? 31 : below(c, 33)));
    else
        add32_big_endian(in, one_in(c, 16) ? edge(c) : one_in(c, 8));
    add32_big_endian(in, edge(c));
    add32_big_endian(in, one_in(c, 8) ? edge(c) : one_in(c, 2) ? 31 : below(c, 34));
    if (operation == 3)
        add_any(in, c, one_in(c, 4) ? below(c, 1100) : one_in(c, 4) ? 1020 + 4 * below(c, 8) : 4 * below(c, 32));
}

void add_datagram(Choices *c, Input *in)
{
    uint32_t start = in->length;
    switch (below(c, 16)) {
    case 0: add_any(in, c, datagram_length(c)); break;
    case 1: sdp(c, in); break;
    case 2: eieio(c, in); break;
    case 3: add_boot_datagram(c, in); break;
    default: scp(c, in); break;
    }
    if (one_in(c, 8)) {
        uint32_t length = datagram_length(c);
        if (in->length - start < length)
            add_any(in, c, length - (in->length - start));
        else
            in->length = start + length;
    }
    if (one_in(c, 2))
        mutate(c, in, start);
}
