/*
 * Decoded pages of ITCM, shared by all cores that hold the same instructions at the same address.
 */
#ifndef SPINNEMU_CODE_CACHE_H
#define SPINNEMU_CODE_CACHE_H

#include "cpu.h"
#include "decoded.h"
#include "translated.h"

enum {
    PAGE_BITS = TRANSLATED_PAGE_BITS,
    PAGE_BYTES = TRANSLATED_PAGE_BYTES,
    PAGE_COUNT = TRANSLATED_PAGES,
    PAGE_LOOKAHEAD = TRANSLATED_LOOKAHEAD,
    /* A page that is code and data at once is decoded as it runs, until it has been left alone. */
    REWRITES_BEFORE_UNCACHED = 64,
    CYCLES_UNTIL_CACHED_AGAIN = 200000,
};

typedef struct CodePage CodePage;

/* What a core knows of its decoded code. */
struct CpuCode {
    TranslatedLookUp translated;           /* first: translated code knows it by this */
    uint32_t last_page;                    /* address of the page interpreted last, with bit 0 for Thumb */
    const Entry *last_entries;             /* NULL if there is none */

    const Entry *entries[2][PAGE_COUNT];   /* [Thumb][page], NULL until executed */
    CodePage *pages[PAGE_COUNT];
    CodePage *retired[PAGE_COUNT];         /* overwritten, but perhaps executing right now */
    unsigned retired_count;
    uint16_t rewrites[PAGE_COUNT];
    uint64_t last_rewrite[PAGE_COUNT];     /* in cycles */
};

/* The decoded entries of a page of the core's ITCM, ending in an OP_PAGE_END; NULL if the page is
 * rewritten so often that it must be decoded as it runs. */
const Entry *code_page(Cpu *cpu, unsigned page, bool thumb);

/* Bytes of ITCM changed: forget what was decoded from them. */
void code_forget(Cpu *cpu, uint32_t offset, uint32_t bytes);

/* Let go of forgotten pages; only when none of them is being executed. */
void code_release_retired(struct CpuCode *code);
void code_release_all(struct CpuCode *code);

/* Decode the instruction at `pc` of the core's ITCM with its stalls. */
void code_decode_at(const Cpu *cpu, uint32_t pc, bool thumb, Decoded *decoded);

/* How the instructions of a page are executed: its entries as the interpreter has them (PAGE_END is left
 * out), and what they were made of; `key` is the page and its lookahead, `decoded` has two places more. */
void code_decode_page(const uint8_t *key, unsigned number, bool thumb, Decoded *decoded, Entry *entries);

/* The interpreter's code for each Op (interpret.c). */
const void *const *interpreter_handlers(void);

/* How many distinct pages are decoded now: for tests and reports. */
unsigned code_cache_pages(void);

#endif
