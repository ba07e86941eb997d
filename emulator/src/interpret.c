/*
 * The interpreter: threaded code over decoded entries.
 *
 * What is kept where while it runs:
 *  - `left` is limit - cycles; an instruction's cost is taken off when it has executed, and the
 *    run ends between instructions when nothing is left.  cpu->cycles is brought up to date
 *    before every call of the bus.
 *  - instructions are counted by subtracting pointers: a straight run began at `start`.
 *  - whatever may need attention (an interrupt line, `stop`, changed code) ends the run after the
 *    instruction by lowering `limit`; nothing is tested per instruction.
 *  - N is bit 31 of `negative`, Z is zero == 0, C and V are 0 or 1.
 */
#include <string.h>

#include "code_cache.h"
#include "cp15.h"
#include "cpu.h"
#include "cpu_timing.h"
#include "decoded.h"
#include "exceptions.h"
#include "multiply4.h"
#include "semantics.h"
#include "shifter.h"
#include "slice.h"
#include "translated.h"

#if defined(__GNUC__) && !defined(__clang__)
/* Merging the dispatch jumps of the handlers into one would ruin branch prediction. */
#define THREADED __attribute__((optimize("no-gcse", "no-crossjumping")))
#else
#define THREADED
#endif

enum {
    LONGEST_RUN = 1 << 30,
    /* of translated code: as many words of DTCM may be overwritten, and a few more */
    LONGEST_TRANSLATED_RUN = 256,
    VECTOR_BYTES = 0x20,
    /* Block loads mostly walk through memory, and between two slices of a core other cores sweep it
     * out of the host's first cache: fetch already what the next slice is going to load. */
    PREFETCH_BYTES = 128,
};

/* --- memory --- */

static inline uint8_t *dtcm_at(const Cpu *cpu, uint32_t address, unsigned bytes)
{
    return cpu->dtcm + ((address - DTCM_BASE) & ~(bytes - 1));
}

/* Any address, aligned down to `bytes`. */
static uint32_t read_memory(Cpu *cpu, uint32_t address, unsigned bytes)
{
    address &= ~(bytes - 1);
    const uint8_t *p;
    if (in_dtcm(address)) {
        p = cpu->dtcm + (address - DTCM_BASE);
    } else if (address < ITCM_BYTES) {
        p = cpu->itcm + address;
    } else {
        return cpu->bus->read(cpu, address, bytes);
    }
    return bytes == 4 ? get32(p) : bytes == 2 ? get16(p) : *p;
}

static void write_memory(Cpu *cpu, uint32_t address, uint32_t value, unsigned bytes)
{
    address &= ~(bytes - 1);
    uint8_t *p;
    if (in_dtcm(address)) {
        p = cpu->dtcm + (address - DTCM_BASE);
    } else if (address < ITCM_BYTES) {
        p = cpu->itcm + address;
        code_forget(cpu, address, bytes);
    } else {
        cpu->bus->write(cpu, address, bytes == 4 ? value : bytes == 2 ? value & 0xffff : value & 0xff, bytes);
        return;
    }
    if (bytes == 4) {
        put32(p, value);
    } else if (bytes == 2) {
        put16(p, value);
    } else {
        *p = (uint8_t)value;
    }
}

static uint32_t load_word(Cpu *cpu, uint32_t address)
{
    return rotate_unaligned(read_memory(cpu, address, 4), address);
}

/* The general form of address, with its write-back. */
static uint32_t general_address(Cpu *cpu, const Entry *e, uint32_t carry)
{
    uint32_t base = cpu->r[e->rn];
    uint32_t offset = e->imm;
    if (e->imm2 & ADDRESS_REGISTER) {
        offset = shift(cpu->r[e->rm], e->imm2 >> ADDRESS_SHIFT_TYPE, e->shift, &carry);
    }
    uint32_t indexed = e->imm2 & ADDRESS_ADD ? base + offset : base - offset;
    if (e->imm2 & ADDRESS_WRITE_BACK) {
        cpu->r[e->rn] = indexed;
    }
    return e->imm2 & ADDRESS_INDEX_FIRST ? indexed : base;
}

/* --- block transfers that are not plain DTCM copies --- */

static inline uint32_t block_list(const Entry *e) { return e->imm2 & 0xffff; }
static inline uint32_t block_step(const Entry *e) { return (uint32_t)((int32_t)e->imm2 >> 16); }

/* Loads r0..r14 of the list and returns the word for r15 (0 if it is not in the list). */
static uint32_t load_block(Cpu *cpu, const Entry *e, bool user)
{
    uint32_t base = cpu->r[e->rn];
    uint32_t address = base + e->imm;
    uint32_t pc = 0;
    if (block_step(e)) {
        cpu->r[e->rn] = base + block_step(e);   /* a loaded base wins */
    }
    for (uint32_t list = block_list(e); list; list &= list - 1, address += 4) {
        unsigned index = (unsigned)__builtin_ctz(list);
        uint32_t value = read_memory(cpu, address, 4);
        if (index == 15) {
            pc = value;
        } else {
            *(user ? user_register(cpu, index) : &cpu->r[index]) = value;
        }
    }
    return pc;
}

static void store_block(Cpu *cpu, const Entry *e, bool user)
{
    uint32_t base = cpu->r[e->rn];
    uint32_t address = base + e->imm;
    for (uint32_t list = block_list(e); list; list &= list - 1, address += 4) {
        unsigned index = (unsigned)__builtin_ctz(list);
        write_memory(cpu, address, *(user ? user_register(cpu, index) : &cpu->r[index]), 4);
    }
    if (block_step(e)) {
        cpu->r[e->rn] = base + block_step(e);
    }
}

/* --- conditions --- */

static bool condition_holds(unsigned cond, uint32_t cpsr)
{
    bool n = cpsr & PSR_N, z = cpsr & PSR_Z, c = cpsr & PSR_C, v = cpsr & PSR_V;
    bool holds;
    switch (cond >> 1) {
    case 0: holds = z; break;
    case 1: holds = c; break;
    case 2: holds = n; break;
    case 3: holds = v; break;
    case 4: holds = c && !z; break;
    case 5: holds = n == v; break;
    case 6: holds = !z && n == v; break;
    default: return true;
    }
    return holds != (cond & 1);
}

/* --- undefined instructions --- */

/* Takes the exception; the core halts where there is nothing to handle it: the vector cannot be
 * fetched or is 0, or the undefined instruction is the vector itself. */
static void undefined_instruction(Cpu *cpu, uint32_t pc, uint32_t next)
{
    uint32_t vector = vector_base(cpu) + VECTOR_UNDEFINED;
    const uint8_t *word = vector < ITCM_BYTES ? cpu->itcm + vector : cpu->bus->fetch(cpu, vector);
    if (!word || get32(word) == 0 || pc == vector) {
        cpu->halted = true;
        cpu->fault = CPU_FAULT_UNDEFINED;
        cpu->fault_address = pc;
        cpu->r[15] = pc;
        return;
    }
    enter_exception(cpu, MODE_UND, VECTOR_UNDEFINED, next);
}

/* Whether the run must end after this instruction. */
static inline bool needs_attention(const Cpu *cpu)
{
    return cpu->stop || cpu->code->translated.changed || interrupt_pending(cpu);
}

/* --- for translated code --- */

static inline void slice_bus_begin(Cpu *cpu, const Slice *slice)
{
    cpu->cycles = slice->limit - (uint64_t)slice->left;
}

static inline void slice_bus_end(Cpu *cpu, Slice *slice)
{
    if (UNLIKELY(needs_attention(cpu))) {
        slice->limit = cpu->cycles;
    }
    slice->left = (int64_t)(slice->limit - cpu->cycles);
}

static uint32_t slice_read(Cpu *cpu, Slice *slice, uint32_t address, unsigned bytes)
{
    slice_bus_begin(cpu, slice);
    uint32_t value = read_memory(cpu, address, bytes);
    slice_bus_end(cpu, slice);
    return value;
}

static void slice_write(Cpu *cpu, Slice *slice, uint32_t address, uint32_t value, unsigned bytes)
{
    slice_bus_begin(cpu, slice);
    write_memory(cpu, address, value, bytes);
    slice_bus_end(cpu, slice);
}

static uint32_t slice_read_status(Cpu *cpu, Slice *slice, bool spsr)
{
    slice_pack(cpu, slice);
    return spsr ? read_spsr(cpu) : cpu->cpsr & ~PSR_T;
}

static void slice_status_changed(Cpu *cpu, Slice *slice)
{
    slice_unpack(cpu, slice);
    slice_bus_begin(cpu, slice);
    slice_bus_end(cpu, slice);
}

static void slice_write_status(Cpu *cpu, Slice *slice, uint32_t value, uint32_t mask)
{
    slice_pack(cpu, slice);
    write_cpsr(cpu, value, mask);
    slice_status_changed(cpu, slice);
}

static void slice_restore_status(Cpu *cpu, Slice *slice)
{
    slice_pack(cpu, slice);
    set_cpsr(cpu, read_spsr(cpu));
    slice_status_changed(cpu, slice);
}

static const TranslatedHelpers slice_helpers = { slice_read, slice_write, slice_read_status, slice_write_status,
                                                 slice_restore_status };

/* --- the threaded code --- */

#define R(field) cpu->r[e->field]

#define NEXT() \
    do { \
        left -= e->cost; \
        ++e; \
        if (UNLIKELY(left <= 0)) { \
            goto run_ended; \
        } \
        goto *e->handler; \
    } while (0)

/* Around everything that may call the bus or change what interrupts are allowed. */
#define BUS_BEGIN() (cpu->cycles = limit - (uint64_t)left)
#define BUS_END() \
    do { \
        if (UNLIKELY(needs_attention(cpu))) { \
            limit = cpu->cycles; \
        } \
        left = (int64_t)(limit - cpu->cycles); \
    } while (0)

/* Instructions of the straight run up to and including this one. */
#define COUNT_THIS() (executed += (uint64_t)(e - start) + 1)
#define PC_OF(entry) (run_pc + ((uint32_t)((entry) - run_entries) << size_shift))

#define PACK_FLAGS() \
    (cpu->cpsr = (cpu->cpsr & ~(PSR_N | PSR_Z | PSR_C | PSR_V)) | (negative & PSR_N) | \
                 (zero ? 0 : PSR_Z) | carry << 29 | overflow << 28)
#define UNPACK_FLAGS() \
    (negative = cpu->cpsr, zero = ~cpu->cpsr & PSR_Z, carry = cpu->cpsr >> 29 & 1, overflow = cpu->cpsr >> 28 & 1)

static const void *const *run(Cpu *cpu, uint64_t until) THREADED;

/* Interprets, until the slice is over or there is translated code again. */
static const void *const *run(Cpu *cpu, uint64_t until)
{
#define OP_LABEL(NAME) &&op_##NAME,
    static const void *const handlers[OP_COUNT] = { ALL_OPS(OP_LABEL) };
#undef OP_LABEL
    if (!cpu) {
        return handlers;
    }

    uint32_t negative, zero, carry, overflow;
    uint64_t limit, executed = 0;
    int64_t left;
    uint32_t pc, run_pc;              /* run_pc: address of run_entries[0] */
    const Entry *e, *start, *run_entries;
    unsigned size_shift;              /* 1 in Thumb state, 2 in ARM state */
    Entry alone[2];                   /* an instruction outside a page, and what follows it */
    bool first = true;                /* nothing is interpreted yet */

    UNPACK_FLAGS();

    /* At an instruction boundary: r15 is the next instruction. */
boundary:
    if (cpu->code->translated.changed) {
        cpu->code->translated.changed = false;
        code_release_retired(cpu->code);
    }
    if (cpu->stop || cpu->halted || cpu->sleeping || cpu->cycles >= until) {
        goto leave;
    }
    if (interrupt_pending(cpu)) {
        PACK_FLAGS();
        enter_interrupt(cpu, cpu->r[15]);
        cpu->cycles += CYCLES_INTERRUPT;
        goto boundary;
    }
    limit = until - cpu->cycles > LONGEST_RUN ? cpu->cycles + LONGEST_RUN : until;
    left = (int64_t)(limit - cpu->cycles);
    pc = cpu->r[15];

    /* Go on at `pc`, in the state that T says. */
look_up:
    size_shift = cpu->cpsr & PSR_T ? 1 : 2;
    pc &= ~0u << size_shift;
    if (LIKELY(pc < ITCM_BYTES)) {
        if (!first && cpu->code->translated.page[size_shift == 1][pc / PAGE_BYTES]) {
            cpu->r[15] = pc;
            cpu->cycles = limit - (uint64_t)left;
            goto leave;
        }
        first = false;
        struct CpuCode *code = cpu->code;
        run_pc = pc & ~(PAGE_BYTES - 1u);
        uint32_t page = run_pc | (size_shift == 1);
        run_entries = code->last_entries;
        if (UNLIKELY(page != code->last_page || !run_entries)) {
            run_entries = code->entries[size_shift == 1][pc / PAGE_BYTES];
            if (UNLIKELY(!run_entries)) {
                BUS_BEGIN();
                run_entries = code_page(cpu, pc / PAGE_BYTES, size_shift == 1);
                if (!run_entries) {
                    goto decode_alone;
                }
            }
            code->last_page = page;
            code->last_entries = run_entries;
        }
        e = start = run_entries + ((pc - run_pc) >> size_shift);
        goto *e->handler;
    }

    /* Execute the one instruction at `pc` without a page. */
decode_alone:
    {
        Decoded decoded;
        if (pc < ITCM_BYTES) {
            code_decode_at(cpu, pc, size_shift == 1, &decoded);
        } else {
            BUS_BEGIN();
            const uint8_t *word = cpu->bus->fetch(cpu, pc & ~3u);
            BUS_END();
            if (!word) {
                cpu->halted = true;
                cpu->fault = CPU_FAULT_FETCH;
                cpu->fault_address = pc;
                cpu->r[15] = pc;
                goto leave;
            }
            if (size_shift == 1) {
                decode_thumb((uint16_t)get16(word + (pc & 2)), pc, &decoded);
            } else {
                decode_arm(get32(word), pc, &decoded);
            }
        }
        PACK_FLAGS();
        run_pc = pc;
        run_entries = alone;
        if (!condition_holds(decoded.cond, cpu->cpsr)) {
            left -= decoded.entry.cost_failed;
            ++executed;
            pc += 1u << size_shift;
            goto go_on;
        }
        alone[0] = decoded.entry;
        alone[0].handler = handlers[decoded.op];
        alone[1].handler = handlers[decoded.returns ? OP_ALONE_RETURN
                                    : decoded.writes_pc ? OP_ALONE_BRANCH : OP_ALONE_END];
        cpu->r[15] = decoded.pc_value;
        e = start = alone;
        goto *e->handler;
    }

op_ALONE:
    executed += (uint64_t)(e - start);
    pc = PC_OF(e);
    goto decode_alone;

    /* After the instruction that stood alone. */
op_ALONE_END:
    ++executed;
    pc = run_pc + (1u << size_shift);
    goto go_on;

op_ALONE_BRANCH:                      /* its result is the next pc */
    ++executed;
    pc = cpu->r[15];
    goto go_on;

op_ALONE_RETURN:                      /* the same, and SPSR becomes CPSR */
    ++executed;
    pc = cpu->r[15];
    goto restore_status;

op_PAGE_END:
    executed += (uint64_t)(e - start);
    pc = run_pc + PAGE_BYTES;
    goto look_up;

restore_status:
    PACK_FLAGS();
    set_cpsr(cpu, read_spsr(cpu));
    UNPACK_FLAGS();
    BUS_BEGIN();
    BUS_END();
    goto go_on;

exchange:                             /* branch to `pc`; bit 0 chooses the state */
    cpu->cpsr = pc & 1 ? cpu->cpsr | PSR_T : cpu->cpsr & ~PSR_T;

go_on:                                /* the instruction is accounted for; the next is at `pc` */
    if (LIKELY(left > 0)) {
        goto look_up;
    }
    cpu->r[15] = pc & (cpu->cpsr & PSR_T ? ~1u : ~3u);
    cpu->cycles = limit - (uint64_t)left;
    goto boundary;

run_ended:                            /* between two entries */
    if (e == &alone[1]) {
        goto *e->handler;
    }
    executed += (uint64_t)(e - start);
    cpu->r[15] = PC_OF(e);
    cpu->cycles = limit - (uint64_t)left;
    goto boundary;

leave:
    PACK_FLAGS();
    cpu->instructions += executed;
    return NULL;

    /* --- data processing --- */

#define B_IMM (e->imm)
#define B_REG R(rm)
#define B_LSL (R(rm) << e->shift)
#define B_LSR (R(rm) >> e->shift)
#define B_ASR ((uint32_t)((int32_t)R(rm) >> e->shift))
#define SHIFT_AMOUNT (e->imm & SHIFT_BY_REGISTER ? R(rs) & 0xff : e->shift)
#define B_SHIFT shift(R(rm), e->imm & 7, SHIFT_AMOUNT, &shifted_out)

    /* The shifter's carry, for logical operations that set flags. */
#define C_IMM (e->imm2 == CARRY_UNCHANGED ? carry : e->imm2 - CARRY_CLEAR)
#define C_REG carry
#define C_LSL (R(rm) >> (32 - e->shift) & 1)
#define C_LSR (R(rm) >> (e->shift - 1) & 1)
#define C_ASR C_LSR
#define C_SHIFT shifted_out

#define PLAIN(NAME, KIND, EXPRESSION) \
op_##NAME##_##KIND: { \
        uint32_t shifted_out = carry; \
        uint32_t b = B_##KIND, a = R(rn); \
        (void)a; \
        (void)shifted_out; \
        R(rd) = EXPRESSION; \
    } \
    NEXT();

#define LOGICAL_FLAGS(NAME, KIND, EXPRESSION, WRITE) \
op_##NAME##_##KIND: { \
        uint32_t shifted_out = carry; \
        uint32_t b = B_##KIND, a = R(rn); \
        (void)a; \
        (void)shifted_out; \
        carry = C_##KIND; \
        negative = zero = EXPRESSION; \
        WRITE; \
    } \
    NEXT();

    /* x + y + carry-in with all flags; subtraction adds the complement */
#define ADD_FLAGS(NAME, KIND, X, Y, CARRY_IN, WRITE) \
op_##NAME##_##KIND: { \
        uint32_t shifted_out = carry; \
        uint32_t b = B_##KIND, a = R(rn); \
        (void)shifted_out; \
        uint32_t x = X, y = Y; \
        uint64_t sum = (uint64_t)x + y + (CARRY_IN); \
        uint32_t result = (uint32_t)sum; \
        carry = (uint32_t)(sum >> 32); \
        overflow = (x ^ result) & (y ^ result); \
        overflow >>= 31; \
        negative = zero = result; \
        WRITE; \
    } \
    NEXT();

#define SUBTRACT_FLAGS(NAME, KIND, X, Y, WRITE) \
op_##NAME##_##KIND: { \
        uint32_t shifted_out = carry; \
        uint32_t b = B_##KIND, a = R(rn); \
        (void)shifted_out; \
        uint32_t x = X, y = Y; \
        uint32_t result = x - y; \
        carry = x >= y; \
        overflow = ((x ^ y) & (x ^ result)) >> 31; \
        negative = zero = result; \
        WRITE; \
    } \
    NEXT();

#define WRITE_RESULT R(rd) = result
#define WRITE_ZERO R(rd) = zero
#define WRITE_NOTHING (void)0

#define ALU_ONE_KIND(KIND) \
    PLAIN(AND, KIND, a & b) \
    PLAIN(EOR, KIND, a ^ b) \
    PLAIN(SUB, KIND, a - b) \
    PLAIN(RSB, KIND, b - a) \
    PLAIN(ADD, KIND, a + b) \
    PLAIN(ADC, KIND, a + b + carry) \
    PLAIN(SBC, KIND, a - b - !carry) \
    PLAIN(RSC, KIND, b - a - !carry) \
    PLAIN(ORR, KIND, a | b) \
    PLAIN(MOV, KIND, b) \
    PLAIN(BIC, KIND, a & ~b) \
    PLAIN(MVN, KIND, ~b) \
    LOGICAL_FLAGS(ANDS, KIND, a & b, WRITE_ZERO) \
    LOGICAL_FLAGS(EORS, KIND, a ^ b, WRITE_ZERO) \
    LOGICAL_FLAGS(TST, KIND, a & b, WRITE_NOTHING) \
    LOGICAL_FLAGS(TEQ, KIND, a ^ b, WRITE_NOTHING) \
    LOGICAL_FLAGS(ORRS, KIND, a | b, WRITE_ZERO) \
    LOGICAL_FLAGS(MOVS, KIND, b, WRITE_ZERO) \
    LOGICAL_FLAGS(BICS, KIND, a & ~b, WRITE_ZERO) \
    LOGICAL_FLAGS(MVNS, KIND, ~b, WRITE_ZERO) \
    SUBTRACT_FLAGS(SUBS, KIND, a, b, WRITE_RESULT) \
    SUBTRACT_FLAGS(RSBS, KIND, b, a, WRITE_RESULT) \
    SUBTRACT_FLAGS(CMP, KIND, a, b, WRITE_NOTHING) \
    ADD_FLAGS(ADDS, KIND, a, b, 0, WRITE_RESULT) \
    ADD_FLAGS(CMN, KIND, a, b, 0, WRITE_NOTHING) \
    ADD_FLAGS(ADCS, KIND, a, b, carry, WRITE_RESULT) \
    ADD_FLAGS(SBCS, KIND, a, ~b, carry, WRITE_RESULT) \
    ADD_FLAGS(RSCS, KIND, ~a, b, carry, WRITE_RESULT)

    ALU_ONE_KIND(IMM)
    ALU_ONE_KIND(REG)
    ALU_ONE_KIND(LSL)
    ALU_ONE_KIND(LSR)
    ALU_ONE_KIND(ASR)
    ALU_ONE_KIND(SHIFT)

    /* --- conditions and branches --- */

#define HOLDS_EQ (zero == 0)
#define HOLDS_NE (zero != 0)
#define HOLDS_CS (carry != 0)
#define HOLDS_CC (carry == 0)
#define HOLDS_MI ((int32_t)negative < 0)
#define HOLDS_PL ((int32_t)negative >= 0)
#define HOLDS_VS (overflow != 0)
#define HOLDS_VC (overflow == 0)
#define HOLDS_HI (carry != 0 && zero != 0)
#define HOLDS_LS (carry == 0 || zero == 0)
#define HOLDS_GE (negative >> 31 == overflow)
#define HOLDS_LT (negative >> 31 != overflow)
#define HOLDS_GT (zero != 0 && negative >> 31 == overflow)
#define HOLDS_LE (zero == 0 || negative >> 31 != overflow)

#define TAKE_NEAR_BRANCH() \
    do { \
        COUNT_THIS(); \
        e = start = e + (int32_t)e->imm; \
        left -= CYCLES_BRANCH_TAKEN; \
        if (UNLIKELY(left <= 0)) { \
            goto run_ended; \
        } \
        goto *e->handler; \
    } while (0)

#define CONDITIONAL(COND) \
op_IF_##COND: \
    if (HOLDS_##COND) { \
        goto *e->then; \
    } \
    goto condition_failed; \
op_B_##COND: \
    if (HOLDS_##COND) { \
        TAKE_NEAR_BRANCH(); \
    } \
    goto condition_failed;

    CONDITIONAL(EQ)
    CONDITIONAL(NE)
    CONDITIONAL(CS)
    CONDITIONAL(CC)
    CONDITIONAL(MI)
    CONDITIONAL(PL)
    CONDITIONAL(VS)
    CONDITIONAL(VC)
    CONDITIONAL(HI)
    CONDITIONAL(LS)
    CONDITIONAL(GE)
    CONDITIONAL(LT)
    CONDITIONAL(GT)
    CONDITIONAL(LE)

condition_failed:
    left -= e->cost_failed;
    ++e;
    if (UNLIKELY(left <= 0)) {
        goto run_ended;
    }
    goto *e->handler;

op_BL_NEAR:
    cpu->r[14] = e->imm2;
op_B_NEAR:
    TAKE_NEAR_BRANCH();

op_BL_FAR:
    cpu->r[14] = e->imm2;
op_B_FAR:
    pc = e->imm;
    goto branch_away;

op_BLX_FAR:
    cpu->r[14] = e->imm2;
    pc = e->imm | 1;
    goto exchange_away;

op_BLX_REG:
    pc = R(rm);
    cpu->r[14] = e->imm2;
    goto exchange_away;

op_BX:
    pc = R(rm);
    goto exchange_away;

op_MOV_PC:
    pc = R(rm);
    goto branch_away;

op_BL_SUFFIX:
    pc = cpu->r[14] + e->imm;
    cpu->r[14] = e->imm2;
    goto branch_away;

op_BLX_SUFFIX:
    pc = (cpu->r[14] + e->imm) & ~3u;
    cpu->r[14] = e->imm2;
    goto exchange_away;

exchange_away:
    COUNT_THIS();
    left -= e->cost;
    goto exchange;

branch_away:
    COUNT_THIS();
    left -= e->cost;
    goto go_on;

    /* --- loads and stores --- */

#define ADDRESS_KIND_OFF uint32_t address = R(rn) + e->imm
#define ADDRESS_KIND_REG uint32_t address = R(rn) + R(rm)
#define ADDRESS_KIND_LSL uint32_t address = R(rn) + (R(rm) << e->shift)
#define ADDRESS_KIND_PRE uint32_t address = R(rn) += e->imm
#define ADDRESS_KIND_POST uint32_t address = R(rn); R(rn) = address + e->imm
#define ADDRESS_KIND_POSTREG uint32_t address = R(rn); R(rn) = address + R(rm)
#define ADDRESS_KIND_GEN uint32_t address = general_address(cpu, e, carry)

#define LOAD(NAME, KIND, BYTES, FAST, CONVERT) \
op_##NAME##_##KIND: { \
        ADDRESS_KIND_##KIND; \
        uint32_t value; \
        if (LIKELY(in_dtcm(address))) { \
            value = FAST(dtcm_at(cpu, address, BYTES)); \
        } else { \
            BUS_BEGIN(); \
            value = read_memory(cpu, address, BYTES); \
            BUS_END(); \
        } \
        R(rd) = CONVERT; \
    } \
    NEXT();

#define GET8(p) (*(p))

#define STORE(NAME, KIND, BYTES, FAST) \
op_##NAME##_##KIND: { \
        uint32_t value = R(rd); \
        ADDRESS_KIND_##KIND; \
        if (LIKELY(in_dtcm(address))) { \
            FAST(dtcm_at(cpu, address, BYTES), value); \
        } else { \
            BUS_BEGIN(); \
            write_memory(cpu, address, value, BYTES); \
            BUS_END(); \
        } \
    } \
    NEXT();

#define PUT8(p, v) (*(p) = (uint8_t)(v))

#define MEMORY_ONE_KIND(KIND) \
    LOAD(LDR, KIND, 4, get32, rotate_unaligned(value, address)) \
    LOAD(LDRB, KIND, 1, GET8, value) \
    LOAD(LDRH, KIND, 2, get16, value) \
    LOAD(LDRSB, KIND, 1, GET8, (uint32_t)(int32_t)(int8_t)value) \
    LOAD(LDRSH, KIND, 2, get16, (uint32_t)(int32_t)(int16_t)value) \
    STORE(STR, KIND, 4, put32) \
    STORE(STRB, KIND, 1, PUT8) \
    STORE(STRH, KIND, 2, put16)

    MEMORY_ONE_KIND(OFF)
    MEMORY_ONE_KIND(REG)
    MEMORY_ONE_KIND(LSL)
    MEMORY_ONE_KIND(PRE)
    MEMORY_ONE_KIND(POST)
    MEMORY_ONE_KIND(POSTREG)
    MEMORY_ONE_KIND(GEN)

op_LDR_LITERAL:
    if (LIKELY(e->imm < ITCM_BYTES)) {
        R(rd) = rotate_unaligned(get32(cpu->itcm + (e->imm & ~3u)), e->imm);
    } else {
        BUS_BEGIN();
        R(rd) = load_word(cpu, e->imm);
        BUS_END();
    }
    NEXT();

op_LDR_PC_LITERAL:
    BUS_BEGIN();
    pc = load_word(cpu, e->imm);
    BUS_END();
    goto exchange_away;

op_LDR_PC:
    BUS_BEGIN();
    pc = load_word(cpu, general_address(cpu, e, carry));
    BUS_END();
    goto exchange_away;

op_LDRD: {
        uint32_t address = general_address(cpu, e, carry);
        BUS_BEGIN();
        uint32_t low = read_memory(cpu, address, 4);
        uint32_t high = read_memory(cpu, address + 4, 4);
        BUS_END();
        cpu->r[e->rd] = low;
        cpu->r[e->rd | 1] = high;
    }
    NEXT();

op_STRD: {
        uint32_t low = cpu->r[e->rd], high = cpu->r[e->rd | 1];
        uint32_t address = general_address(cpu, e, carry);
        BUS_BEGIN();
        write_memory(cpu, address, low, 4);
        write_memory(cpu, address + 4, high, 4);
        BUS_END();
    }
    NEXT();

op_SWP: {
        uint32_t address = R(rn), value = R(rm);
        BUS_BEGIN();
        uint32_t old = load_word(cpu, address);
        write_memory(cpu, address, value, 4);
        BUS_END();
        R(rd) = old;
    }
    NEXT();

op_SWPB: {
        uint32_t address = R(rn), value = R(rm);
        BUS_BEGIN();
        uint32_t old = read_memory(cpu, address, 1);
        write_memory(cpu, address, value, 1);
        BUS_END();
        R(rd) = old;
    }
    NEXT();

#define IN_DTCM_BLOCK(first) LIKELY((first) - DTCM_BASE <= DTCM_BYTES - 64)

op_LDM: {
        uint32_t base = R(rn);
        uint32_t first = base + e->imm;
        uint32_t list = block_list(e);
        if (IN_DTCM_BLOCK(first)) {
            const uint8_t *p = dtcm_at(cpu, first, 4);
            R(rn) = base + block_step(e);
            for (; list; list &= list - 1, p += 4) {
                cpu->r[__builtin_ctz(list)] = get32(p);
            }
        } else {
            BUS_BEGIN();
            load_block(cpu, e, false);
            BUS_END();
        }
    }
    NEXT();

op_STM: {
        uint32_t base = R(rn);
        uint32_t first = base + e->imm;
        uint32_t list = block_list(e);
        if (IN_DTCM_BLOCK(first)) {
            uint8_t *p = dtcm_at(cpu, first, 4);
            for (; list; list &= list - 1, p += 4) {
                put32(p, cpu->r[__builtin_ctz(list)]);
            }
            R(rn) = base + block_step(e);
        } else {
            BUS_BEGIN();
            store_block(cpu, e, false);
            BUS_END();
        }
    }
    NEXT();

#define BLOCK_ADDRESS() \
        uint32_t base = R(rn); \
        uint32_t first = base + e->imm
#define LOAD_BLOCK_SLOWLY() \
        do { BUS_BEGIN(); load_block(cpu, e, false); BUS_END(); } while (0)
#define STORE_BLOCK_SLOWLY() \
        do { BUS_BEGIN(); store_block(cpu, e, false); BUS_END(); } while (0)
#define LOAD_RUN(COUNT) \
        do { \
            const uint8_t *p = dtcm_at(cpu, first, 4); \
            __builtin_prefetch(p + PREFETCH_BYTES); \
            R(rn) = base + block_step(e); \
            memcpy(&R(rd), p, 4 * (COUNT)); \
        } while (0)
#define STORE_RUN(COUNT) \
        do { \
            memcpy(dtcm_at(cpu, first, 4), &R(rd), 4 * (COUNT)); \
            R(rn) = base + block_step(e); \
        } while (0)

op_LDM_PAIR: {
        BLOCK_ADDRESS();
        if (IN_DTCM_BLOCK(first)) {
            const uint8_t *p = dtcm_at(cpu, first, 4);
            R(rn) = base + block_step(e);
            R(rd) = get32(p);
            R(rs) = get32(p + 4);
        } else {
            LOAD_BLOCK_SLOWLY();
        }
    }
    NEXT();

op_STM_PAIR: {
        BLOCK_ADDRESS();
        if (IN_DTCM_BLOCK(first)) {
            uint8_t *p = dtcm_at(cpu, first, 4);
            put32(p, R(rd));
            put32(p + 4, R(rs));
            R(rn) = base + block_step(e);
        } else {
            STORE_BLOCK_SLOWLY();
        }
    }
    NEXT();

#define BLOCK_RUN(COUNT) \
op_LDM_RUN##COUNT: { \
        BLOCK_ADDRESS(); \
        if (IN_DTCM_BLOCK(first)) { \
            LOAD_RUN(COUNT); \
        } else { \
            LOAD_BLOCK_SLOWLY(); \
        } \
    } \
    NEXT(); \
op_STM_RUN##COUNT: { \
        BLOCK_ADDRESS(); \
        if (IN_DTCM_BLOCK(first)) { \
            STORE_RUN(COUNT); \
        } else { \
            STORE_BLOCK_SLOWLY(); \
        } \
    } \
    NEXT();
    BLOCK_RUN(3)
    BLOCK_RUN(4)
    BLOCK_RUN(5)
    BLOCK_RUN(6)
    BLOCK_RUN(7)
    BLOCK_RUN(8)

op_LDM_PC:
    BUS_BEGIN();
    pc = load_block(cpu, e, false);
    BUS_END();
    goto exchange_away;

op_LDM_USER:
    BUS_BEGIN();
    load_block(cpu, e, true);
    BUS_END();
    NEXT();

op_STM_USER:
    BUS_BEGIN();
    store_block(cpu, e, true);
    BUS_END();
    NEXT();

op_LDM_RETURN:
    BUS_BEGIN();
    pc = load_block(cpu, e, false);
    BUS_END();
    COUNT_THIS();
    left -= e->cost;
    goto restore_status;

    /* --- multiplies --- */

op_MUL:
    R(rd) = R(rm) * R(rs);
    NEXT();
op_MLA:
    R(rd) = R(rm) * R(rs) + R(rn);
    NEXT();
op_MULS:
    negative = zero = R(rd) = R(rm) * R(rs);
    NEXT();
op_MLAS:
    negative = zero = R(rd) = R(rm) * R(rs) + R(rn);
    NEXT();

#define LONG_MULTIPLY(NAME, PRODUCT, ACCUMULATE) \
op_##NAME: { \
        uint64_t result = PRODUCT; \
        if (ACCUMULATE) { \
            result += (uint64_t)R(rd) << 32 | R(rn); \
        } \
        R(rn) = (uint32_t)result; \
        R(rd) = (uint32_t)(result >> 32); \
    } \
    NEXT(); \
op_##NAME##S: { \
        uint64_t result = PRODUCT; \
        if (ACCUMULATE) { \
            result += (uint64_t)R(rd) << 32 | R(rn); \
        } \
        R(rn) = (uint32_t)result; \
        R(rd) = (uint32_t)(result >> 32); \
        negative = (uint32_t)(result >> 32); \
        zero = (uint32_t)result | negative; \
    } \
    NEXT();

#define UNSIGNED_PRODUCT ((uint64_t)R(rm) * R(rs))
#define SIGNED_PRODUCT ((uint64_t)((int64_t)(int32_t)R(rm) * (int32_t)R(rs)))
    LONG_MULTIPLY(UMULL, UNSIGNED_PRODUCT, 0)
    LONG_MULTIPLY(UMLAL, UNSIGNED_PRODUCT, 1)
    LONG_MULTIPLY(SMULL, SIGNED_PRODUCT, 0)
    LONG_MULTIPLY(SMLAL, SIGNED_PRODUCT, 1)

#define DSP_MULTIPLY(NAME, X, Y) \
op_SMLA##NAME: \
    R(rd) = accumulate(cpu, X(R(rm)) * Y(R(rs)), R(rn)); \
    NEXT(); \
op_SMUL##NAME: \
    R(rd) = (uint32_t)(X(R(rm)) * Y(R(rs))); \
    NEXT();
    DSP_MULTIPLY(BB, bottom, bottom)
    DSP_MULTIPLY(TB, top, bottom)
    DSP_MULTIPLY(BT, bottom, top)
    DSP_MULTIPLY(TT, top, top)

op_SMLAWB:
    R(rd) = accumulate(cpu, wide(R(rm), bottom(R(rs))), R(rn));
    NEXT();
op_SMLAWT:
    R(rd) = accumulate(cpu, wide(R(rm), top(R(rs))), R(rn));
    NEXT();
op_SMULWB:
    R(rd) = (uint32_t)wide(R(rm), bottom(R(rs)));
    NEXT();
op_SMULWT:
    R(rd) = (uint32_t)wide(R(rm), top(R(rs)));
    NEXT();

    /* --- fused sequences (fuse.c) --- */

    /* Block transfers are fused only inside DTCM; else the first instruction goes alone. */
#define FUSED_LOAD() \
        BLOCK_ADDRESS(); \
        if (UNLIKELY(!IN_DTCM_BLOCK(first))) { \
            goto *e->then; \
        }
#define FUSED_END(COUNT) \
    left -= e->fused; \
    e += (COUNT) - 1; \
    NEXT()
#define SMLAW(f) \
    cpu->r[(f)->rd] = accumulate(cpu, wide(cpu->r[(f)->rm], (int16_t)(cpu->r[(f)->rs] >> (f)->shift)), cpu->r[(f)->rn])
#define SUMS(f) \
    do { \
        bool wrapped; \
        Words4 products = wide4(load4(&cpu->r[(f)->rm]), same4((uint32_t)(int32_t)(int16_t)(cpu->r[(f)->rs] >> (f)->shift))); \
        store4(&cpu->r[(f)->rd], add4(load4(&cpu->r[(f)->rd]), products, &wrapped)); \
        if (UNLIKELY(wrapped)) { \
            cpu->cpsr |= PSR_Q; \
        } \
    } while (0)
#define DOT(f) \
    do { \
        Words4 factors = load4(&cpu->r[(f)->rs]); \
        uint32_t products[4], sum = cpu->r[(f)->rd]; \
        store4(products, wide4(load4(&cpu->r[(f)->rm]), (f)->shift ? top4(factors) : bottom4(factors))); \
        sum = accumulate(cpu, (int32_t)products[0], sum); \
        sum = accumulate(cpu, (int32_t)products[1], sum); \
        sum = accumulate(cpu, (int32_t)products[2], sum); \
        cpu->r[(f)->rd] = accumulate(cpu, (int32_t)products[3], sum); \
    } while (0)

    /* A comparison and the branch that depends on it. */
#define COMPARE_BRANCH(NAME, Y, WRITE, COND) \
op_##NAME##_B_##COND: { \
        uint32_t x = R(rn), y = Y, result = x - y; \
        carry = x >= y; \
        overflow = ((x ^ y) & (x ^ result)) >> 31; \
        negative = zero = result; \
        WRITE; \
    } \
    left -= e->fused; \
    ++e; \
    if (HOLDS_##COND) { \
        TAKE_NEAR_BRANCH(); \
    } \
    goto condition_failed;

#define COMPARE_BRANCHES(COND) \
    COMPARE_BRANCH(CMP_IMM, e->imm, WRITE_NOTHING, COND) \
    COMPARE_BRANCH(CMP_REG, R(rm), WRITE_NOTHING, COND) \
    COMPARE_BRANCH(SUBS_IMM, e->imm, WRITE_RESULT, COND)
    COMPARE_BRANCHES(EQ)
    COMPARE_BRANCHES(NE)
    COMPARE_BRANCHES(CS)
    COMPARE_BRANCHES(CC)
    COMPARE_BRANCHES(MI)
    COMPARE_BRANCHES(PL)
    COMPARE_BRANCHES(VS)
    COMPARE_BRANCHES(VC)
    COMPARE_BRANCHES(HI)
    COMPARE_BRANCHES(LS)
    COMPARE_BRANCHES(GE)
    COMPARE_BRANCHES(LT)
    COMPARE_BRANCHES(GT)
    COMPARE_BRANCHES(LE)

op_SMLAW2:
    SMLAW(e);
    SMLAW(e + 1);
    FUSED_END(2);

op_SMLAW4:
    SMLAW(e);
    SMLAW(e + 1);
    SMLAW(e + 2);
    SMLAW(e + 3);
    FUSED_END(4);

op_SUMS4:
    SUMS(e);
    FUSED_END(4);

op_DOT4:
    DOT(e);
    FUSED_END(4);

    /* The run goes on at `f`, before which everything is done. */
#define GO_ON_BEFORE(f) \
    do { \
        const Entry *next = (f); \
        for (; e < next - 1; ++e) { \
            left -= e->cost; \
        } \
        NEXT(); \
    } while (0)

    /* Load two words and multiply two; OTHERWISE, a jump, if the words are not in DTCM. */
#define LOAD_PAIR(f, OTHERWISE) \
    do { \
        uint32_t base = cpu->r[(f)->rn], first = base + (f)->imm; \
        if (UNLIKELY(!IN_DTCM_BLOCK(first))) { \
            OTHERWISE; \
        } \
        const uint8_t *p = dtcm_at(cpu, first, 4); \
        __builtin_prefetch(p + PREFETCH_BYTES); \
        cpu->r[(f)->rn] = base + block_step(f); \
        cpu->r[(f)->rd] = get32(p); \
        cpu->r[(f)->rs] = get32(p + 4); \
    } while (0)
#define PAIR(f, OTHERWISE) \
    do { \
        LOAD_PAIR(f, OTHERWISE); \
        SMLAW((f) + 1); \
        SMLAW((f) + 2); \
    } while (0)
#define STORE_PAIR(f, OTHERWISE) \
    do { \
        uint32_t base = cpu->r[(f)->rn], first = base + (f)->imm; \
        if (UNLIKELY(!IN_DTCM_BLOCK(first))) { \
            OTHERWISE; \
        } \
        uint8_t *p = dtcm_at(cpu, first, 4); \
        put32(p, cpu->r[(f)->rd]); \
        put32(p + 4, cpu->r[(f)->rs]); \
        cpu->r[(f)->rn] = base + block_step(f); \
    } while (0)

op_LDM2_SMLAW2:
    PAIR(e, goto *e->then);
    FUSED_END(3);

op_LDM2_SMLAW2_TWICE:
    PAIR(e, goto *e->then);
    PAIR(e + 3, GO_ON_BEFORE(e + 3));
    FUSED_END(6);

op_LDM2_SMLAW2_THRICE:
    PAIR(e, goto *e->then);
    PAIR(e + 3, GO_ON_BEFORE(e + 3));
    PAIR(e + 6, GO_ON_BEFORE(e + 6));
    FUSED_END(9);

op_LDM2_SMLAW2_STM2:
    PAIR(e, goto *e->then);
    STORE_PAIR(e + 3, GO_ON_BEFORE(e + 3));
    FUSED_END(4);

op_LDM2_SMLAW2_STM2_TWICE:
    PAIR(e, goto *e->then);
    STORE_PAIR(e + 3, GO_ON_BEFORE(e + 3));
    PAIR(e + 4, GO_ON_BEFORE(e + 4));
    STORE_PAIR(e + 7, GO_ON_BEFORE(e + 7));
    FUSED_END(8);

op_LDM2_LDR_SMLAW2:
    LOAD_PAIR(e, goto *e->then);
    {
        const Entry *f = e + 1;
        uint32_t address = cpu->r[f->rn];
        if (UNLIKELY(!in_dtcm(address))) {
            GO_ON_BEFORE(f);
        }
        cpu->r[f->rn] = address + f->imm;
        cpu->r[f->rd] = rotate_unaligned(get32(dtcm_at(cpu, address, 4)), address);
        SMLAW(e + 2);
        SMLAW(e + 3);
    }
    FUSED_END(4);

op_LDM4_SMLAW4: {
        FUSED_LOAD();
        LOAD_RUN(4);
        SMLAW(e + 1);
        SMLAW(e + 2);
        SMLAW(e + 3);
        SMLAW(e + 4);
    }
    FUSED_END(5);

op_LDM4_SUMS4: {
        FUSED_LOAD();
        LOAD_RUN(4);
        SUMS(e + 1);
    }
    FUSED_END(5);

op_LDM4_DOT4: {
        FUSED_LOAD();
        LOAD_RUN(4);
        DOT(e + 1);
    }
    FUSED_END(5);

op_LDM4_SUMS4_STM4: {
        FUSED_LOAD();
        const Entry *store = e + 5;
        uint32_t target = cpu->r[store->rn] + (store->rn == e->rn ? block_step(e) : 0) + store->imm;
        if (UNLIKELY(!IN_DTCM_BLOCK(target))) {
            goto *e->then;
        }
        LOAD_RUN(4);
        SUMS(e + 1);
        memcpy(dtcm_at(cpu, target, 4), &cpu->r[store->rd], 16);
        cpu->r[store->rn] += block_step(store);
    }
    FUSED_END(6);

op_SMLAL_XY: {
        int32_t x = e->imm ? top(R(rm)) : bottom(R(rm));
        int32_t y = e->imm2 ? top(R(rs)) : bottom(R(rs));
        uint64_t sum = ((uint64_t)R(rd) << 32 | R(rn)) + (uint64_t)((int64_t)x * y);
        R(rn) = (uint32_t)sum;
        R(rd) = (uint32_t)(sum >> 32);
    }
    NEXT();

op_QADD:
    R(rd) = saturate(cpu, (int64_t)(int32_t)R(rm) + (int32_t)R(rn));
    NEXT();
op_QSUB:
    R(rd) = saturate(cpu, (int64_t)(int32_t)R(rm) - (int32_t)R(rn));
    NEXT();
op_QDADD: {
        int64_t doubled = (int32_t)saturate(cpu, 2 * (int64_t)(int32_t)R(rn));
        R(rd) = saturate(cpu, (int32_t)R(rm) + doubled);
    }
    NEXT();
op_QDSUB: {
        int64_t doubled = (int32_t)saturate(cpu, 2 * (int64_t)(int32_t)R(rn));
        R(rd) = saturate(cpu, (int32_t)R(rm) - doubled);
    }
    NEXT();
op_CLZ:
    R(rd) = R(rm) ? (uint32_t)__builtin_clz(R(rm)) : 32;
    NEXT();

    /* --- status registers and coprocessor --- */

op_MRS_CPSR:
    PACK_FLAGS();
    R(rd) = cpu->cpsr & ~PSR_T;
    NEXT();
op_MRS_SPSR:
    PACK_FLAGS();
    R(rd) = read_spsr(cpu);
    NEXT();

#define MSR_CPSR(VALUE) \
    PACK_FLAGS(); \
    write_cpsr(cpu, VALUE, e->imm2); \
    UNPACK_FLAGS(); \
    BUS_BEGIN(); \
    BUS_END(); \
    NEXT()

op_MSR_CPSR_IMM:
    MSR_CPSR(e->imm);
op_MSR_CPSR_REG:
    MSR_CPSR(R(rm));
op_MSR_SPSR_IMM:
    write_spsr(cpu, e->imm, e->imm2);
    NEXT();
op_MSR_SPSR_REG:
    write_spsr(cpu, R(rm), e->imm2);
    NEXT();

op_MCR:
    if ((cpu->cpsr & PSR_MODE) == MODE_USR) {
        goto op_UNDEFINED;
    }
    cp15_write(cpu, e->rn, e->rm, e->imm, R(rd));
    NEXT();

op_MRC:
    if ((cpu->cpsr & PSR_MODE) == MODE_USR) {
        goto op_UNDEFINED;
    }
    {
        uint32_t value = cp15_read(cpu, e->rn, e->rm, e->imm);
        if (e->rd == 15) {            /* to the flags */
            negative = value;
            zero = ~value & PSR_Z;
            carry = value >> 29 & 1;
            overflow = value >> 28 & 1;
        } else {
            R(rd) = value;
        }
    }
    NEXT();

op_WFI:
    if ((cpu->cpsr & PSR_MODE) == MODE_USR) {
        goto op_UNDEFINED;
    }
    BUS_BEGIN();
    if (!cpu->irq && !cpu->fiq) {     /* masked or not: a line that is up keeps it awake */
        cpu->sleeping = true;
        limit = cpu->cycles;
        left = 0;
    }
    NEXT();

    /* --- exceptions --- */

op_SWI:
    COUNT_THIS();
    left -= e->cost;
    pc = PC_OF(e + 1);
    PACK_FLAGS();
    enter_exception(cpu, MODE_SVC, VECTOR_SWI, pc);
    pc = cpu->r[15];
    goto go_on;

op_BKPT:                              /* without a debugger: a prefetch abort */
    COUNT_THIS();
    left -= e->cost;
    pc = PC_OF(e);
    PACK_FLAGS();
    enter_exception(cpu, MODE_ABT, VECTOR_PREFETCH_ABORT, pc + 4);
    pc = cpu->r[15];
    goto go_on;

#define UNUSED(N) \
op_UNUSED##N##_IMM: op_UNUSED##N##_REG: op_UNUSED##N##_LSL: \
op_UNUSED##N##_LSR: op_UNUSED##N##_ASR: op_UNUSED##N##_SHIFT:
    UNUSED(8)
    UNUSED(9)
    UNUSED(10)
    UNUSED(11)
op_UNDEFINED:
    COUNT_THIS();
    left -= CYCLES_EXCEPTION;
    PACK_FLAGS();
    BUS_BEGIN();
    undefined_instruction(cpu, PC_OF(e), PC_OF(e + 1));
    goto boundary;

op_NOP:
    NEXT();

    /* SUBS rd, rd, #1 with a branch back to it: repeats at once what fits before the limit. */
op_DELAY_LOOP: {
        uint32_t times = e->shift == 1 ? R(rd) - 1 : R(rd);
        uint64_t cost = (uint64_t)e->cost + CYCLES_BRANCH_TAKEN;
        uint64_t fitting = (uint64_t)(left - 1) / cost;
        if (fitting < times) {
            times = (uint32_t)fitting;
        }
        R(rd) -= times;
        left -= (int64_t)(times * cost);
        executed += 2 * (uint64_t)times;
    }
    goto op_SUBS_IMM;
}

const void *const *interpreter_handlers(void)
{
    return run(NULL, 0);
}

/* Whether a slice cannot go on without a look at the core's state. */
static inline bool over(const Cpu *cpu, uint64_t until)
{
    return cpu->stop || cpu->halted || cpu->sleeping || cpu->cycles >= until;
}

/* A plain branch, or a load of r15 from where the pc says, as vectors are; false if it is neither. */
static bool run_vector(Cpu *cpu, Slice *slice, uint64_t until)
{
    enum { BRANCH = 0xea, LOAD_PC_BELOW = 0xe51ff, LOAD_PC_ABOVE = 0xe59ff };
    uint32_t pc = cpu->r[15];
    uint32_t word = get32(cpu->itcm + pc);
    if (word >> 24 == BRANCH) {
        cpu->r[15] = pc + 8 + (uint32_t)((int32_t)(word << 8) >> 6);
        cpu->cycles += CYCLES_BRANCH_TAKEN;
    } else if (word >> 12 == LOAD_PC_BELOW || word >> 12 == LOAD_PC_ABOVE) {
        uint32_t offset = word & 0xfff;
        slice->limit = until;
        slice->left = (int64_t)(until - cpu->cycles);
        uint32_t address = word >> 12 == LOAD_PC_ABOVE ? pc + 8 + offset : pc + 8 - offset;
        uint32_t target = rotate_unaligned(slice_read(cpu, slice, address, 4), address);
        cpu->cycles += CYCLES_LOAD_PC;
        cpu->cpsr |= target & 1 ? PSR_T : 0;
        cpu->r[15] = target & (target & 1 ? ~1u : ~3u);
    } else {
        return false;
    }
    ++slice->executed;
    return true;
}

/*
 * Runs translated code as far as there is any.  Returns false where the slice goes on with an
 * instruction that must be interpreted.
 */
static bool run_translated(Cpu *cpu, uint64_t until)
{
    TranslatedLookUp *look_up = &cpu->code->translated;
    uint64_t overwritten[LONGEST_TRANSLATED_RUN + 64];       /* translated code notes it; nobody asks for it here */
    Slice slice = { .helpers = &slice_helpers };
    bool interpret = false;
    slice_unpack(cpu, &slice);
    while (!look_up->changed && !over(cpu, until)) {
        if (interrupt_pending(cpu)) {
            slice_pack(cpu, &slice);
            enter_interrupt(cpu, cpu->r[15]);
            cpu->cycles += CYCLES_INTERRUPT;
            continue;
        }
        uint32_t pc = cpu->r[15];
        bool thumb = cpu->cpsr & PSR_T;
        if (pc < VECTOR_BYTES && !thumb && run_vector(cpu, &slice, until)) {
            continue;
        }
        uint32_t page = (pc & ~(PAGE_BYTES - 1u)) | thumb;
        if (UNLIKELY(page != look_up->last_page || !look_up->last)) {
            look_up->last_page = page;
            look_up->last = pc < ITCM_BYTES ? look_up->page[thumb][pc / PAGE_BYTES] : NULL;
            if (!look_up->last) {
                interpret = true;
                break;
            }
        }
        slice.limit = until - cpu->cycles > LONGEST_TRANSLATED_RUN ? cpu->cycles + LONGEST_TRANSLATED_RUN : until;
        slice.undo = overwritten;
        enum TranslatedResult result = look_up->last(cpu, &slice, pc, (int64_t)(slice.limit - cpu->cycles));
        if (result != TRANSLATED_ENDED) {
            cpu->r[15] = slice.pc;
            cpu->cycles = slice.limit - (uint64_t)slice.left;
            interpret = true;
            break;
        }
    }
    slice_pack(cpu, &slice);
    cpu->instructions += slice.executed;
    return !interpret && !look_up->changed;
}

void cpu_run(Cpu *cpu, uint64_t until)
{
    if (cpu->halted) {
        return;
    }
    if (cpu->sleeping) {
        if (!cpu->irq && !cpu->fiq) {
            return;
        }
        cpu->sleeping = false;
    }
    if (cpu->stop) {                  /* not stored without need: the flags are loaded together next */
        cpu->stop = false;
    }
    uint64_t before = cpu->cycles;
    while (!run_translated(cpu, until)) {
        run(cpu, until);
        if (over(cpu, until)) {
            break;
        }
    }
    cpu->cycles_awake += cpu->cycles - before;
}
