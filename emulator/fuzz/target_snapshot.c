/* Files with the state of a machine, damaged: none is taken that is not what was written. */
#define _GNU_SOURCE
#include "fuzz.h"
#include "snapshot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint8_t *whole;
static size_t whole_bytes;
static uint64_t whole_hash;
static char path[64];
static int file = -1;

static Machine *new_machine(void)
{
    Machine *m = machine_new(BOARD_ONE_CHIP, (uint8_t[4]){127, 0, 0, 5});
    MUST(m);
    return m;
}

static void begin(void)
{
    if (file >= 0)
        return;
    char folder[] = "/tmp/fuzz-XXXXXX", name[64];
    MUST(mkdtemp(folder));
    snprintf(name, sizeof name, "%s/snapshot", folder);
    Machine *m = new_machine();
    memcpy(m->tcm[0][0].dtcm, "some contents", 13);
    MUST(snapshot_save(m, name, "key"));
    whole_hash = machine_hash(m);
    machine_free(m);
    FILE *saved = fopen(name, "rb");
    MUST(saved && fseek(saved, 0, SEEK_END) == 0);
    whole_bytes = (size_t)ftell(saved);
    rewind(saved);
    whole = malloc(whole_bytes);
    MUST(whole && fread(whole, 1, whole_bytes, saved) == whole_bytes);
    fclose(saved);
    unlink(name);
    rmdir(folder);
    file = memfd_create("snapshot", MFD_CLOEXEC);
    MUST(file >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
}

/* A length, or 0 for the right one; then places, most of them in the header and the page numbers, and bytes for them. */
static void make(Choices *c, Input *in)
{
    add32(in, one_in(c, 4) ? edge(c) : one_in(c, 8) ? below(c, (uint32_t)whole_bytes) : 0);
    for (uint32_t n = below(c, 6); n; n--) {
        add32(in, one_in(c, 2) ? below(c, 104) : one_in(c, 2) ? 4096 + below(c, 512) : below(c, (uint32_t)whole_bytes));
        add8(in, edge(c));
    }
}

static void feed(const uint8_t *data, uint32_t length)
{
    if (length < 4)
        return;
    uint32_t bytes;
    memcpy(&bytes, data, 4);
    bytes = bytes ? bytes % (uint32_t)(2 * whole_bytes) : (uint32_t)whole_bytes;
    MUST(ftruncate(file, 0) == 0 && pwrite(file, whole, whole_bytes, 0) == (ssize_t)whole_bytes && ftruncate(file, bytes) == 0);
    bool same = bytes == whole_bytes;
    for (uint32_t i = 4; i + 5 <= length; i += 5) {
        uint32_t at;
        memcpy(&at, data + i, 4);
        at %= (uint32_t)whole_bytes;
        if (at < bytes) {
            same &= data[i + 4] == whole[at];
            MUST(pwrite(file, data + i + 4, 1, at) == 1);
        }
    }
    Machine *m = new_machine();
    bool loaded = snapshot_load(m, path, "key");
    MUST(loaded || !same);
    MUST(!loaded || machine_hash(m) == whole_hash);
    machine_free(m);
}

static void end(void)
{
    free(whole);
    whole = NULL;
    close(file);
    file = -1;
}

const Target snapshot_target = {
    "snapshot", "files with the state of a machine, damaged", 20, 500, begin, make, feed, end};
