/*
 * The multicast table: 1,024 masked entries, the first that matches wins.
 *
 * Entries with the same mask are sorted by key, so that a look-up is one binary search per
 * different mask; in front of it is a small cache of recent keys.  Both are made anew after the
 * table was written.
 */
#include "machine.h"
#include <stdlib.h>
#include <string.h>

#define CACHE_LINES 1024u
#define CACHE_VALID (1u << 31)
#define CACHE_MISSED (1u << 30)              /* the key is known to match nothing */
#define MANY_MASKS UINT32_MAX

static int by_key(const void *a, const void *b)
{
    const struct { uint32_t key; uint16_t entry; } *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (int)x->entry - (int)y->entry;
}

static void prepare(Router *r)
{
    memset(r->cache, 0, sizeof r->cache);
    r->table_changed = false;
    r->groups = r->active = 0;
    for (uint32_t i = 0; i < ROUTER_ENTRIES; i++) {
        if (r->key[i] & ~r->mask[i])
            continue;                        /* can never match */
        r->active_entry[r->active++] = (uint16_t)i;
        uint32_t g = 0;
        while (g < r->groups && r->group[g].mask != r->mask[i])
            g++;
        if (g == sizeof r->group / sizeof r->group[0]) {
            r->groups = MANY_MASKS;
            break;
        }
        if (g == r->groups) {
            r->group[g].mask = r->mask[i];
            r->group[g].count = 0;
            r->groups++;
        }
        r->group[g].count++;
    }
    if (r->groups == MANY_MASKS) {
        r->active = 0;
        for (uint32_t i = 0; i < ROUTER_ENTRIES; i++)
            if (!(r->key[i] & ~r->mask[i]))
                r->active_entry[r->active++] = (uint16_t)i;
        return;
    }
    uint32_t first = 0;
    for (uint32_t g = 0; g < r->groups; g++) {
        r->group[g].first = (uint16_t)first;
        uint32_t n = first;
        for (uint32_t a = 0; a < r->active; a++) {
            uint32_t i = r->active_entry[a];
            if (r->mask[i] == r->group[g].mask) {
                r->sorted[n].key = r->key[i];
                r->sorted[n++].entry = (uint16_t)i;
            }
        }
        qsort(&r->sorted[first], n - first, sizeof r->sorted[0], by_key);
        first = n;
    }
}

static uint32_t first_match(const Router *r, uint32_t key)
{
    uint32_t best = ROUTER_ENTRIES;
    if (r->groups == MANY_MASKS) {
        for (uint32_t a = 0; a < r->active; a++) {
            uint32_t i = r->active_entry[a];
            if ((key & r->mask[i]) == r->key[i])
                return i;
        }
        return best;
    }
    for (uint32_t g = 0; g < r->groups; g++) {
        uint32_t wanted = key & r->group[g].mask;
        uint32_t low = r->group[g].first, end = low + r->group[g].count, high = end;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (r->sorted[middle].key < wanted)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < end && r->sorted[low].key == wanted && r->sorted[low].entry < best)
            best = r->sorted[low].entry;
    }
    return best;
}

bool router_lookup(Router *r, uint32_t key, uint32_t *route)
{
    if (r->table_changed)
        prepare(r);
    uint32_t line = key * 0x9e3779b1u / (UINT32_MAX / CACHE_LINES + 1);
    if (r->cache[line].key != key || !(r->cache[line].route & CACHE_VALID)) {
        uint32_t entry = first_match(r, key);
        r->cache[line].key = key;
        r->cache[line].route = CACHE_VALID
            | (entry < ROUTER_ENTRIES ? r->route[entry] & 0xffffff : CACHE_MISSED);
    }
    *route = r->cache[line].route & 0xffffff;
    return !(r->cache[line].route & CACHE_MISSED);
}
