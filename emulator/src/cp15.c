#include "cp15.h"

#include "exceptions.h"

/* ARM968E-S TRM (ARM DDI 0311), chapter 2: identification and memory sizes. */
#define MAIN_ID 0x41059680u
#define CACHE_TYPE 0u                             /* no caches */
#define TCM_SIZE (7u << 18 | 6u << 6)             /* DTCM 64 KB, ITCM 32 KB */
#define CONTROL_READS_AS_ONE 0x00000070u

uint32_t cp15_read(const Cpu *cpu, unsigned crn, unsigned crm, unsigned opcode2)
{
    if (crn == 0 && crm == 0) {
        return opcode2 == 1 ? CACHE_TYPE : opcode2 == 2 ? TCM_SIZE : MAIN_ID;
    }
    if (crn == 1 && crm == 0 && opcode2 == 0) {
        return cpu->cp15_control | CONTROL_READS_AS_ONE;
    }
    return 0;
}

void cp15_write(Cpu *cpu, unsigned crn, unsigned crm, unsigned opcode2, uint32_t value)
{
    /* c7 (drain write buffer, cache operations) has nothing to do here; c15 is test and trace. */
    if (crn == 1 && crm == 0 && opcode2 == 0) {
        cpu->cp15_control = value;
    }
}
