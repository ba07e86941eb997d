/*
 * The router's 16 diagnostic counters.  What a filter says about type, source, payload and default
 * routing is worked out once per class of packet; only the destination is looked at every time.
 */
#include "machine.h"
#include <string.h>

enum { DEST_DUMP = 1, DEST_LOCAL = 2, DEST_MONITOR = 4, DEST_LINK0 = 8 };

static unsigned class_of(unsigned type, bool payload, bool local, bool defaulted)
{
    return type | (unsigned)payload << 2 | (unsigned)local << 3 | (unsigned)defaulted << 4;
}

static void prepare(Router *r)
{
    memset(r->filters_of_class, 0, sizeof r->filters_of_class);
    for (unsigned c = 0; c < 32; c++)
        for (unsigned i = 0; i < DIAGNOSTIC_COUNTERS; i++) {
            uint32_t f = r->filter[i];
            bool type = f >> (c & 3) & 1;
            bool normal = f >> 4 & 1;        /* emergency routing is not modelled: all are normal */
            bool defaulted = f >> (c & 16 ? 10 : 11) & 1;
            bool payload = f >> (c & 4 ? 12 : 13) & 1;
            bool source = f >> (c & 8 ? 14 : 15) & 1;
            if (type && normal && defaulted && payload && source)
                r->filters_of_class[c] |= (uint16_t)(1u << i);
        }
    r->filters_changed = false;
}

void diagnostics_count(Router *r, const Packet *p, bool defaulted, uint32_t outputs, uint32_t monitor, bool dumped)
{
    if (r->filters_changed)
        prepare(r);
    unsigned hits = r->filters_of_class[class_of(packet_type(p), packet_has_payload(p),
                                                 p->arrival >= LINKS, defaulted)]
                    & r->counter_enable;
    if (!hits)
        return;
    uint32_t cores = outputs >> LINKS;
    uint32_t to = dumped ? DEST_DUMP
                : (outputs & 0x3f) * DEST_LINK0 | (cores >> monitor & 1 ? DEST_MONITOR : 0)
                | (cores & ~(1u << monitor) ? DEST_LOCAL : 0);
    while (hits) {
        unsigned i = (unsigned)__builtin_ctz(hits);
        hits &= hits - 1;
        if (r->filter[i] >> 16 & to) {
            r->counter[i]++;
            r->filter[i] |= 1u << 29;        /* "an event has occurred" */
        }
    }
}
