/* Modes, banked registers, status registers and exception entry. */
#ifndef SPINNEMU_EXCEPTIONS_H
#define SPINNEMU_EXCEPTIONS_H

#include "cpu.h"

#define PSR_N 0x80000000u
#define PSR_Z 0x40000000u
#define PSR_C 0x20000000u
#define PSR_V 0x10000000u
#define PSR_Q 0x08000000u
#define PSR_I 0x00000080u
#define PSR_F 0x00000040u
#define PSR_T 0x00000020u
#define PSR_MODE 0x0000001fu
#define PSR_IMPLEMENTED (PSR_N | PSR_Z | PSR_C | PSR_V | PSR_Q | 0xffu)

enum { VECTOR_RESET = 0x00, VECTOR_UNDEFINED = 0x04, VECTOR_SWI = 0x08, VECTOR_PREFETCH_ABORT = 0x0c,
       VECTOR_IRQ = 0x18, VECTOR_FIQ = 0x1c };

#define CP15_HIGH_VECTORS 0x2000u
#define HIGH_VECTORS 0xffff0000u

static inline uint32_t vector_base(const Cpu *cpu)
{
    return cpu->cp15_control & CP15_HIGH_VECTORS ? HIGH_VECTORS : 0;
}

static inline bool interrupt_pending(const Cpu *cpu)
{
    return (cpu->irq && !(cpu->cpsr & PSR_I)) || (cpu->fiq && !(cpu->cpsr & PSR_F));
}

/* Bank of registers of the current mode: 0 for user, system and invalid modes. */
unsigned current_bank(const Cpu *cpu);

/* Change all of CPSR, and with it the registers that are visible. */
void set_cpsr(Cpu *cpu, uint32_t value);

/* MSR: change the bits in `mask`, as far as the mode allows. Never changes T. */
void write_cpsr(Cpu *cpu, uint32_t value, uint32_t mask);
void write_spsr(Cpu *cpu, uint32_t value, uint32_t mask);
uint32_t read_spsr(const Cpu *cpu);

/* Enter an exception: r15 is the vector afterwards. */
void enter_exception(Cpu *cpu, enum CpuMode mode, uint32_t vector, uint32_t return_address);

/* Take the interrupt that is pending; `next` is the instruction that would have come next. */
void enter_interrupt(Cpu *cpu, uint32_t next);

/* The user-mode register `index` seen from the current mode (LDM and STM with ^). */
uint32_t *user_register(Cpu *cpu, unsigned index);

#endif
