/* System control coprocessor of the ARM968E-S, as far as programs can tell. */
#ifndef SPINNEMU_CP15_H
#define SPINNEMU_CP15_H

#include "cpu.h"

uint32_t cp15_read(const Cpu *cpu, unsigned crn, unsigned crm, unsigned opcode2);
void cp15_write(Cpu *cpu, unsigned crn, unsigned crm, unsigned opcode2, uint32_t value);

#endif
