/* Decoding of ARM instructions (ARMv5TE). */
#include <string.h>

#include "cpu_timing.h"
#include "decoded.h"

#define BIT(n) ((word >> (n)) & 1)
#define FIELD(low, bits) ((word >> (low)) & ((1u << (bits)) - 1))
#define REG_SET(r) ((uint16_t)(1u << (r)))

static void undefined(Decoded *d)
{
    d->op = OP_UNDEFINED;
    d->reads_pc = d->writes_pc = d->returns = false;
    memset(&d->timing, 0, sizeof d->timing);
    d->entry.cost = d->timing.cycles = CYCLES_EXCEPTION;
    d->timing.leaves = true;
}

static void set_cost(Decoded *d, unsigned cycles)
{
    d->entry.cost = d->timing.cycles = (uint8_t)cycles;
}

static void late_result(Decoded *d, enum ResultClass result, uint16_t registers)
{
    d->timing.result = (uint8_t)result;
    d->timing.late_results = registers;
}

static uint32_t rotate_right(uint32_t value, unsigned amount)
{
    return amount ? value >> amount | value << (32 - amount) : value;
}

/* --- data processing --- */

/* A shift by a constant: 0 stands for 32 (LSR, ASR) or RRX (ROR). Returns the kind of operand. */
static enum AluKind constant_shift(Entry *e, unsigned type, unsigned amount)
{
    if (amount == 0) {
        if (type == SHIFT_LSL) {
            return ALU_REG;
        }
        if (type == SHIFT_ROR) {
            e->imm = SHIFT_RRX;
            e->shift = 1;
            return ALU_SHIFT;
        }
        amount = 32;
    }
    e->shift = (uint8_t)amount;
    e->imm = type;
    if (amount == 32 || type == SHIFT_ROR) {
        return ALU_SHIFT;
    }
    return type == SHIFT_LSL ? ALU_LSL : type == SHIFT_LSR ? ALU_LSR : ALU_ASR;
}

static void data_processing(uint32_t word, uint32_t pc, Decoded *d)
{
    Entry *e = &d->entry;
    unsigned opcode = FIELD(21, 4);
    bool set_flags = BIT(20);
    bool test = opcode >= ALU_TST && opcode <= ALU_CMN;
    bool one_source = opcode == ALU_MOV || opcode == ALU_MVN;
    enum AluKind kind;
    unsigned cycles = CYCLES_ALU;

    e->rd = FIELD(12, 4);
    e->rn = FIELD(16, 4);
    e->rm = FIELD(0, 4);
    if (!one_source) {
        d->timing.reads |= REG_SET(e->rn);
    }
    if (BIT(25)) {
        unsigned rotation = FIELD(8, 4) * 2;
        kind = ALU_IMM;
        e->imm = rotate_right(FIELD(0, 8), rotation);
        e->imm2 = rotation == 0 ? CARRY_UNCHANGED : e->imm >> 31 ? CARRY_SET : CARRY_CLEAR;
    } else {
        d->timing.reads |= REG_SET(e->rm);
        d->reads_pc = e->rm == 15;
        if (BIT(4)) {
            kind = ALU_SHIFT;
            e->rs = FIELD(8, 4);
            e->imm = FIELD(5, 2) | SHIFT_BY_REGISTER;
            d->timing.reads |= REG_SET(e->rs);
            cycles = CYCLES_ALU_SHIFT_BY_REGISTER;
            d->pc_value = pc + 12;    /* the registers are read a cycle later */
            d->reads_pc |= e->rs == 15;
        } else {
            kind = constant_shift(e, FIELD(5, 2), FIELD(7, 5));
        }
    }
    d->reads_pc |= !one_source && e->rn == 15;
    d->writes_pc = !test && e->rd == 15;
    d->returns = d->writes_pc && set_flags;
    if (d->writes_pc) {
        cycles += CYCLES_ALU_TO_PC_EXTRA;
        d->timing.leaves = d->cond == COND_AL;
    }
    d->op = alu_op(opcode, set_flags, kind);
    set_cost(d, cycles);

    /* pc + constant is a constant; a plain move to pc is a plain branch */
    if (kind == ALU_IMM && e->rn == 15 && !set_flags && e->rd != 15 &&
        (opcode == ALU_ADD || opcode == ALU_SUB)) {
        e->imm = opcode == ALU_ADD ? pc + 8 + e->imm : pc + 8 - e->imm;
        d->op = OP_MOV_IMM;
        d->reads_pc = false;
        d->timing.reads = 0;
    } else if (opcode == ALU_MOV && kind == ALU_REG && e->rm == 15 && !set_flags && e->rd != 15) {
        e->imm = pc + 8;
        d->op = OP_MOV_IMM;
        d->reads_pc = false;
        d->timing.reads = 0;
    } else if (opcode == ALU_MOV && kind == ALU_REG && !set_flags && e->rd == 15 && e->rm != 15) {
        d->op = OP_MOV_PC;
        d->writes_pc = false;
    }
}

/* --- multiplies --- */

static void multiply(uint32_t word, Decoded *d)
{
    static const uint16_t long_ops[2][4] = {
        { OP_UMULL, OP_UMLAL, OP_SMULL, OP_SMLAL }, { OP_UMULLS, OP_UMLALS, OP_SMULLS, OP_SMLALS } };
    Entry *e = &d->entry;
    bool set_flags = BIT(20);
    e->rd = FIELD(16, 4);             /* RdHi of the long forms */
    e->rn = FIELD(12, 4);             /* RdLo of the long forms */
    e->rs = FIELD(8, 4);
    e->rm = FIELD(0, 4);
    d->timing.reads = REG_SET(e->rm) | REG_SET(e->rs);
    uint16_t results = REG_SET(e->rd);

    if (BIT(23)) {
        d->op = long_ops[set_flags][FIELD(21, 2)];
        results |= REG_SET(e->rn);
        if (BIT(21)) {
            d->timing.accumulates = results;
        }
        set_cost(d, set_flags ? CYCLES_LONG_MUL_FLAGS : CYCLES_LONG_MUL);
    } else if (BIT(22)) {
        undefined(d);
        return;
    } else {
        d->op = BIT(21) ? (set_flags ? OP_MLAS : OP_MLA) : (set_flags ? OP_MULS : OP_MUL);
        if (BIT(21)) {
            d->timing.accumulates = REG_SET(e->rn);
        }
        set_cost(d, set_flags ? CYCLES_MUL_FLAGS : CYCLES_MUL);
    }
    if (!set_flags) {
        late_result(d, RESULT_MULTIPLY, results);
    }
}

static void dsp_multiply(uint32_t word, Decoded *d)
{
    static const uint16_t smla[4] = { OP_SMLABB, OP_SMLATB, OP_SMLABT, OP_SMLATT };
    static const uint16_t smul[4] = { OP_SMULBB, OP_SMULTB, OP_SMULBT, OP_SMULTT };
    Entry *e = &d->entry;
    unsigned x = BIT(5), y = BIT(6);
    uint16_t results;
    e->shift = y ? 16 : 0;            /* brings the half of rs down, where operations run fused */
    e->rd = FIELD(16, 4);
    e->rn = FIELD(12, 4);
    e->rs = FIELD(8, 4);
    e->rm = FIELD(0, 4);
    results = REG_SET(e->rd);
    d->timing.reads = REG_SET(e->rm) | REG_SET(e->rs);
    set_cost(d, CYCLES_DSP_MUL);
    switch (FIELD(21, 2)) {
    case 0:
        d->op = smla[y * 2 + x];
        d->timing.accumulates = REG_SET(e->rn);
        break;
    case 1:
        if (x) {
            d->op = y ? OP_SMULWT : OP_SMULWB;
        } else {
            d->op = y ? OP_SMLAWT : OP_SMLAWB;
            d->timing.accumulates = REG_SET(e->rn);
        }
        break;
    case 2:
        d->op = OP_SMLAL_XY;
        e->imm = x;
        e->imm2 = y;
        results |= REG_SET(e->rn);
        d->timing.accumulates = results;
        set_cost(d, CYCLES_DSP_LONG_MUL);
        break;
    default:
        d->op = smul[y * 2 + x];
        break;
    }
    late_result(d, RESULT_MULTIPLY, results);
}

/* --- the space around data processing: status registers, branch exchange, DSP --- */

static void status_register(uint32_t word, Decoded *d)
{
    Entry *e = &d->entry;
    bool spsr = BIT(22);
    if (!BIT(25) && !BIT(21)) {
        e->rd = FIELD(12, 4);
        d->op = spsr ? OP_MRS_SPSR : OP_MRS_CPSR;
        set_cost(d, CYCLES_MRS);
        if (e->rd == 15) {
            undefined(d);
        }
        return;
    }
    unsigned fields = FIELD(16, 4);
    e->imm2 = (fields & 1 ? 0xffu : 0) | (fields & 2 ? 0xff00u : 0) |
              (fields & 4 ? 0xff0000u : 0) | (fields & 8 ? 0xff000000u : 0);
    if (BIT(25)) {
        e->imm = rotate_right(FIELD(0, 8), FIELD(8, 4) * 2);
        d->op = spsr ? OP_MSR_SPSR_IMM : OP_MSR_CPSR_IMM;
    } else {
        e->rm = FIELD(0, 4);
        d->timing.reads = REG_SET(e->rm);
        d->reads_pc = e->rm == 15;
        d->op = spsr ? OP_MSR_SPSR_REG : OP_MSR_CPSR_REG;
    }
    set_cost(d, fields & 7 ? CYCLES_MSR_CONTROL : CYCLES_MSR_FLAGS);
}

static void branch_register(uint32_t word, uint32_t pc, Decoded *d, bool link)
{
    Entry *e = &d->entry;
    e->rm = FIELD(0, 4);
    e->imm2 = pc + 4;
    d->op = link ? OP_BLX_REG : OP_BX;
    d->timing.reads = REG_SET(e->rm);
    d->timing.leaves = d->cond == COND_AL;
    d->reads_pc = e->rm == 15;
    set_cost(d, CYCLES_BRANCH_TAKEN);
}

static void saturating(uint32_t word, Decoded *d)
{
    static const uint16_t ops[4] = { OP_QADD, OP_QSUB, OP_QDADD, OP_QDSUB };
    Entry *e = &d->entry;
    e->rd = FIELD(12, 4);
    e->rn = FIELD(16, 4);
    e->rm = FIELD(0, 4);
    d->op = ops[FIELD(21, 2)];
    d->timing.reads = REG_SET(e->rn) | REG_SET(e->rm);
    set_cost(d, CYCLES_SATURATE);
    late_result(d, RESULT_SATURATE, REG_SET(e->rd));
}

static void miscellaneous(uint32_t word, uint32_t pc, Decoded *d)
{
    if (BIT(7)) {
        dsp_multiply(word, d);
        return;
    }
    switch (FIELD(4, 3)) {
    case 0:
        status_register(word, d);
        return;
    case 1:
        if (FIELD(21, 2) == 1) {
            branch_register(word, pc, d, false);
        } else if (FIELD(21, 2) == 3) {
            d->entry.rd = FIELD(12, 4);
            d->entry.rm = FIELD(0, 4);
            d->op = OP_CLZ;
            d->timing.reads = REG_SET(d->entry.rm);
            set_cost(d, CYCLES_CLZ);
        } else {
            undefined(d);
        }
        return;
    case 3:
        if (FIELD(21, 2) == 1) {
            branch_register(word, pc, d, true);
        } else {
            undefined(d);
        }
        return;
    case 5:
        saturating(word, d);
        return;
    case 7:
        if (FIELD(21, 2) == 1) {
            d->op = OP_BKPT;
            set_cost(d, CYCLES_EXCEPTION);
            d->timing.leaves = true;
            return;
        }
        /* fall through */
    default:
        undefined(d);
    }
}

/* --- loads and stores --- */

static void transfer_registers(Decoded *d, bool load, enum ResultClass result)
{
    Entry *e = &d->entry;
    d->timing.reads |= REG_SET(e->rn);
    if (load) {
        late_result(d, result, REG_SET(e->rd));
    } else {
        d->timing.stores = REG_SET(e->rd);
    }
}

/* Chooses the kind of address; `add`, `first`, `write_back` are the bits U, P and W of the word. */
static enum AddressKind address_kind(Decoded *d, bool add, bool first, bool write_back, bool by_register,
                                     unsigned shift_type)
{
    Entry *e = &d->entry;
    if (!first) {
        write_back = true;            /* post-indexed; W means the unprivileged form, the same here */
    }
    d->reads_pc |= e->rn == 15 || (by_register && e->rm == 15);
    if (!by_register) {
        uint32_t offset = add ? e->imm : 0u - e->imm;
        if (first) {
            e->imm = offset;
            return write_back ? ADDRESS_PRE : ADDRESS_OFF;
        }
        e->imm = offset;
        return ADDRESS_POST;
    }
    if (first && !write_back && add && shift_type == SHIFT_LSL) {
        return e->shift ? ADDRESS_LSL : ADDRESS_REG;
    }
    if (!first && add && shift_type == SHIFT_LSL && e->shift == 0) {
        return ADDRESS_POSTREG;
    }
    return ADDRESS_GEN;
}

/* The flags for operations that compute every form of address at run time. */
static void general_address(uint32_t word, Decoded *d, bool by_register, unsigned shift_type)
{
    d->entry.imm2 = (BIT(23) ? ADDRESS_ADD : 0) | (BIT(24) ? ADDRESS_INDEX_FIRST : 0) |
                    (BIT(21) || !BIT(24) ? ADDRESS_WRITE_BACK : 0) | (by_register ? ADDRESS_REGISTER : 0) |
                    shift_type << ADDRESS_SHIFT_TYPE;
}

static void load_store_word_byte(uint32_t word, uint32_t pc, Decoded *d)
{
    Entry *e = &d->entry;
    bool by_register = BIT(25), add = BIT(23), load = BIT(20), byte = BIT(22);
    unsigned shift_type = SHIFT_LSL;
    unsigned cycles = load ? CYCLES_LOAD : CYCLES_STORE;

    if (by_register && BIT(4)) {
        undefined(d);
        return;
    }
    e->rn = FIELD(16, 4);
    e->rd = FIELD(12, 4);
    e->rm = FIELD(0, 4);
    if (by_register) {
        unsigned amount = FIELD(7, 5);
        shift_type = FIELD(5, 2);
        if (amount == 0 && shift_type == SHIFT_ROR) {
            shift_type = SHIFT_RRX;
            amount = 1;
        } else if (amount == 0 && shift_type != SHIFT_LSL) {
            amount = 32;
        }
        e->shift = (uint8_t)amount;
        d->timing.reads = REG_SET(e->rm);
        if (amount) {
            cycles += CYCLES_SCALED_OFFSET_EXTRA;
        }
    } else {
        e->imm = FIELD(0, 12);
    }
    transfer_registers(d, load, byte ? RESULT_LOAD_NARROW : RESULT_LOAD);
    general_address(word, d, by_register, shift_type);

    if (load && e->rd == 15) {
        if (byte) {
            undefined(d);
            return;
        }
        d->reads_pc = e->rn == 15 || (by_register && e->rm == 15);
        d->op = OP_LDR_PC;
        d->timing.late_results = 0;
        d->timing.leaves = d->cond == COND_AL;
        cycles += CYCLES_LOAD_PC - CYCLES_LOAD;
        if (e->rn == 15 && !by_register && BIT(24) && !BIT(21)) {
            e->imm = pc + 8 + (add ? e->imm : 0u - e->imm);
            d->op = OP_LDR_PC_LITERAL;
            d->reads_pc = false;
            d->timing.reads = 0;
        }
        set_cost(d, cycles);
        return;
    }
    set_cost(d, cycles);
    if (load && !byte && e->rn == 15 && !by_register && BIT(24) && !BIT(21)) {
        e->imm = pc + 8 + (add ? e->imm : 0u - e->imm);
        d->op = OP_LDR_LITERAL;
        d->timing.reads = 0;
        return;
    }
    uint32_t offset = e->imm;
    enum AddressKind kind = address_kind(d, add, BIT(24), BIT(21), by_register, shift_type);
    if (kind == ADDRESS_GEN) {
        e->imm = offset;
    }
    d->op = memory_op(load ? (byte ? MEMORY_LDRB : MEMORY_LDR) : (byte ? MEMORY_STRB : MEMORY_STR), kind);
    if (!load && e->rd == 15) {
        d->reads_pc = true;
        d->pc_value = pc + 12;        /* what the ARM9E-S stores for r15 */
    }
}

static void load_store_extra(uint32_t word, uint32_t pc, Decoded *d)
{
    Entry *e = &d->entry;
    bool by_register = !BIT(22), load = BIT(20), add = BIT(23);
    unsigned kind_bits = FIELD(5, 2);
    e->rn = FIELD(16, 4);
    e->rd = FIELD(12, 4);
    e->rm = FIELD(0, 4);
    if (by_register) {
        d->timing.reads = REG_SET(e->rm);
    } else {
        e->imm = FIELD(8, 4) << 4 | FIELD(0, 4);
    }
    if (!load && kind_bits >= 2) {    /* LDRD, STRD */
        bool load_double = kind_bits == 2;
        if (e->rd & 1 || e->rd == 14) {
            undefined(d);             /* unpredictable on the hardware */
            return;
        }
        d->timing.reads |= REG_SET(e->rn);
        d->reads_pc = e->rn == 15 || (by_register && e->rm == 15);
        general_address(word, d, by_register, SHIFT_LSL);
        d->op = load_double ? OP_LDRD : OP_STRD;
        if (load_double) {
            late_result(d, RESULT_LOAD, REG_SET(e->rd + 1));
        } else {
            d->timing.stores = REG_SET(e->rd);
            d->timing.stores_later = REG_SET(e->rd + 1);
        }
        set_cost(d, CYCLES_DOUBLE);
        return;
    }
    if (load && e->rd == 15) {
        undefined(d);                 /* unpredictable on the hardware */
        return;
    }
    transfer_registers(d, load, RESULT_LOAD_NARROW);
    general_address(word, d, by_register, SHIFT_LSL);
    enum AddressKind kind = address_kind(d, add, BIT(24), BIT(21), by_register, SHIFT_LSL);
    unsigned operation = !load ? MEMORY_STRH : kind_bits == 1 ? MEMORY_LDRH
                         : kind_bits == 2 ? MEMORY_LDRSB : MEMORY_LDRSH;
    d->op = memory_op(operation, kind);
    set_cost(d, load ? CYCLES_LOAD : CYCLES_STORE);
    if (!load && e->rd == 15) {
        d->reads_pc = true;
        d->pc_value = pc + 12;
    }
}

static void swap(uint32_t word, Decoded *d)
{
    Entry *e = &d->entry;
    bool byte = BIT(22);
    e->rn = FIELD(16, 4);
    e->rd = FIELD(12, 4);
    e->rm = FIELD(0, 4);
    if (e->rd == 15 || e->rm == 15 || e->rn == 15) {
        undefined(d);                 /* unpredictable on the hardware */
        return;
    }
    d->op = byte ? OP_SWPB : OP_SWP;
    d->timing.reads = REG_SET(e->rn);
    d->timing.stores_later = REG_SET(e->rm);
    late_result(d, byte ? RESULT_LOAD_NARROW : RESULT_LOAD, REG_SET(e->rd));
    set_cost(d, CYCLES_SWAP);
}

/* Lists of two registers, and of up to eight that follow each other, have operations of their own. */
static uint16_t block_op(Entry *e, uint32_t list, bool load)
{
    unsigned count = (unsigned)__builtin_popcount(list);
    if (count < 2) {
        return load ? OP_LDM : OP_STM;
    }
    unsigned lowest = (unsigned)__builtin_ctz(list), highest = 31 - (unsigned)__builtin_clz(list);
    e->rd = (uint8_t)lowest;
    e->rs = (uint8_t)highest;
    if (count == 2) {
        return load ? OP_LDM_PAIR : OP_STM_PAIR;
    }
    if (count <= 8 && highest - lowest + 1 == count) {
        return (uint16_t)((load ? OP_LDM_RUN3 : OP_STM_RUN3) + count - 3);
    }
    return load ? OP_LDM : OP_STM;
}

void decode_multiple(Decoded *d, unsigned base, uint32_t list, bool load, bool first, bool add,
                     bool write_back, bool user)
{
    Entry *e = &d->entry;
    int bytes = 4 * __builtin_popcount(list);
    int extent = list ? bytes : 64;   /* an empty list moves the base by 64 and transfers nothing */
    int start = add ? (first ? 4 : 0) : (first ? -bytes : 4 - bytes);
    int step = !write_back ? 0 : add ? extent : -extent;
    unsigned cycles = (unsigned)bytes / 4;

    e->rn = (uint8_t)base;
    e->imm = (uint32_t)start;
    e->imm2 = (list & 0xffff) | (uint32_t)step << 16;
    if (cycles < CYCLES_MULTIPLE_MINIMUM) {
        cycles = CYCLES_MULTIPLE_MINIMUM;
    }
    d->timing.reads = REG_SET(base);
    d->reads_pc = base == 15;
    if (load) {
        if (list & 0x8000) {
            d->op = user ? OP_LDM_RETURN : OP_LDM_PC;
            d->timing.leaves = d->cond == COND_AL;
            cycles = (unsigned)bytes / 4 + CYCLES_LOAD_MULTIPLE_PC_EXTRA;
        } else {
            d->op = user ? OP_LDM_USER : block_op(e, list, true);
            if (bytes > 4) {          /* the second cycle of a single transfer hides the latency */
                late_result(d, RESULT_LOAD, (uint16_t)(1u << (31 - __builtin_clz(list))));
            }
        }
    } else {
        uint32_t rest = list & (list - 1);
        d->op = user ? OP_STM_USER : block_op(e, list, false);
        d->timing.stores = (uint16_t)(list & (0u - list));
        d->timing.stores_later = (uint16_t)(rest & (0u - rest));
        if (list & 0x8000) {
            d->reads_pc = true;
            d->pc_value += 4;
        }
    }
    set_cost(d, cycles);
}

/* --- coprocessor 15 --- */

static void coprocessor(uint32_t word, Decoded *d)
{
    Entry *e = &d->entry;
    if (FIELD(24, 4) != 14 || !BIT(4) || FIELD(8, 4) != 15) {
        undefined(d);                 /* no other coprocessor, no CDP, LDC, STC */
        return;
    }
    unsigned crn = FIELD(16, 4), crm = FIELD(0, 4), opcode2 = FIELD(5, 3);
    e->rd = FIELD(12, 4);
    e->rn = (uint8_t)crn;
    e->rm = (uint8_t)crm;
    e->imm = opcode2;
    set_cost(d, CYCLES_COPROCESSOR);
    if (BIT(20)) {
        d->op = OP_MRC;
        if (e->rd != 15) {
            late_result(d, RESULT_LOAD, REG_SET(e->rd));
        }
        return;
    }
    d->timing.reads = REG_SET(e->rd);
    d->reads_pc = e->rd == 15;
    d->op = OP_MCR;
    if ((crn == 7 && crm == 0 && opcode2 == 4) || (crn == 15 && crm == 8 && opcode2 == 2)) {
        d->op = OP_WFI;
        d->reads_pc = false;
        set_cost(d, CYCLES_WFI);
    }
}

/* --- top level --- */

static void unconditional_space(uint32_t word, uint32_t pc, Decoded *d)
{
    d->cond = COND_AL;
    if (FIELD(25, 3) == 5) {          /* BLX label */
        int32_t offset = (int32_t)(word << 8) >> 6;
        d->entry.imm = pc + 8 + (uint32_t)offset + (BIT(24) << 1);
        d->entry.imm2 = pc + 4;
        d->op = OP_BLX_FAR;
        d->timing.leaves = true;
        set_cost(d, CYCLES_BRANCH_TAKEN);
    } else if (FIELD(26, 2) == 1 && FIELD(20, 3) == 5 && BIT(24) && FIELD(12, 4) == 15) {
        d->op = OP_NOP;               /* PLD */
        set_cost(d, CYCLES_PRELOAD);
    } else {
        undefined(d);
    }
}

static void decode(uint32_t word, uint32_t pc, Decoded *d)
{
    memset(d, 0, sizeof *d);
    d->cond = (uint8_t)(word >> 28);
    d->pc_value = pc + 8;
    d->entry.cost_failed = CYCLES_CONDITION_FAILED;
    if (d->cond == 15) {
        unconditional_space(word, pc, d);
        return;
    }
    switch (FIELD(25, 3)) {
    case 0:
        if (BIT(7) && BIT(4)) {
            if (FIELD(5, 2)) {
                load_store_extra(word, pc, d);
            } else if (!BIT(24)) {
                multiply(word, d);
            } else if (FIELD(20, 2) == 0 && !BIT(23)) {
                swap(word, d);
            } else {
                undefined(d);
            }
            break;
        }
        if (FIELD(23, 2) == 2 && !BIT(20)) {
            miscellaneous(word, pc, d);
            break;
        }
        data_processing(word, pc, d);
        break;
    case 1:
        if (FIELD(23, 2) == 2 && !BIT(20)) {
            if (BIT(21)) {
                status_register(word, d);
            } else {
                undefined(d);
            }
            break;
        }
        data_processing(word, pc, d);
        break;
    case 2:
    case 3:
        load_store_word_byte(word, pc, d);
        break;
    case 4:
        decode_multiple(d, FIELD(16, 4), FIELD(0, 16), BIT(20), BIT(24), BIT(23), BIT(21), BIT(22));
        break;
    case 5: {
        int32_t offset = (int32_t)(word << 8) >> 6;
        d->entry.imm = pc + 8 + (uint32_t)offset;
        d->entry.imm2 = pc + 4;
        d->op = BIT(24) ? OP_BL_FAR : OP_B_FAR;
        d->timing.leaves = d->cond == COND_AL;
        set_cost(d, CYCLES_BRANCH_TAKEN);
        break;
    }
    case 6:
        undefined(d);
        break;
    default:
        if (BIT(24)) {
            d->op = OP_SWI;
            d->timing.leaves = d->cond == COND_AL;
            set_cost(d, CYCLES_EXCEPTION);
        } else {
            coprocessor(word, d);
        }
    }
}

void decode_arm(uint32_t word, uint32_t pc, Decoded *d)
{
    decode(word, pc, d);
    /* Unpredictable uses of r15 as an operand read the pc too, so that they are deterministic. */
    const Timing *t = &d->timing;
    if ((t->reads | t->accumulates | t->stores | t->stores_later) & REG_SET(15)) {
        d->reads_pc = true;
    }
}
