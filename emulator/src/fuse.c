/*
 * Fusing: frequent sequences of instructions that one handler executes together.
 *
 * Only the first entry of a sequence changes; the others stay as they are, for branches into the
 * middle.  A sequence is one unit for the end of a slice and for interrupts, as a long LDM is; it
 * touches nothing but registers and DTCM and is at most FUSED_CYCLES long.  So where a slice ends
 * never changes what is executed as a unit, and counts are those of the single instructions.
 */
#include "fuse.h"


static bool plain(const Decoded *d)
{
    return d->cond == COND_AL && !d->reads_pc && !d->writes_pc;
}

static bool is_wide_multiply(const Decoded *d)
{
    return plain(d) && (d->op == OP_SMLAWB || d->op == OP_SMLAWT);
}

static unsigned wide_multiplies(const Decoded *d, unsigned available)
{
    unsigned count = 0;
    while (count < available && is_wide_multiply(&d[count])) {
        ++count;
    }
    return count;
}

static bool ranges_meet(unsigned a, unsigned b)
{
    return a < b + 4 && b < a + 4;
}

static bool in_range(unsigned r, unsigned first)
{
    return r >= first && r < first + 4;
}

/* rd+k += (rm+k * rs) >> 16 for k = 0..3, none of which reads what another wrote */
static bool four_sums(const Decoded *d)
{
    const Entry *e = &d[0].entry;
    if (e->rd + 3 > 14 || e->rm + 3 > 14 || ranges_meet(e->rd, e->rm) || in_range(e->rs, e->rd)) {
        return false;
    }
    for (unsigned k = 0; k < 4; ++k) {
        const Entry *f = &d[k].entry;
        if (d[k].op != d[0].op || f->rd != e->rd + k || f->rn != f->rd || f->rm != e->rm + k || f->rs != e->rs) {
            return false;
        }
    }
    return true;
}

/* rd += (rm+k * rs+k) >> 16 for k = 0..3 */
static bool one_sum(const Decoded *d)
{
    const Entry *e = &d[0].entry;
    if (e->rs + 3 > 14 || e->rm + 3 > 14 || in_range(e->rd, e->rm) || in_range(e->rd, e->rs)) {
        return false;
    }
    for (unsigned k = 0; k < 4; ++k) {
        const Entry *f = &d[k].entry;
        if (d[k].op != d[0].op || f->rd != e->rd || f->rn != e->rd || f->rm != e->rm + k || f->rs != e->rs + k) {
            return false;
        }
    }
    return true;
}

static bool is_block(const Decoded *d, uint16_t op)
{
    return plain(d) && d->op == op;
}

/* In LDM, 4 sums, STM: the base of the STM is known before, but for the step of the LDM. */
static bool base_is_kept(const Decoded *d)
{
    unsigned base = d[5].entry.rn;
    return !in_range(base, d[0].entry.rd) && !in_range(base, d[1].entry.rd);
}

static bool loads_pair_and_multiplies(const Decoded *d, unsigned available)
{
    return available >= 3 && is_block(d, OP_LDM_PAIR) && wide_multiplies(d + 1, available - 1) >= 2;
}

/* Sequences of: load two words, multiply two, and perhaps store two. */
static uint16_t find_pairs(const Decoded *d, unsigned available, unsigned *length)
{
    static const uint16_t repeated[] = { OP_LDM2_SMLAW2, OP_LDM2_SMLAW2_TWICE, OP_LDM2_SMLAW2_THRICE };
    if (available >= 4 && plain(&d[1]) && d[1].op == OP_LDR_POST && wide_multiplies(d + 2, available - 2) >= 2) {
        *length = 4;
        return OP_LDM2_LDR_SMLAW2;
    }
    if (!loads_pair_and_multiplies(d, available)) {
        return OP_COUNT;
    }
    if (available >= 4 && is_block(&d[3], OP_STM_PAIR)) {
        bool twice = available >= 8 && loads_pair_and_multiplies(d + 4, available - 4) && is_block(&d[7], OP_STM_PAIR);
        *length = twice ? 8 : 4;
        return twice ? OP_LDM2_SMLAW2_STM2_TWICE : OP_LDM2_SMLAW2_STM2;
    }
    unsigned times = 1;
    while (times < 3 && available >= 3 * times && loads_pair_and_multiplies(d + 3 * times, available - 3 * times)) {
        ++times;
    }
    *length = 3 * times;
    return repeated[times - 1];
}

/* The operation for the sequence that begins at d[0], and its length. */
static uint16_t find(const Decoded *d, unsigned available, unsigned *length)
{
    unsigned first = is_block(d, OP_LDM_RUN4) ? 1 : 0;
    unsigned multiplies = wide_multiplies(d + first, available - first);
    if (multiplies >= 4) {
        const Decoded *m = d + first;
        bool sums = four_sums(m);
        *length = first + 4;
        if (sums && first && available > 5 && is_block(&d[5], OP_STM_RUN4) && base_is_kept(d)) {
            *length = 6;
            return OP_LDM4_SUMS4_STM4;
        }
        if (sums) {
            return first ? OP_LDM4_SUMS4 : OP_SUMS4;
        }
        if (one_sum(m)) {
            return first ? OP_LDM4_DOT4 : OP_DOT4;
        }
        return first ? OP_LDM4_SMLAW4 : OP_SMLAW4;
    }
    if (multiplies >= 2 && !first) {
        *length = 2;
        return OP_SMLAW2;
    }
    if (is_block(d, OP_LDM_PAIR)) {
        return find_pairs(d, available, length);
    }
    return OP_COUNT;
}

/* A comparison followed by a branch in the same page. */
static uint16_t compare_and_branch(const Decoded *d, const Entry *branch)
{
    if (!plain(d) || d[1].cond >= COND_AL || branch->handler != interpreter_handlers()[OP_B_EQ + d[1].cond]) {
        return OP_COUNT;
    }
    uint16_t first = d->op == OP_CMP_IMM ? OP_CMP_IMM_B_EQ : d->op == OP_CMP_REG ? OP_CMP_REG_B_EQ
                     : d->op == OP_SUBS_IMM ? OP_SUBS_IMM_B_EQ : OP_COUNT;
    return first == OP_COUNT ? first : (uint16_t)(first + d[1].cond);
}

void fuse_sequences(const Decoded *decoded, Entry *entries, unsigned count)
{
    const void *const *handlers = interpreter_handlers();
    for (unsigned i = 0; i < count; ++i) {
        unsigned length = 0, cost = 0;
        uint16_t op = find(&decoded[i], count - i, &length);
        if (op == OP_COUNT && i + 1 < count) {
            op = compare_and_branch(&decoded[i], &entries[i + 1]);
            length = 2;
        }
        if (op == OP_COUNT || entries[i].handler == handlers[OP_DELAY_LOOP]) {
            continue;
        }
        for (unsigned k = 0; k < length; ++k) {
            cost += entries[i + k].cost;
        }
        if (cost <= FUSED_CYCLES) {
            entries[i].then = entries[i].handler;
            entries[i].handler = handlers[op];
            entries[i].fused = (uint8_t)(cost - entries[i + length - 1].cost);
        }
    }
}
