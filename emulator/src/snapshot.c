/*
 * A machine's state in a file: the pages of struct Machine and of the SDRAM in use that are not
 * zero.  A file is taken only if its key, its size and its hash are right, and is written under
 * another name first, so that a reader never sees half of one.
 */
#define _GNU_SOURCE
#include "snapshot.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u
#define STATE_BYTES offsetof(Machine, sdram)

typedef struct Header {
    char magic[8];
    char key[72];
    uint64_t state_bytes, pages, hash;
    uint8_t padding[PAGE - 8 - 72 - 24];
} Header;

typedef struct Page { uint64_t number; } Page;   /* of the state, then of the SDRAM */

static const char magic[8] = "SPNEMU1";

static uint64_t hash_words(uint64_t h, const void *data, size_t bytes)
{
    const uint64_t *w = data;
    for (size_t i = 0; i < bytes / 8; i++) {
        h = (h ^ w[i]) * 0x9e3779b97f4a7c15ull;
        h ^= h >> 32;
    }
    return h;
}

static bool zero(const uint8_t *page)
{
    const uint64_t *w = (const uint64_t *)page;
    for (unsigned i = 0; i < PAGE / 8; i++)
        if (w[i])
            return false;
    return true;
}

static uint64_t state_pages(void) { return (STATE_BYTES + PAGE - 1) / PAGE; }

static bool write_all(int fd, const void *data, size_t bytes)
{
    const uint8_t *p = data;
    while (bytes) {
        ssize_t n = write(fd, p, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        bytes -= (size_t)n;
    }
    return true;
}

typedef struct Writer { uint64_t *numbers; const uint8_t **pages; uint64_t count, room; } Writer;

static bool add(Writer *w, uint64_t number, const uint8_t *page)
{
    if (zero(page))
        return true;
    if (w->count == w->room) {
        w->room = w->room ? 2 * w->room : 4096;
        uint64_t *numbers = realloc(w->numbers, w->room * sizeof *numbers);
        if (numbers)
            w->numbers = numbers;
        const uint8_t **pages = realloc(w->pages, w->room * sizeof *pages);
        if (pages)
            w->pages = pages;
        if (!numbers || !pages)
            return false;
    }
    w->numbers[w->count] = number;
    w->pages[w->count++] = page;
    return true;
}

static bool save(const Machine *m, const char *path, const char *key)
{
    Writer w = {0};
    bool good = true;
    const uint8_t *state = (const uint8_t *)m;
    for (uint64_t i = 0; good && i < state_pages(); i++)
        good = add(&w, i, state + i * PAGE);
    uint64_t per_block = (1u << SDRAM_BLOCK_SHIFT) / PAGE;
    for (unsigned c = 0; good && c < m->chips; c++)
        for (uint64_t b = 0; good && b < SDRAM_BLOCKS; b++)
            if (m->chip[c].sdram_used[b / 64] >> (b % 64) & 1)
                for (uint64_t p = 0; good && p < per_block; p++) {
                    uint64_t n = c * (uint64_t)(SDRAM_BYTES / PAGE) + b * per_block + p;
                    good = add(&w, state_pages() + n, m->sdram + n * PAGE);
                }
    char temporary[4096];
    int fd = -1;
    if (good && snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid()) < (int)sizeof temporary)
        fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        Header h = {.state_bytes = STATE_BYTES, .pages = w.count};
        memcpy(h.magic, magic, sizeof magic);
        snprintf(h.key, sizeof h.key, "%s", key);
        uint64_t padded = (w.count + 511) / 512 * 512;
        uint64_t *numbers = calloc(padded ? padded : 1, 8);
        good = numbers != NULL;
        if (good) {
            memcpy(numbers, w.numbers, w.count * 8);
            h.hash = hash_words(1, numbers, padded * 8);
            for (uint64_t i = 0; i < w.count; i++)
                h.hash = hash_words(h.hash, w.pages[i], PAGE);
            good = write_all(fd, &h, sizeof h) && write_all(fd, numbers, padded * 8);
            for (uint64_t i = 0; good && i < w.count; i++)
                good = write_all(fd, w.pages[i], PAGE);
        }
        free(numbers);
        good = close(fd) == 0 && good && rename(temporary, path) == 0;
        if (!good)
            unlink(temporary);
    } else {
        good = false;
    }
    free(w.numbers);
    free(w.pages);
    return good;
}

static bool load(Machine *m, const char *path, const char *key)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    struct stat st;
    bool good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= (off_t)sizeof(Header);
    const uint8_t *file = good ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0)
                               : MAP_FAILED;
    close(fd);
    if (file == MAP_FAILED)
        return false;
    const Header *h = (const Header *)file;
    uint64_t limit = state_pages() + (uint64_t)m->chips * (SDRAM_BYTES / PAGE);
    uint64_t padded = (h->pages + 511) / 512 * 512;
    good = memcmp(h->magic, magic, sizeof magic) == 0 && strncmp(h->key, key, sizeof h->key) == 0
        && h->state_bytes == STATE_BYTES && h->pages <= limit
        && (uint64_t)st.st_size == sizeof *h + padded * 8 + h->pages * PAGE
        && hash_words(1, file + sizeof *h, (size_t)(padded * 8 + h->pages * PAGE)) == h->hash;
    const uint64_t *numbers = (const uint64_t *)(file + sizeof *h);
    for (uint64_t i = 0; good && i < h->pages; i++)
        good = numbers[i] < limit;
    if (good) {
        static struct CpuCode *code[MAX_CHIPS][CORES];
        for (unsigned c = 0; c < m->chips; c++)
            for (unsigned i = 0; i < CORES; i++)
                code[c][i] = m->chip[c].core[i].cpu.code;
        const uint8_t *page = file + sizeof *h + padded * 8;
        for (uint64_t i = 0; i < h->pages; i++, page += PAGE) {
            uint64_t n = numbers[i];
            if (n >= state_pages()) {
                memcpy(m->sdram + (n - state_pages()) * PAGE, page, PAGE);
            } else {
                uint64_t left = STATE_BYTES - n * PAGE;
                memcpy((uint8_t *)m + n * PAGE, page, left < PAGE ? left : PAGE);
            }
        }
        for (unsigned c = 0; c < m->chips; c++)
            for (unsigned i = 0; i < CORES; i++)
                m->chip[c].core[i].cpu.code = code[c][i];
        machine_wire(m);
        for (unsigned c = 0; c < m->chips; c++)
            for (unsigned i = 0; i < CORES; i++)
                cpu_itcm_changed(&m->chip[c].core[i].cpu, 0, ITCM_BYTES);
    }
    munmap((void *)file, (size_t)st.st_size);
    return good;
}

bool snapshot_save(Machine *m, const char *path, const char *key)
{
    machine_guard(m, false);
    bool good = save(m, path, key);
    machine_guard(m, true);
    return good;
}

bool snapshot_load(Machine *m, const char *path, const char *key)
{
    machine_guard(m, false);
    bool good = load(m, path, key);
    machine_guard(m, true);
    return good;
}
