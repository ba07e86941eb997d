/*
 * The words in which translate_page.py writes translated pages.
 *
 * `budget` is what is left of the slice plus the cost of all instructions from the start of the page
 * to here, so that going straight on costs nothing but a comparison: at instruction k `budget - cost
 * before k` cycles are left.  A branch takes it to what it is at its target.
 */
#ifndef SPINNEMU_TRANSLATED_CODE_H
#define SPINNEMU_TRANSLATED_CODE_H

#include "cpu_timing.h"
#include "decoded.h"
#include "semantics.h"
#include "shifter.h"
#include "translated.h"

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

/* --- flags --- */

#define LOGICAL(CARRY, RESULT) \
    do { \
        uint32_t carry_after = (CARRY); \
        negative = zero = (RESULT); \
        carry = carry_after; \
    } while (0)
#define SUBTRACT(X, Y) \
    do { \
        uint32_t x = (X), y = (Y); \
        int32_t difference; \
        overflow = __builtin_sub_overflow((int32_t)x, (int32_t)y, &difference); \
        carry = x >= y; \
        negative = zero = (uint32_t)difference; \
    } while (0)
#define ADD_UP(X, Y, CARRY_IN) \
    do { \
        uint32_t x = (X), y = (Y); \
        uint64_t sum = (uint64_t)x + y + (CARRY_IN); \
        uint32_t result = (uint32_t)sum; \
        carry = (uint32_t)(sum >> 32); \
        overflow = ((x ^ result) & (y ^ result)) >> 31; \
        negative = zero = result; \
    } while (0)

/* --- time --- */

#define CHECK(NEXT, COST_BEFORE) \
    do { \
        if (UNLIKELY(budget <= (COST_BEFORE))) { \
            goto end_##NEXT; \
        } \
    } while (0)
/* A taken branch: what changes in `budget`, and in the count of instructions. */
#define TAKE(TARGET, BUDGET, INSTRUCTIONS, COST_BEFORE) \
    do { \
        budget += (BUDGET); \
        slice->executed += (uint64_t)(int64_t)(INSTRUCTIONS); \
        CHECK(TARGET, COST_BEFORE); \
        goto at_##TARGET; \
    } while (0)
#define END(INDEX) end_##INDEX: index = (INDEX); goto ended
#define INTERPRET(INDEX) do { index = (INDEX); goto interpret; } while (0)
/* Go to an address that may lie anywhere; `state` is the T bit that the core has then. */
#define GO(PC, COST_THROUGH, INDEX_AFTER) \
    do { \
        pc = (PC); \
        budget -= (COST_THROUGH); \
        slice->executed += (INDEX_AFTER); \
        goto away; \
    } while (0)
#define EXCHANGE(PC, COST_THROUGH, INDEX_AFTER) \
    do { \
        pc = (PC); \
        budget -= (COST_THROUGH); \
        slice->executed += (INDEX_AFTER); \
        goto exchange; \
    } while (0)

/* --- memory --- */

/* Cold: the compiler puts the code that calls them apart. */
static __attribute__((cold, noinline, unused)) uint32_t read_slowly(Cpu *cpu, Slice *slice, uint32_t address, unsigned bytes)
{
    return slice->helpers->read(cpu, slice, address, bytes);
}

static __attribute__((cold, noinline, unused)) void write_slowly(Cpu *cpu, Slice *slice, uint32_t address, uint32_t value,
                                                                unsigned bytes)
{
    slice->helpers->write(cpu, slice, address, value, bytes);
}

/* Before what changes more than the core's registers and DTCM: see cpu_run_alone(). */
#define NOT_ALONE(INDEX) do { if (UNLIKELY(slice->alone)) { INTERPRET(INDEX); } } while (0)
/* Before MSR: alone it may change flags and masks, while no interrupt waits for them, but not the mode. */
#define STATUS_ALONE(INDEX, VALUE, MASK) \
    do { \
        if (slice->alone && (cpu->irq || cpu->fiq || (((VALUE) ^ cpu->cpsr) & (MASK) & PSR_MODE))) { \
            INTERPRET(INDEX); \
        } \
    } while (0)
/* Notes the word of DTCM that is written next: see cpu_retreat(). */
#define KEEP(OFFSET) \
    do { \
        uint32_t kept_at = (uint32_t)(OFFSET); \
        *undo++ = UNDO_WORD(kept_at, get32(dtcm + kept_at)); \
    } while (0)

/*
 * A memory access takes the short way if it is inside DTCM and aligned, which is one comparison.  The
 * long way stands at the end of the page, where it does not fill the host's instruction cache.
 */
#define IS_FAST(OFFSET, BYTES) LIKELY(!((OFFSET) & ~(uint32_t)(DTCM_BYTES - (BYTES))))
#define LOAD(INDEX, ADDRESS, BYTES, GET) \
    do { \
        address = (ADDRESS); \
        uint32_t offset = address - DTCM_BASE; \
        if (!IS_FAST(offset, BYTES)) { \
            goto slow_##INDEX; \
        } \
        value = GET(dtcm + offset); \
    } while (0); \
    back_##INDEX:
#define STORE(INDEX, VALUE, ADDRESS, BYTES, PUT) \
    do { \
        value = (VALUE); \
        address = (ADDRESS); \
        uint32_t offset = address - DTCM_BASE; \
        if (!IS_FAST(offset, BYTES)) { \
            goto slow_##INDEX; \
        } \
        KEEP(offset & ~3u); \
        PUT(dtcm + offset, value); \
    } while (0); \
    back_##INDEX:
/* The same in a stretch (translate_block.py), which is left at OUT. */
#define LOAD_OR(OUT, ADDRESS, BYTES, GET) \
    address = (ADDRESS); \
    if (!IS_FAST(address - DTCM_BASE, BYTES)) { \
        goto OUT; \
    } \
    value = GET(dtcm + (address - DTCM_BASE))
#define STORE_OR(OUT, VALUE, ADDRESS, BYTES, PUT) \
    value = (VALUE); \
    address = (ADDRESS); \
    if (!IS_FAST(address - DTCM_BASE, BYTES)) { \
        goto OUT; \
    } \
    KEEP((address - DTCM_BASE) & ~3u); \
    PUT(dtcm + (address - DTCM_BASE), value)
#define SLOW_LOAD(INDEX, BYTES, COST_BEFORE) \
slow_##INDEX: \
    if (slice->alone && !READS_ALONE(address)) { \
        INTERPRET(INDEX); \
    } \
    slice->left = budget - (COST_BEFORE); \
    value = read_slowly(cpu, slice, address, (BYTES)); \
    budget = (int32_t)slice->left + (COST_BEFORE); \
    if ((BYTES) == 4) { \
        value = rotate_unaligned(value, address); \
    } \
    goto back_##INDEX
#define SLOW_STORE(INDEX, BYTES, COST_BEFORE) \
slow_##INDEX: \
    NOT_ALONE(INDEX); \
    slice->left = budget - (COST_BEFORE); \
    write_slowly(cpu, slice, address, value, (BYTES)); \
    budget = (int32_t)slice->left + (COST_BEFORE); \
    goto back_##INDEX
#define GET8(p) ((uint32_t)*(p))
#define PUT8(p, v) (*(p) = (uint8_t)(v))
/* A block transfer as a whole in DTCM, as IN_DTCM_BLOCK in interpret.c. */
#define IS_FAST_BLOCK(FIRST) LIKELY((FIRST) - DTCM_BASE <= DTCM_BYTES - 64)
/* What is read in one slice is seldom in the host's caches when the core's turn comes again. */
#define FETCH_AHEAD(FROM) __builtin_prefetch((FROM) + 128)
#define BLOCK_AT(FIRST) (dtcm + (((FIRST) - DTCM_BASE) & ~3u))

/* --- status registers --- */

#define SAVE_FLAGS() \
    (slice->negative = negative, slice->zero = zero, slice->carry = carry, slice->overflow = overflow, slice->undo = undo)
#define FETCH_FLAGS() \
    (negative = slice->negative, zero = slice->zero, carry = slice->carry, overflow = slice->overflow)
#define WRITE_STATUS(VALUE, MASK, COST_BEFORE) \
    do { \
        SAVE_FLAGS(); \
        slice->left = budget - (COST_BEFORE); \
        slice->helpers->write_status(cpu, slice, (VALUE), (MASK)); \
        FETCH_FLAGS(); \
        budget = (int32_t)slice->left + (COST_BEFORE); \
    } while (0)
#define READ_STATUS(VALUE, SPSR) \
    do { \
        SAVE_FLAGS(); \
        (VALUE) = slice->helpers->read_status(cpu, slice, (SPSR)); \
    } while (0)
/* As GO, and SPSR becomes CPSR. */
#define GO_BACK(PC, COST_THROUGH, INDEX_AFTER) \
    do { \
        pc = (PC); \
        budget -= (COST_THROUGH); \
        slice->executed += (INDEX_AFTER); \
        goto restore; \
    } while (0)

/* Wait for an interrupt; WFI in user mode is undefined. */
#define WAIT(INDEX, COST_BEFORE) \
    do { \
        if ((cpu->cpsr & PSR_MODE) == MODE_USR) { \
            INTERPRET(INDEX); \
        } \
        if (!cpu->irq && !cpu->fiq) { \
            cpu->sleeping = true; \
            slice->limit -= (uint64_t)(int64_t)(budget - (COST_BEFORE)); \
            budget = (COST_BEFORE); \
        } \
    } while (0)

/* --- multiplies --- */

#define MULTIPLY_LONG(PRODUCT, HIGH, LOW) \
    do { \
        uint64_t result = (PRODUCT); \
        (LOW) = (uint32_t)result; \
        (HIGH) = (uint32_t)(result >> 32); \
    } while (0)
#define LONG_FLAGS(HIGH, LOW) (negative = (HIGH), zero = (LOW) | (HIGH))

/* --- the frame of a page --- */

#define PAGE_BEGIN() \
    uint32_t *const r = cpu->r; \
    uint8_t *const dtcm = cpu->dtcm; \
    uint32_t negative = slice->negative, zero = slice->zero, carry = slice->carry, overflow = slice->overflow; \
    uint32_t index = (pc & (TRANSLATED_PAGE_BYTES - 1)) >> SIZE_SHIFT; \
    int32_t budget = (int32_t)left + cost_before[index]; \
    uint32_t address, value, indexed; \
    uint64_t *undo = slice->undo; \
    slice->executed -= index; \
    (void)dtcm, (void)indexed; \
    goto *start_at[index];

#define PAGE_END() \
ended: \
    SAVE_FLAGS(); \
    slice->executed += index; \
    slice->left = budget - cost_before[index]; \
    r[15] = PAGE_ADDRESS + (index << SIZE_SHIFT); \
    cpu->cycles = slice->limit - (uint64_t)slice->left; \
    return TRANSLATED_ENDED; \
interpret: \
    SAVE_FLAGS(); \
    slice->executed += index; \
    slice->left = budget - cost_before[index]; \
    slice->pc = PAGE_ADDRESS + (index << SIZE_SHIFT); \
    return TRANSLATED_INTERPRET; \
restore: \
    SAVE_FLAGS(); \
    slice->left = budget; \
    slice->helpers->restore_status(cpu, slice); \
    FETCH_FLAGS(); \
    budget = (int32_t)slice->left; \
    goto away; \
exchange: \
    if (UNLIKELY((pc & 1) != IS_THUMB)) { \
        cpu->cpsr ^= PSR_T; \
    } \
away: \
    SAVE_FLAGS(); \
    if (UNLIKELY(budget <= 0)) { \
        r[15] = pc & (cpu->cpsr & PSR_T ? ~1u : ~3u); \
        slice->left = budget; \
        cpu->cycles = slice->limit - (uint64_t)slice->left; \
        return TRANSLATED_ENDED; \
    } \
    bool to_thumb = cpu->cpsr & PSR_T; \
    pc &= to_thumb ? ~1u : ~3u; \
    if (LIKELY(pc < ITCM_BYTES)) { \
        const TranslatedLookUp *look_up = (const TranslatedLookUp *)cpu->code; \
        TranslatedCode *next = look_up->page[to_thumb][pc >> TRANSLATED_PAGE_BITS]; \
        if (LIKELY(next)) { \
            return next(cpu, slice, pc, budget); \
        } \
    } \
    slice->pc = pc; \
    slice->left = budget; \
    return TRANSLATED_LOOK_UP;

#endif
