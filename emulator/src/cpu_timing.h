/*
 * Cycle costs of the ARM968E-S, in one place.
 *
 * The ARM968E-S is an ARM9E-S core with tightly coupled memories.  Unless a line says otherwise
 * the figure is from the ARM9E-S Technical Reference Manual, ARM DDI 0165B, chapter 8
 * (instruction cycle times and interlocks), for code in ITCM and data in DTCM without waiting.
 * Wait states of every other memory are charged by the bus.
 *
 * How interlocks are counted.  A stall is decided by the instruction words that follow each other
 * in memory, and charged to the producer (the load or multiply) when it executes.  Assumptions:
 *  - a producer whose condition fails causes no stall; a consumer stalls whether its condition
 *    holds or not (interlocks are found in the decode stage);
 *  - a stall that reaches past a conditional branch is charged whether it is taken or not, none
 *    past an unconditional one (a taken branch takes longer than any stall);
 *  - an interrupt taken between producer and consumer does not give the stall back;
 *  - word loads are taken to be aligned (an unaligned one has the latency of a byte load);
 *  - code outside ITCM has no stalls: its fetch waits are longer than they are;
 *  - conflicts between instruction fetches and data accesses to ITCM are not modelled.
 */
#ifndef SPINNEMU_CPU_TIMING_H
#define SPINNEMU_CPU_TIMING_H

enum {
    CYCLES_ALU = 1,
    CYCLES_ALU_SHIFT_BY_REGISTER = 2,
    CYCLES_ALU_TO_PC_EXTRA = 2,        /* the pipeline refills */
    CYCLES_CONDITION_FAILED = 1,

    CYCLES_MUL = 2,                    /* MUL, MLA */
    CYCLES_MUL_FLAGS = 4,              /* MULS, MLAS, Thumb MUL */
    CYCLES_LONG_MUL = 3,               /* SMULL, SMLAL, UMULL, UMLAL */
    CYCLES_LONG_MUL_FLAGS = 5,
    CYCLES_DSP_MUL = 1,                /* SMULxy, SMLAxy, SMULWy, SMLAWy */
    CYCLES_DSP_LONG_MUL = 2,           /* SMLALxy */
    CYCLES_SATURATE = 1,               /* QADD, QSUB, QDADD, QDSUB */
    CYCLES_CLZ = 1,

    CYCLES_LOAD = 1,
    CYCLES_STORE = 1,
    CYCLES_SCALED_OFFSET_EXTRA = 1,    /* GCC's arm926ejs.md (same core family); assumption for the 968 */
    CYCLES_DOUBLE = 2,                 /* LDRD, STRD */
    CYCLES_LOAD_PC = 5,
    CYCLES_MULTIPLE_MINIMUM = 2,       /* LDM, STM: one per register, at least this */
    CYCLES_LOAD_MULTIPLE_PC_EXTRA = 4,
    CYCLES_SWAP = 2,
    CYCLES_PRELOAD = 1,

    CYCLES_BRANCH_TAKEN = 3,
    CYCLES_BRANCH_NOT_TAKEN = 1,
    CYCLES_THUMB_BL_PREFIX = 1,

    CYCLES_MRS = 2,
    CYCLES_MSR_FLAGS = 1,
    CYCLES_MSR_CONTROL = 3,
    CYCLES_COPROCESSOR = 1,            /* MCR, MRC to CP15; busy-waiting not modelled: assumption */
    CYCLES_WFI = 1,                    /* assumption: the drain of the write buffer is not modelled */

    CYCLES_EXCEPTION = 3,              /* SWI, undefined instruction, BKPT: refill at the vector */
    CYCLES_INTERRUPT = 3,              /* assumption: as other exceptions; the instruction in progress ends first */

    /* Cycles until a result can be used, beyond the cycles of the instruction itself. */
    LATENCY_LOAD = 1,                  /* LDR, LDRD, LDM (last register), SWP, MRC; to any use */
    LATENCY_LOAD_NARROW = 2,           /* LDRB, LDRH, LDRSB, LDRSH, SWPB */
    LATENCY_MULTIPLY = 1,              /* not to the accumulator of another multiply; flag-setting forms: none */
    LATENCY_SATURATE = 1,              /* not to the accumulator port or store data */
};

#endif
