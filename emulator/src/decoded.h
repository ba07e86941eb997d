/*
 * A decoded instruction, the list of operations the interpreter knows, and the decoders.
 *
 * ARM and Thumb decode to the same operations.  Decoding depends only on the instruction, its
 * address and the two instructions after it (for stalls), so decoded pages can be shared.
 */
#ifndef SPINNEMU_DECODED_H
#define SPINNEMU_DECODED_H

#include <stdbool.h>
#include <stdint.h>

/* Operand 2 of data processing: constant, plain register, shifted by 1..31, anything else. */
#define ALU_KINDS(X, NAME) \
    X(NAME##_IMM) X(NAME##_REG) X(NAME##_LSL) X(NAME##_LSR) X(NAME##_ASR) X(NAME##_SHIFT)

/* Address of a load or store: base + constant, base + register, base + (register << n),
 * pre-indexed and post-indexed by a constant, post-indexed by a register, anything else. */
#define ADDRESS_KINDS(X, NAME) \
    X(NAME##_OFF) X(NAME##_REG) X(NAME##_LSL) X(NAME##_PRE) X(NAME##_POST) X(NAME##_POSTREG) X(NAME##_GEN)

/* In the order of condition codes. */
#define CONDITIONS(X, NAME) \
    X(NAME##_EQ) X(NAME##_NE) X(NAME##_CS) X(NAME##_CC) X(NAME##_MI) X(NAME##_PL) X(NAME##_VS) X(NAME##_VC) \
    X(NAME##_HI) X(NAME##_LS) X(NAME##_GE) X(NAME##_LT) X(NAME##_GT) X(NAME##_LE)

/* The order of the first two groups is that of the ARM encoding: see alu_op() and memory_op(). */
#define ALL_OPS(X) \
    ALU_KINDS(X, AND) ALU_KINDS(X, ANDS) ALU_KINDS(X, EOR) ALU_KINDS(X, EORS) \
    ALU_KINDS(X, SUB) ALU_KINDS(X, SUBS) ALU_KINDS(X, RSB) ALU_KINDS(X, RSBS) \
    ALU_KINDS(X, ADD) ALU_KINDS(X, ADDS) ALU_KINDS(X, ADC) ALU_KINDS(X, ADCS) \
    ALU_KINDS(X, SBC) ALU_KINDS(X, SBCS) ALU_KINDS(X, RSC) ALU_KINDS(X, RSCS) \
    ALU_KINDS(X, UNUSED8) ALU_KINDS(X, TST) ALU_KINDS(X, UNUSED9) ALU_KINDS(X, TEQ) \
    ALU_KINDS(X, UNUSED10) ALU_KINDS(X, CMP) ALU_KINDS(X, UNUSED11) ALU_KINDS(X, CMN) \
    ALU_KINDS(X, ORR) ALU_KINDS(X, ORRS) ALU_KINDS(X, MOV) ALU_KINDS(X, MOVS) \
    ALU_KINDS(X, BIC) ALU_KINDS(X, BICS) ALU_KINDS(X, MVN) ALU_KINDS(X, MVNS) \
    ADDRESS_KINDS(X, LDR) ADDRESS_KINDS(X, LDRB) ADDRESS_KINDS(X, LDRH) \
    ADDRESS_KINDS(X, LDRSB) ADDRESS_KINDS(X, LDRSH) \
    ADDRESS_KINDS(X, STR) ADDRESS_KINDS(X, STRB) ADDRESS_KINDS(X, STRH) \
    CONDITIONS(X, IF) CONDITIONS(X, B) X(B_NEAR) X(B_FAR) \
    CONDITIONS(X, CMP_IMM_B) CONDITIONS(X, CMP_REG_B) CONDITIONS(X, SUBS_IMM_B) \
    X(BL_NEAR) X(BL_FAR) X(BLX_FAR) X(BX) X(BLX_REG) X(MOV_PC) X(BL_SUFFIX) X(BLX_SUFFIX) \
    X(LDR_LITERAL) X(LDR_PC) X(LDR_PC_LITERAL) X(LDRD) X(STRD) X(SWP) X(SWPB) \
    X(LDM) X(STM) X(LDM_PAIR) X(STM_PAIR) X(LDM_RUN3) X(LDM_RUN4) X(LDM_RUN5) X(LDM_RUN6) X(LDM_RUN7) X(LDM_RUN8) \
    X(STM_RUN3) X(STM_RUN4) X(STM_RUN5) X(STM_RUN6) X(STM_RUN7) X(STM_RUN8) X(LDM_PC) X(LDM_USER) X(STM_USER) X(LDM_RETURN) \
    X(MUL) X(MLA) X(MULS) X(MLAS) X(UMULL) X(UMLAL) X(SMULL) X(SMLAL) \
    X(UMULLS) X(UMLALS) X(SMULLS) X(SMLALS) \
    X(SMLABB) X(SMLATB) X(SMLABT) X(SMLATT) X(SMLAWB) X(SMLAWT) X(SMULWB) X(SMULWT) \
    X(SMULBB) X(SMULTB) X(SMULBT) X(SMULTT) X(SMLAL_XY) \
    X(QADD) X(QSUB) X(QDADD) X(QDSUB) X(CLZ) \
    X(MRS_CPSR) X(MRS_SPSR) X(MSR_CPSR_IMM) X(MSR_CPSR_REG) X(MSR_SPSR_IMM) X(MSR_SPSR_REG) \
    X(MCR) X(MRC) X(WFI) X(SWI) X(BKPT) X(NOP) X(UNDEFINED) X(DELAY_LOOP) \
    X(SMLAW2) X(SMLAW4) X(SUMS4) X(DOT4) X(LDM4_SMLAW4) X(LDM4_SUMS4) X(LDM4_DOT4) X(LDM4_SUMS4_STM4) \
    X(LDM2_SMLAW2) X(LDM2_SMLAW2_TWICE) X(LDM2_SMLAW2_THRICE) X(LDM2_SMLAW2_STM2) X(LDM2_SMLAW2_STM2_TWICE) \
    X(LDM2_LDR_SMLAW2) \
    X(ALONE) X(PAGE_END) X(ALONE_END) X(ALONE_BRANCH) X(ALONE_RETURN)

#define OP_ENUM(NAME) OP_##NAME,
enum Op { ALL_OPS(OP_ENUM) OP_COUNT };
#undef OP_ENUM

enum AluKind { ALU_IMM, ALU_REG, ALU_LSL, ALU_LSR, ALU_ASR, ALU_SHIFT, ALU_KIND_COUNT };
enum AddressKind { ADDRESS_OFF, ADDRESS_REG, ADDRESS_LSL, ADDRESS_PRE, ADDRESS_POST, ADDRESS_POSTREG,
                   ADDRESS_GEN,
                   ADDRESS_KIND_COUNT };
enum MemoryOp { MEMORY_LDR, MEMORY_LDRB, MEMORY_LDRH, MEMORY_LDRSB, MEMORY_LDRSH,
                MEMORY_STR, MEMORY_STRB, MEMORY_STRH };
enum AluOp { ALU_AND, ALU_EOR, ALU_SUB, ALU_RSB, ALU_ADD, ALU_ADC, ALU_SBC, ALU_RSC,
             ALU_TST, ALU_TEQ, ALU_CMP, ALU_CMN, ALU_ORR, ALU_MOV, ALU_BIC, ALU_MVN };
enum ShiftType { SHIFT_LSL, SHIFT_LSR, SHIFT_ASR, SHIFT_ROR, SHIFT_RRX };
enum { SHIFT_BY_REGISTER = 8 };       /* flag beside the ShiftType in Entry.imm of ALU_SHIFT */
/* Entry.imm2 of ALU_IMM in flag-setting logical operations */
enum { CARRY_UNCHANGED, CARRY_CLEAR, CARRY_SET };
/* Entry.imm2 of LDM and STM: the list in the low half, the step of the base in the high half;
 * Entry.imm is where the first word stands relative to the base, Entry.rd the lowest register. */
/* Entry.imm2 of ADDRESS_GEN, LDRD, STRD, LDR_PC; the ShiftType stands in bits 4.. */
enum { ADDRESS_ADD = 1, ADDRESS_INDEX_FIRST = 2, ADDRESS_WRITE_BACK = 4, ADDRESS_REGISTER = 8,
       ADDRESS_SHIFT_TYPE = 4 };

enum { COND_AL = 14 };

typedef struct Entry {
    const void *handler;              /* code in the interpreter that executes it */
    const void *then;                 /* after a condition that holds; the first of a fused sequence alone */
    uint8_t rd, rn, rm, rs;
    uint8_t cost;                     /* cycles, with the stalls it causes */
    uint8_t cost_failed;              /* cycles if the condition fails */
    uint8_t shift;
    uint8_t fused;                    /* cycles of a fused sequence without its last instruction */
    uint32_t imm, imm2;
} Entry;

/* What the stall rules need to know of an instruction: sets of registers, and how it flows. */
enum ResultClass { RESULT_AT_ONCE, RESULT_LOAD, RESULT_LOAD_NARROW, RESULT_MULTIPLY, RESULT_SATURATE };
typedef struct Timing {
    uint16_t reads;                   /* in the execute stage */
    uint16_t accumulates;             /* as the accumulator of a multiply */
    uint16_t stores;                  /* as store data in the first cycle */
    uint16_t stores_later;            /* as store data in the second cycle (STM) */
    uint16_t late_results;            /* registers that are ready only after the latency of `result` */
    uint8_t result;                   /* enum ResultClass */
    uint8_t cycles;
    bool leaves;                      /* what follows in memory is not executed next */
} Timing;

typedef struct Decoded {
    Entry entry;                      /* handler and then not yet filled in */
    uint16_t op;                      /* to execute once the condition holds */
    uint8_t cond;
    bool reads_pc;                    /* r15 must hold pc_value while it executes */
    bool writes_pc;                   /* an ALU result goes to r15 */
    bool returns;                     /* ... and SPSR to CPSR */
    uint32_t pc_value;
    Timing timing;
} Decoded;

static inline uint16_t alu_op(unsigned opcode, bool set_flags, unsigned kind)
{
    return (uint16_t)(OP_AND_IMM + (opcode * 2 + set_flags) * ALU_KIND_COUNT + kind);
}

static inline uint16_t memory_op(unsigned operation, unsigned kind)
{
    return (uint16_t)(OP_LDR_OFF + operation * ADDRESS_KIND_COUNT + kind);
}

void decode_arm(uint32_t word, uint32_t pc, Decoded *decoded);
void decode_thumb(uint16_t half, uint32_t pc, Decoded *decoded);

/* LDM and STM, of both instruction sets: fills in `d` from the fields of the instruction. */
void decode_multiple(Decoded *decoded, unsigned base, uint32_t list, bool load, bool first, bool add,
                     bool write_back, bool user);

/* Stall cycles that `producer` causes in `consumer` when `cycles_between` lie between them. */
unsigned stall_cycles(const Timing *producer, unsigned cycles_between, const Timing *consumer);

/* Add to first->entry the stalls that it causes in the two instructions after it. */
void add_stalls(Decoded *first, const Decoded *second, const Decoded *third);

#endif
