/* The flags of a slice, in CPSR and unpacked. */
#ifndef SPINNEMU_SLICE_H
#define SPINNEMU_SLICE_H

#include "exceptions.h"
#include "translated.h"

static inline void slice_pack(Cpu *cpu, const Slice *slice)
{
    cpu->cpsr = (cpu->cpsr & ~(PSR_N | PSR_Z | PSR_C | PSR_V)) | (slice->negative & PSR_N) |
                (slice->zero ? 0 : PSR_Z) | slice->carry << 29 | slice->overflow << 28;
}

static inline void slice_unpack(const Cpu *cpu, Slice *slice)
{
    slice->negative = cpu->cpsr;
    slice->zero = ~cpu->cpsr & PSR_Z;
    slice->carry = cpu->cpsr >> 29 & 1;
    slice->overflow = cpu->cpsr >> 28 & 1;
}

#endif
