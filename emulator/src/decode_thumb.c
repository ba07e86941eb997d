/* Decoding of Thumb instructions (ARMv5T) to the same operations as ARM. */
#include <string.h>

#include "cpu_timing.h"
#include "decoded.h"

#define BIT(n) ((half >> (n)) & 1)
#define FIELD(low, bits) ((half >> (low)) & ((1u << (bits)) - 1))
#define REG_SET(r) ((uint16_t)(1u << (r)))

enum { SP = 13, LR = 14, PC = 15 };

static void set_cost(Decoded *d, unsigned cycles)
{
    d->entry.cost = d->timing.cycles = (uint8_t)cycles;
}

static void undefined(Decoded *d)
{
    d->op = OP_UNDEFINED;
    memset(&d->timing, 0, sizeof d->timing);
    set_cost(d, CYCLES_EXCEPTION);
    d->timing.leaves = true;
}

static void alu_immediate(Decoded *d, unsigned opcode, bool flags, unsigned rd, unsigned rn, uint32_t imm)
{
    d->op = alu_op(opcode, flags, ALU_IMM);
    d->entry.rd = (uint8_t)rd;
    d->entry.rn = (uint8_t)rn;
    d->entry.imm = imm;
    if (opcode != ALU_MOV) {
        d->timing.reads = REG_SET(rn);
    }
    set_cost(d, CYCLES_ALU);
}

static void alu_register(Decoded *d, unsigned opcode, bool flags, unsigned rd, unsigned rn, unsigned rm)
{
    d->op = alu_op(opcode, flags, ALU_REG);
    d->entry.rd = (uint8_t)rd;
    d->entry.rn = (uint8_t)rn;
    d->entry.rm = (uint8_t)rm;
    d->timing.reads = REG_SET(rm);
    if (opcode != ALU_MOV && opcode != ALU_MVN) {
        d->timing.reads |= REG_SET(rn);
    }
    set_cost(d, CYCLES_ALU);
}

static void shift_constant(uint16_t half, Decoded *d)
{
    unsigned type = FIELD(11, 2), amount = FIELD(6, 5);
    alu_register(d, ALU_MOV, true, FIELD(0, 3), 0, FIELD(3, 3));
    if (type == SHIFT_LSL && amount == 0) {
        return;
    }
    if (amount == 0) {
        amount = 32;
    }
    d->entry.shift = (uint8_t)amount;
    d->entry.imm = type;
    d->op = alu_op(ALU_MOV, true, amount == 32 ? ALU_SHIFT : type == SHIFT_LSL ? ALU_LSL
                                  : type == SHIFT_LSR ? ALU_LSR : ALU_ASR);
}

static void add_subtract(uint16_t half, Decoded *d)
{
    unsigned opcode = BIT(9) ? ALU_SUB : ALU_ADD;
    if (BIT(10)) {
        alu_immediate(d, opcode, true, FIELD(0, 3), FIELD(3, 3), FIELD(6, 3));
    } else {
        alu_register(d, opcode, true, FIELD(0, 3), FIELD(3, 3), FIELD(6, 3));
    }
}

static void alu_immediate_8(uint16_t half, Decoded *d)
{
    static const uint8_t opcodes[4] = { ALU_MOV, ALU_CMP, ALU_ADD, ALU_SUB };
    alu_immediate(d, opcodes[FIELD(11, 2)], true, FIELD(8, 3), FIELD(8, 3), FIELD(0, 8));
}

static void shift_register(Decoded *d, unsigned type, unsigned rd, unsigned rs)
{
    alu_register(d, ALU_MOV, true, rd, 0, rd);
    d->op = alu_op(ALU_MOV, true, ALU_SHIFT);
    d->entry.rs = (uint8_t)rs;
    d->entry.imm = type | SHIFT_BY_REGISTER;
    d->timing.reads |= REG_SET(rs);
    set_cost(d, CYCLES_ALU_SHIFT_BY_REGISTER);
}

static void alu_two_registers(uint16_t half, Decoded *d)
{
    unsigned rd = FIELD(0, 3), rm = FIELD(3, 3);
    switch (FIELD(6, 4)) {
    case 0: alu_register(d, ALU_AND, true, rd, rd, rm); break;
    case 1: alu_register(d, ALU_EOR, true, rd, rd, rm); break;
    case 2: shift_register(d, SHIFT_LSL, rd, rm); break;
    case 3: shift_register(d, SHIFT_LSR, rd, rm); break;
    case 4: shift_register(d, SHIFT_ASR, rd, rm); break;
    case 5: alu_register(d, ALU_ADC, true, rd, rd, rm); break;
    case 6: alu_register(d, ALU_SBC, true, rd, rd, rm); break;
    case 7: shift_register(d, SHIFT_ROR, rd, rm); break;
    case 8: alu_register(d, ALU_TST, true, rd, rd, rm); break;
    case 9: alu_immediate(d, ALU_RSB, true, rd, rm, 0); break;        /* NEG */
    case 10: alu_register(d, ALU_CMP, true, rd, rd, rm); break;
    case 11: alu_register(d, ALU_CMN, true, rd, rd, rm); break;
    case 12: alu_register(d, ALU_ORR, true, rd, rd, rm); break;
    case 13:
        d->op = OP_MULS;
        d->entry.rd = (uint8_t)rd;
        d->entry.rm = (uint8_t)rm;
        d->entry.rs = (uint8_t)rd;
        d->timing.reads = REG_SET(rd) | REG_SET(rm);
        set_cost(d, CYCLES_MUL_FLAGS);
        break;
    case 14: alu_register(d, ALU_BIC, true, rd, rd, rm); break;
    default: alu_register(d, ALU_MVN, true, rd, 0, rm); break;
    }
}

static void high_registers(uint16_t half, uint32_t pc, Decoded *d)
{
    unsigned rd = FIELD(0, 3) | BIT(7) << 3, rm = FIELD(3, 4);
    switch (FIELD(8, 2)) {
    case 0:
        alu_register(d, ALU_ADD, false, rd, rd, rm);
        d->reads_pc = rd == PC || rm == PC;
        d->writes_pc = rd == PC;
        break;
    case 1:
        alu_register(d, ALU_CMP, true, 0, rd, rm);
        d->reads_pc = rd == PC || rm == PC;
        break;
    case 2:
        if (rm == PC && rd != PC) {
            alu_immediate(d, ALU_MOV, false, rd, 0, pc + 4);
            return;
        }
        alu_register(d, ALU_MOV, false, rd, 0, rm);
        d->reads_pc = rm == PC;
        d->writes_pc = rd == PC;
        break;
    default:
        d->op = BIT(7) ? OP_BLX_REG : OP_BX;
        d->entry.rm = (uint8_t)rm;
        d->entry.imm2 = (pc + 2) | 1;
        d->timing.reads = REG_SET(rm);
        d->timing.leaves = true;
        d->reads_pc = rm == PC;
        set_cost(d, CYCLES_BRANCH_TAKEN);
        return;
    }
    if (d->writes_pc) {
        d->timing.leaves = true;
        set_cost(d, CYCLES_ALU + CYCLES_ALU_TO_PC_EXTRA);
    }
}

static void transfer(Decoded *d, unsigned operation, unsigned kind, unsigned rd, unsigned rn, unsigned rm,
                     uint32_t imm)
{
    bool load = operation < MEMORY_STR;
    d->op = memory_op(operation, kind);
    d->entry.rd = (uint8_t)rd;
    d->entry.rn = (uint8_t)rn;
    d->entry.rm = (uint8_t)rm;
    d->entry.imm = imm;
    d->timing.reads = REG_SET(rn);
    if (kind == ADDRESS_REG) {
        d->timing.reads |= REG_SET(rm);
    }
    if (load) {
        d->timing.late_results = REG_SET(rd);
        d->timing.result = operation == MEMORY_LDR ? RESULT_LOAD : RESULT_LOAD_NARROW;
    } else {
        d->timing.stores = REG_SET(rd);
    }
    set_cost(d, load ? CYCLES_LOAD : CYCLES_STORE);
}

static void transfer_register_offset(uint16_t half, Decoded *d)
{
    static const uint8_t operations[8] = { MEMORY_STR, MEMORY_STRH, MEMORY_STRB, MEMORY_LDRSB,
                                           MEMORY_LDR, MEMORY_LDRH, MEMORY_LDRB, MEMORY_LDRSH };
    transfer(d, operations[FIELD(9, 3)], ADDRESS_REG, FIELD(0, 3), FIELD(3, 3), FIELD(6, 3), 0);
}

static void load_literal(uint16_t half, uint32_t pc, Decoded *d)
{
    d->op = OP_LDR_LITERAL;
    d->entry.rd = FIELD(8, 3);
    d->entry.imm = ((pc + 4) & ~3u) + FIELD(0, 8) * 4;
    d->timing.late_results = REG_SET(d->entry.rd);
    d->timing.result = RESULT_LOAD;
    set_cost(d, CYCLES_LOAD);
}

static void miscellaneous(uint16_t half, Decoded *d)
{
    switch (FIELD(8, 4)) {
    case 0:
        alu_immediate(d, BIT(7) ? ALU_SUB : ALU_ADD, false, SP, SP, FIELD(0, 7) * 4);
        break;
    case 4:
    case 5:                           /* PUSH */
        decode_multiple(d, SP, FIELD(0, 8) | (uint32_t)BIT(8) << LR, false, true, false, true, false);
        break;
    case 12:
    case 13:                          /* POP */
        decode_multiple(d, SP, FIELD(0, 8) | (uint32_t)BIT(8) << PC, true, false, true, true, false);
        break;
    case 14:
        d->op = OP_BKPT;
        set_cost(d, CYCLES_EXCEPTION);
        d->timing.leaves = true;
        break;
    default:
        undefined(d);
    }
}

static void branch_conditional(uint16_t half, uint32_t pc, Decoded *d)
{
    unsigned cond = FIELD(8, 4);
    if (cond == 14) {
        undefined(d);
    } else if (cond == 15) {
        d->op = OP_SWI;
        set_cost(d, CYCLES_EXCEPTION);
        d->timing.leaves = true;
    } else {
        d->cond = (uint8_t)cond;
        d->op = OP_B_FAR;
        d->entry.imm = pc + 4 + (uint32_t)((int32_t)(int8_t)FIELD(0, 8) * 2);
        set_cost(d, CYCLES_BRANCH_TAKEN);
    }
}

/* B, and the two halves of BL and BLX: the first leaves the upper part of the target in lr. */
static void branch_long(uint16_t half, uint32_t pc, Decoded *d)
{
    uint32_t low = FIELD(0, 11);
    int32_t extended = (int32_t)(low << 21) >> 21;
    switch (FIELD(11, 2)) {
    case 0:
        d->op = OP_B_FAR;
        d->entry.imm = pc + 4 + (uint32_t)(extended * 2);
        break;
    case 2:
        alu_immediate(d, ALU_MOV, false, LR, 0, pc + 4 + ((uint32_t)extended << 12));
        set_cost(d, CYCLES_THUMB_BL_PREFIX);
        return;
    default:
        if (FIELD(11, 2) == 1 && (low & 1)) {
            undefined(d);
            return;
        }
        d->op = FIELD(11, 2) == 1 ? OP_BLX_SUFFIX : OP_BL_SUFFIX;
        d->entry.imm = low * 2;
        d->entry.imm2 = (pc + 2) | 1;
        d->timing.reads = REG_SET(LR);
        break;
    }
    set_cost(d, CYCLES_BRANCH_TAKEN);
    d->timing.leaves = true;
}

void decode_thumb(uint16_t half, uint32_t pc, Decoded *d)
{
    memset(d, 0, sizeof *d);
    d->cond = COND_AL;
    d->pc_value = pc + 4;
    d->entry.cost_failed = CYCLES_CONDITION_FAILED;
    switch (half >> 12) {
    case 0:
    case 1:
        if (FIELD(11, 2) == 3) {
            add_subtract(half, d);
        } else {
            shift_constant(half, d);
        }
        break;
    case 2:
    case 3:
        alu_immediate_8(half, d);
        break;
    case 4:
        if (BIT(11)) {
            load_literal(half, pc, d);
        } else if (BIT(10)) {
            high_registers(half, pc, d);
        } else {
            alu_two_registers(half, d);
        }
        break;
    case 5:
        transfer_register_offset(half, d);
        break;
    case 6:
        transfer(d, BIT(11) ? MEMORY_LDR : MEMORY_STR, ADDRESS_OFF, FIELD(0, 3), FIELD(3, 3), 0, FIELD(6, 5) * 4);
        break;
    case 7:
        transfer(d, BIT(11) ? MEMORY_LDRB : MEMORY_STRB, ADDRESS_OFF, FIELD(0, 3), FIELD(3, 3), 0, FIELD(6, 5));
        break;
    case 8:
        transfer(d, BIT(11) ? MEMORY_LDRH : MEMORY_STRH, ADDRESS_OFF, FIELD(0, 3), FIELD(3, 3), 0, FIELD(6, 5) * 2);
        break;
    case 9:
        transfer(d, BIT(11) ? MEMORY_LDR : MEMORY_STR, ADDRESS_OFF, FIELD(8, 3), SP, 0, FIELD(0, 8) * 4);
        break;
    case 10:
        if (BIT(11)) {
            alu_immediate(d, ALU_ADD, false, FIELD(8, 3), SP, FIELD(0, 8) * 4);
        } else {
            alu_immediate(d, ALU_MOV, false, FIELD(8, 3), 0, ((pc + 4) & ~3u) + FIELD(0, 8) * 4);
        }
        break;
    case 11:
        miscellaneous(half, d);
        break;
    case 12: {
        /* Thumb LDMIA writes the base back unless it is loaded. */
        unsigned base = FIELD(8, 3);
        decode_multiple(d, base, FIELD(0, 8), BIT(11), false, true, true, false);
        break;
    }
    case 13:
        branch_conditional(half, pc, d);
        break;
    default:
        branch_long(half, pc, d);
        break;
    }
}
