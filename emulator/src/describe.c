/* Instructions as the translator wants to know them (translate_page.py); called through ctypes. */
#include <stdlib.h>

#include "code_cache.h"

/* Mirrored by translate_page.py. */
typedef struct Description {
    uint16_t op, fused;               /* fused: the operation of the sequence that begins here, or OP_COUNT */
    uint8_t cond, rd, rn, rm, rs, cost, cost_failed, shift;
    uint8_t writes_pc, returns, delay_loop, leaves;
    uint32_t imm, imm2, pc_value, near;              /* near: 1 where `imm` is a step in instructions */
} Description;

const char *describe_op(unsigned op)
{
#define OP_NAME(NAME) #NAME,
    static const char *const names[OP_COUNT] = { ALL_OPS(OP_NAME) };
#undef OP_NAME
    return op < OP_COUNT ? names[op] : "";
}

static bool is_sequence(unsigned op)
{
    return (op >= OP_CMP_IMM_B_EQ && op <= OP_SUBS_IMM_B_LE) || (op >= OP_SMLAW2 && op <= OP_LDM2_LDR_SMLAW2);
}

/* Fills in one description per instruction of a page; `key` is the page and its lookahead. */
void describe_page(const uint8_t *key, unsigned number, bool thumb, Description *out)
{
    static Decoded decoded[PAGE_BYTES / 2 + 2];
    static Entry entries[PAGE_BYTES / 2];
    const void *const *handlers = interpreter_handlers();
    unsigned count = PAGE_BYTES / (thumb ? 2 : 4);
    code_decode_page(key, number, thumb, decoded, entries);
    for (unsigned i = 0; i < count; ++i) {
        const Decoded *d = &decoded[i];
        const Entry *e = &entries[i];
        /* A branch inside the page has lost its address in the entry, but not in what it was decoded from. */
        bool branch = d->op == OP_B_FAR || d->op == OP_BL_FAR;
        bool near = branch && d->entry.imm / PAGE_BYTES == number && !d->reads_pc && !d->writes_pc;
        out[i] = (Description){ .op = d->op, .fused = OP_COUNT, .cond = d->cond, .rd = e->rd, .rn = e->rn, .rm = e->rm,
                                .rs = e->rs, .cost = e->cost, .cost_failed = e->cost_failed, .shift = d->entry.shift,
                                .writes_pc = d->writes_pc, .returns = d->returns, .leaves = d->timing.leaves,
                                .delay_loop = e->handler == handlers[OP_DELAY_LOOP], .imm = d->entry.imm,
                                .imm2 = e->imm2, .pc_value = d->pc_value, .near = near };
        for (unsigned op = 0; op < OP_COUNT; ++op) {
            if (is_sequence(op) && e->handler == handlers[op]) {
                out[i].fused = (uint16_t)op;
            }
        }
    }
}
