/*
 * Runs of a core ahead of all others, and back.
 *
 * Registers, ITCM and DTCM are a core's own, and its timers do nothing before its next event: while it touches nothing else,
 * nobody can tell when it ran.  So it may run ahead of emulated time.  When it turns out that an interrupt came while it
 * did, it goes back and runs again up to there.
 */
#include "code_cache.h"
#include "semantics.h"
#include "slice.h"

#include <string.h>

/* Of an address that satisfies READS_ALONE(). */
static uint32_t read_own(Cpu *cpu, Slice *slice, uint32_t address, unsigned bytes)
{
    if (address >= ITCM_BYTES) {
        cpu->cycles = slice->limit - (uint64_t)slice->left;
        uint32_t value = cpu->bus->read_own(cpu, address & ~(bytes - 1), bytes);
        slice->left = (int64_t)(slice->limit - cpu->cycles);
        return value;
    }
    const uint8_t *p = cpu->itcm + (address & ~(bytes - 1));
    return bytes == 4 ? get32(p) : bytes == 2 ? get16(p) : *p;
}

static uint32_t read_status(Cpu *cpu, Slice *slice, bool spsr)
{
    slice_pack(cpu, slice);
    return spsr ? read_spsr(cpu) : cpu->cpsr & ~PSR_T;
}

/* Where STATUS_ALONE() lets it. */
static void write_status(Cpu *cpu, Slice *slice, uint32_t value, uint32_t mask)
{
    slice_pack(cpu, slice);
    write_cpsr(cpu, value, mask);
    slice_unpack(cpu, slice);
}

/* All that translated code asks for when it is alone. */
static const TranslatedHelpers helpers = { .read = read_own, .read_status = read_status, .write_status = write_status };

static TranslatedCode *code_at(const Cpu *cpu, uint32_t pc)
{
    const TranslatedLookUp *look_up = &cpu->code->translated;
    bool thumb = cpu->cpsr & PSR_T;
    return pc < ITCM_BYTES && !look_up->changed ? look_up->page[thumb][pc / PAGE_BYTES] : NULL;
}

bool cpu_can_run_alone(const Cpu *cpu) { return code_at(cpu, cpu->r[15]) != NULL; }

void cpu_run_alone(Cpu *cpu, uint64_t until, CpuRetreat *retreat)
{
    memcpy(retreat->r, cpu->r, sizeof retreat->r);
    retreat->cpsr = cpu->cpsr;
    retreat->cycles = cpu->cycles;
    retreat->instructions = cpu->instructions;
    retreat->cycles_awake = cpu->cycles_awake;
    Slice slice = { .helpers = &helpers, .alone = true, .limit = until, .undo = retreat->undo };
    slice_unpack(cpu, &slice);
    TranslatedCode *code = code_at(cpu, cpu->r[15]);
    if (code && code(cpu, &slice, cpu->r[15], (int64_t)(until - cpu->cycles)) != TRANSLATED_ENDED) {
        cpu->r[15] = slice.pc;
        cpu->cycles = slice.limit - (uint64_t)slice.left;
    }
    slice_pack(cpu, &slice);
    cpu->instructions += slice.executed;
    cpu->cycles_awake += cpu->cycles - retreat->cycles;
    retreat->end = slice.undo;
}

void cpu_retreat(Cpu *cpu, const CpuRetreat *retreat)
{
    for (const uint64_t *undo = retreat->end; undo > retreat->undo; ) {
        --undo;
        put32(cpu->dtcm + (uint32_t)*undo, (uint32_t)(*undo >> 32));
    }
    memcpy(cpu->r, retreat->r, sizeof retreat->r);
    cpu->cpsr = retreat->cpsr;
    cpu->cycles = retreat->cycles;
    cpu->instructions = retreat->instructions;
    cpu->cycles_awake = retreat->cycles_awake;
}
