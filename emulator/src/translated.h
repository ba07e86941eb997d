/*
 * Between the interpreter and translated pages of code (translate.py makes them).
 *
 * A translated page is a function in a shared library that does what the interpreter does with a page
 * of ITCM: it starts at any instruction, ends between two instructions when the slice is over, and
 * keeps the core's registers in the Cpu.  Whatever it has no code for, it leaves to the interpreter.
 */
#ifndef SPINNEMU_TRANSLATED_H
#define SPINNEMU_TRANSLATED_H

#include "cpu.h"

enum { TRANSLATED_PAGE_BITS = 10, TRANSLATED_PAGE_BYTES = 1 << TRANSLATED_PAGE_BITS,
       TRANSLATED_PAGES = ITCM_BYTES >> TRANSLATED_PAGE_BITS,
       TRANSLATED_LOOKAHEAD = 8 };     /* stalls depend on the two instructions after the page */

typedef struct Slice Slice;

/* What the interpreter does for translated code. */
typedef struct TranslatedHelpers {
    /* Any access to memory, at a time when slice->left is what is left; changes slice->left. */
    uint32_t (*read)(Cpu *cpu, Slice *slice, uint32_t address, unsigned bytes);
    void (*write)(Cpu *cpu, Slice *slice, uint32_t address, uint32_t value, unsigned bytes);
    /* MRS: CPSR, or SPSR, with the flags of the slice in it */
    uint32_t (*read_status)(Cpu *cpu, Slice *slice, bool spsr);
    /* MSR to CPSR; SPSR becomes CPSR */
    void (*write_status)(Cpu *cpu, Slice *slice, uint32_t value, uint32_t mask);
    void (*restore_status)(Cpu *cpu, Slice *slice);
} TranslatedHelpers;

/*
 * What a core may read alone, outside DTCM: its ITCM and its timers, whose registers depend on its own time only, between two
 * of its own events (timer.c).  0x11 and 0x21: the counters, without and with write buffer (SpiNNaker datasheet, memory map).
 */
#define READS_ALONE(ADDRESS) ((ADDRESS) < ITCM_BYTES || (ADDRESS) >> 24 == 0x11 || (ADDRESS) >> 24 == 0x21)

/* The interpreter's state, where it is not in the Cpu. */
struct Slice {
    uint64_t limit;                   /* cpu->cycles at which the slice ends */
    int64_t left;                     /* limit - cycles */
    uint64_t executed;                /* instructions */
    uint32_t negative, zero, carry, overflow;        /* as in interpret.c */
    uint32_t pc;                      /* where to go on, unless the slice has ended */
    bool alone;                       /* only what is the core's own may be touched, see cpu_run_alone() */
    uint64_t *undo;                   /* where to note what the next store overwrites, see cpu_run_alone() */
    const TranslatedHelpers *helpers;
};

enum TranslatedResult {
    TRANSLATED_ENDED,                 /* r15 and cycles are up to date */
    TRANSLATED_LOOK_UP,               /* go on at slice->pc, in slice->left cycles, more than 0 */
    TRANSLATED_INTERPRET              /* the same, but the page has no code for that instruction */
};

/* Runs from `pc`, which lies in the page, with more than 0 cycles left. */
typedef enum TranslatedResult TranslatedCode(Cpu *cpu, Slice *slice, uint32_t pc, int64_t left);

/* What leads from an address to its code; the start of struct CpuCode. */
typedef struct TranslatedLookUp {
    /* what every slice needs, in one line of the host's cache */
    bool changed;                     /* pages of code were changed: all must be looked up again */
    uint32_t last_page;               /* address of the page that ran last, with bit 0 for Thumb ... */
    TranslatedCode *last;             /* ... and its code; NULL: not known */
    TranslatedCode *page[2][TRANSLATED_PAGES];       /* [Thumb]; NULL until executed, or without a translation */
} TranslatedLookUp;

/* A page as a library lists it. */
typedef struct TranslatedPage {
    TranslatedCode *code;
    const uint8_t *bytes;             /* of the page and the lookahead */
    uint16_t skip;                    /* bytes at its start that the code does not depend on */
    uint8_t number, thumb;
} TranslatedPage;

/* Exported by a library under the name spinnemu_translation. */
typedef struct Translation {
    uint32_t magic, cpu_bytes, slice_bytes, pages;
    const char *key;                  /* of the engine's sources that it was made with */
    const TranslatedPage *page;
} Translation;

#define TRANSLATION_MAGIC 0x31545053u

#endif
