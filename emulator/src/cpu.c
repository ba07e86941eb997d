/* Creation, reset and outside changes of a core. */
#include "cpu.h"

#include <stdlib.h>
#include <string.h>

#include "code_cache.h"
#include "exceptions.h"

void cpu_init(Cpu *cpu, const CpuBus *bus, void *owner, uint8_t *itcm, uint8_t *dtcm)
{
    memset(cpu, 0, sizeof *cpu);
    cpu->bus = bus;
    cpu->owner = owner;
    cpu->itcm = itcm;
    cpu->dtcm = dtcm;
    cpu->code = calloc(1, sizeof *cpu->code);
    if (!cpu->code) {
        abort();
    }
    cpu->cpsr = MODE_SVC | PSR_I | PSR_F;
}

void cpu_free(Cpu *cpu)
{
    if (cpu->code) {
        code_release_all(cpu->code);
        free(cpu->code);
        cpu->code = NULL;
    }
}

void cpu_reset(Cpu *cpu, bool high_vectors)
{
    cpu->cp15_control = high_vectors ? CP15_HIGH_VECTORS : 0;
    set_cpsr(cpu, MODE_SVC | PSR_I | PSR_F);
    cpu->r[15] = vector_base(cpu) + VECTOR_RESET;
    cpu->sleeping = false;
    cpu->halted = false;
    cpu->stop = false;
    cpu->fault = CPU_FAULT_NONE;
    cpu->fault_address = 0;
}

void cpu_itcm_changed(Cpu *cpu, uint32_t offset, uint32_t bytes)
{
    code_forget(cpu, offset, bytes);
}
