#include "exceptions.h"

#include <string.h>

enum { BANK_USER, BANK_FIQ, BANK_IRQ, BANK_SVC, BANK_ABT, BANK_UND };

static unsigned bank_of(uint32_t psr)
{
    switch (psr & PSR_MODE) {
    case MODE_FIQ: return BANK_FIQ;
    case MODE_IRQ: return BANK_IRQ;
    case MODE_SVC: return BANK_SVC;
    case MODE_ABT: return BANK_ABT;
    case MODE_UND: return BANK_UND;
    default: return BANK_USER;        /* invalid modes behave as user registers; unpredictable on hardware */
    }
}

unsigned current_bank(const Cpu *cpu)
{
    return bank_of(cpu->cpsr);
}

static void switch_bank(Cpu *cpu, unsigned from, unsigned to)
{
    if (from == to) {
        return;
    }
    cpu->banked_sp[from] = cpu->r[13];
    cpu->banked_lr[from] = cpu->r[14];
    cpu->r[13] = cpu->banked_sp[to];
    cpu->r[14] = cpu->banked_lr[to];
    if (from == BANK_FIQ) {
        memcpy(cpu->fiq_r8_r12, &cpu->r[8], sizeof cpu->fiq_r8_r12);
        memcpy(&cpu->r[8], cpu->user_r8_r12, sizeof cpu->user_r8_r12);
    } else if (to == BANK_FIQ) {
        memcpy(cpu->user_r8_r12, &cpu->r[8], sizeof cpu->user_r8_r12);
        memcpy(&cpu->r[8], cpu->fiq_r8_r12, sizeof cpu->fiq_r8_r12);
    }
}

void set_cpsr(Cpu *cpu, uint32_t value)
{
    switch_bank(cpu, bank_of(cpu->cpsr), bank_of(value));
    cpu->cpsr = value & PSR_IMPLEMENTED;
}

void write_cpsr(Cpu *cpu, uint32_t value, uint32_t mask)
{
    mask &= PSR_IMPLEMENTED & ~PSR_T;
    if ((cpu->cpsr & PSR_MODE) == MODE_USR) {
        mask &= 0xff000000u;
    }
    set_cpsr(cpu, (cpu->cpsr & ~mask) | (value & mask));
}

void write_spsr(Cpu *cpu, uint32_t value, uint32_t mask)
{
    unsigned bank = current_bank(cpu);
    mask &= PSR_IMPLEMENTED;
    if (bank != BANK_USER) {
        cpu->spsr[bank] = (cpu->spsr[bank] & ~mask) | (value & mask);
    }
}

uint32_t read_spsr(const Cpu *cpu)
{
    unsigned bank = current_bank(cpu);
    return bank == BANK_USER ? cpu->cpsr : cpu->spsr[bank];
}

void enter_exception(Cpu *cpu, enum CpuMode mode, uint32_t vector, uint32_t return_address)
{
    uint32_t old = cpu->cpsr;
    uint32_t status = (old & ~(PSR_T | PSR_MODE)) | PSR_I | mode;
    if (mode == MODE_FIQ || vector == VECTOR_RESET) {
        status |= PSR_F;
    }
    set_cpsr(cpu, status);
    cpu->spsr[current_bank(cpu)] = old;
    cpu->r[14] = return_address;
    cpu->r[15] = vector_base(cpu) + vector;
}

void enter_interrupt(Cpu *cpu, uint32_t next)
{
    if (cpu->fiq && !(cpu->cpsr & PSR_F)) {
        enter_exception(cpu, MODE_FIQ, VECTOR_FIQ, next + 4);
    } else {
        enter_exception(cpu, MODE_IRQ, VECTOR_IRQ, next + 4);
    }
}

uint32_t *user_register(Cpu *cpu, unsigned index)
{
    unsigned bank = current_bank(cpu);
    if (bank == BANK_FIQ && index >= 8 && index <= 12) {
        return &cpu->user_r8_r12[index - 8];
    }
    if (bank != BANK_USER && index == 13) {
        return &cpu->banked_sp[BANK_USER];
    }
    if (bank != BANK_USER && index == 14) {
        return &cpu->banked_lr[BANK_USER];
    }
    return &cpu->r[index];
}
