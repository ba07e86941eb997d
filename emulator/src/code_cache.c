#include "code_cache.h"

#include "fuse.h"
#include "translation.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_BYTES = PAGE_BYTES + PAGE_LOOKAHEAD, BUCKETS = 1024 };

struct CodePage {
    CodePage *next;
    uint64_t hash;
    unsigned users;
    unsigned number;
    uint8_t key[KEY_BYTES];           /* the instructions, and those just after the page */
    Entry *entries[2];                /* [Thumb], NULL until a core executes the page in that state */
    TranslatedCode *translated[2];    /* the same, NULL also where there is none */
};

/* The only mutable global state of the emulator: which pages are decoded. Entries never change once
 * published, so only finding, making and releasing pages takes the lock. */
static struct {
    pthread_mutex_t lock;
    CodePage *buckets[BUCKETS];
    unsigned pages;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void *allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (!memory) {
        abort();                      /* the interpreter cannot go on without code */
    }
    return memory;
}

/* --- decoding --- */

static uint32_t word_at(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, 4);
    return word;
}

static uint16_t half_at(const uint8_t *bytes)
{
    uint16_t half;
    memcpy(&half, bytes, 2);
    return half;
}

static void decode_one(const uint8_t *bytes, uint32_t pc, bool thumb, Decoded *d)
{
    if (thumb) {
        decode_thumb(half_at(bytes), pc, d);
    } else {
        decode_arm(word_at(bytes), pc, d);
    }
}

/* Bytes of a page and its lookahead; past the end of ITCM there are zeros. */
static void copy_key(const Cpu *cpu, unsigned page, uint8_t *key)
{
    size_t start = (size_t)page * PAGE_BYTES;
    size_t available = ITCM_BYTES - start;
    size_t bytes = available < KEY_BYTES ? available : KEY_BYTES;
    memcpy(key, cpu->itcm + start, bytes);
    memset(key + bytes, 0, KEY_BYTES - bytes);
}

void code_decode_at(const Cpu *cpu, uint32_t pc, bool thumb, Decoded *decoded)
{
    unsigned size = thumb ? 2 : 4;
    uint8_t window[12] = { 0 };
    uint32_t available = ITCM_BYTES - pc;
    memcpy(window, cpu->itcm + pc, available < 3 * size ? available : 3 * size);
    Decoded second, third;
    decode_one(window, pc, thumb, decoded);
    decode_one(window + size, pc + size, thumb, &second);
    decode_one(window + 2 * size, pc + 2 * size, thumb, &third);
    add_stalls(decoded, &second, &third);
}

/* A branch inside the page becomes a step in the table of entries. */
static uint16_t near_branch(uint16_t op, Entry *entry, uint32_t pc, unsigned size)
{
    if (entry->imm / PAGE_BYTES != pc / PAGE_BYTES || (op != OP_B_FAR && op != OP_BL_FAR)) {
        return op;
    }
    int32_t step = (int32_t)(entry->imm - pc) / (int32_t)size;
    entry->imm = (uint32_t)step;
    return op == OP_B_FAR ? OP_B_NEAR : OP_BL_NEAR;
}

/* Turns a decoded instruction into an entry of a page. */
static Entry finish(const Decoded *d, uint32_t pc, unsigned size)
{
    const void *const *handlers = interpreter_handlers();
    Entry entry = d->entry;
    uint16_t op = near_branch(d->op, &entry, pc, size);
    if (d->reads_pc || d->writes_pc) {
        entry.handler = handlers[OP_ALONE];
    } else if (d->cond == COND_AL) {
        entry.handler = handlers[op];
    } else if (op == OP_B_NEAR) {
        entry.handler = handlers[OP_B_EQ + d->cond];
    } else {
        entry.handler = handlers[OP_IF_EQ + d->cond];
        entry.then = handlers[op];
    }
    return entry;
}

static bool is_delay_loop(const Decoded *subtract, const Decoded *branch, uint32_t pc)
{
    const Entry *e = &subtract->entry;
    return subtract->op == OP_SUBS_IMM && subtract->cond == COND_AL && !subtract->reads_pc &&
           !subtract->writes_pc && e->rd == e->rn && e->imm == 1 && branch->op == OP_B_FAR &&
           (branch->cond == 1 || branch->cond == 2) && branch->entry.imm == pc;
}

void code_decode_page(const uint8_t *key, unsigned number, bool thumb, Decoded *decoded, Entry *entries)
{
    unsigned size = thumb ? 2 : 4;
    unsigned count = PAGE_BYTES / size;
    uint32_t base = number * PAGE_BYTES;
    for (unsigned i = 0; i < count + 2; ++i) {
        decode_one(key + i * size, base + i * size, thumb, &decoded[i]);
    }
    for (unsigned i = 0; i < count; ++i) {
        uint32_t pc = base + i * size;
        add_stalls(&decoded[i], &decoded[i + 1], &decoded[i + 2]);
        entries[i] = finish(&decoded[i], pc, size);
        if (is_delay_loop(&decoded[i], &decoded[i + 1], pc)) {
            entries[i].handler = interpreter_handlers()[OP_DELAY_LOOP];
            entries[i].shift = decoded[i + 1].cond;
        }
    }
    fuse_sequences(decoded, entries, count);
}

static Entry *decode_page(const CodePage *page, bool thumb)
{
    unsigned count = PAGE_BYTES / (thumb ? 2 : 4);
    Entry *entries = allocate((count + 1) * sizeof *entries);
    Decoded *decoded = allocate((count + 2) * sizeof *decoded);
    code_decode_page(page->key, page->number, thumb, decoded, entries);
    entries[count].handler = interpreter_handlers()[OP_PAGE_END];
    free(decoded);
    return entries;
}

/* --- finding and sharing --- */

static uint64_t hash_key(const uint8_t *key, unsigned number)
{
    uint64_t hash = 0x9e3779b97f4a7c15u * (number + 1);
    for (size_t i = 0; i < KEY_BYTES; i += 8) {
        uint64_t word;
        memcpy(&word, key + i, 8);
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    return hash;
}

static CodePage *find_or_make(const uint8_t *key, unsigned number)
{
    uint64_t hash = hash_key(key, number);
    CodePage **bucket = &cache.buckets[hash % BUCKETS];
    for (CodePage *page = *bucket; page; page = page->next) {
        if (page->hash == hash && page->number == number && !memcmp(page->key, key, KEY_BYTES)) {
            return page;
        }
    }
    CodePage *page = allocate(sizeof *page);
    page->hash = hash;
    page->number = number;
    memcpy(page->key, key, KEY_BYTES);
    page->next = *bucket;
    *bucket = page;
    ++cache.pages;
    return page;
}

static void release(CodePage *page)
{
    pthread_mutex_lock(&cache.lock);
    if (--page->users == 0) {
        CodePage **link = &cache.buckets[page->hash % BUCKETS];
        while (*link != page) {
            link = &(*link)->next;
        }
        *link = page->next;
        --cache.pages;
    } else {
        page = NULL;
    }
    pthread_mutex_unlock(&cache.lock);
    if (page) {
        free(page->entries[0]);
        free(page->entries[1]);
        free(page);
    }
}

const Entry *code_page(Cpu *cpu, unsigned number, bool thumb)
{
    struct CpuCode *code = cpu->code;
    if (code->rewrites[number] >= REWRITES_BEFORE_UNCACHED) {
        if (cpu->cycles - code->last_rewrite[number] < CYCLES_UNTIL_CACHED_AGAIN) {
            return NULL;
        }
        code->rewrites[number] = 0;
    }
    pthread_mutex_lock(&cache.lock);
    CodePage *page = code->pages[number];
    if (!page) {
        uint8_t key[KEY_BYTES];
        copy_key(cpu, number, key);
        page = find_or_make(key, number);
        ++page->users;
        code->pages[number] = page;
    }
    if (!page->entries[thumb]) {
        page->entries[thumb] = decode_page(page, thumb);
        page->translated[thumb] = translation_find(page->key, number, thumb);
    }
    code->translated.page[thumb][number] = page->translated[thumb];
    code->entries[thumb][number] = page->entries[thumb];
    pthread_mutex_unlock(&cache.lock);
    return code->entries[thumb][number];
}

/* --- forgetting --- */

static void forget_page(struct CpuCode *code, unsigned number, uint64_t now)
{
    code->last_rewrite[number] = now;
    if (!code->pages[number]) {
        return;
    }
    code->retired[code->retired_count++] = code->pages[number];
    code->pages[number] = NULL;
    code->entries[0][number] = code->entries[1][number] = NULL;
    code->translated.page[0][number] = code->translated.page[1][number] = code->translated.last = NULL;
    code->last_entries = NULL;
    if (code->rewrites[number] < REWRITES_BEFORE_UNCACHED) {
        ++code->rewrites[number];
    }
    code->translated.changed = true;
}

void code_forget(Cpu *cpu, uint32_t offset, uint32_t bytes)
{
    struct CpuCode *code = cpu->code;
    if (bytes == 0 || offset >= ITCM_BYTES) {
        return;
    }
    if (bytes > ITCM_BYTES - offset) {
        bytes = ITCM_BYTES - offset;
    }
    /* The page before decoded its last stalls from the first words of this one. */
    unsigned first = offset / PAGE_BYTES;
    unsigned last = (offset + bytes - 1) / PAGE_BYTES;
    if (first > 0 && offset % PAGE_BYTES < PAGE_LOOKAHEAD) {
        --first;
    }
    for (unsigned number = first; number <= last; ++number) {
        forget_page(code, number, cpu->cycles);
    }
}

void code_release_retired(struct CpuCode *code)
{
    while (code->retired_count > 0) {
        release(code->retired[--code->retired_count]);
    }
}

void code_release_all(struct CpuCode *code)
{
    for (unsigned number = 0; number < PAGE_COUNT; ++number) {
        forget_page(code, number, 0);
    }
    code_release_retired(code);
}

unsigned code_cache_pages(void)
{
    pthread_mutex_lock(&cache.lock);
    unsigned pages = cache.pages;
    pthread_mutex_unlock(&cache.lock);
    return pages;
}
