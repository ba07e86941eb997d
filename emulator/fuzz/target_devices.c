/*
 * Loads and stores to every device and memory of a chip, by cores of two chips at once.  They run a program that goes through
 * a table in DTCM, so that all of it happens as it does in software, with interrupts and with packets between the chips.
 */
#include "fuzz.h"
#include <string.h>

enum { STORE = 1, LOAD = 2, STORE_BYTE = 4, LOAD_BYTE = 8, STORE_HALF = 0x10, LOAD_HALF = 0x20, STORE_MANY = 0x40,
       LOAD_MANY = 0x80, SWAP = 0x100, LET_INTERRUPTS = 0x200, MASK_INTERRUPTS = 0x400, SLEEP = 0x800 };
enum { ENTRY = 11, CORES_USED = 4, ENTRIES_MOST = 160 };

/* r12: table of address, value and how; ends with an address of 0. */
static const uint32_t program[] = {
    0xe8bc0007,                              /* next: ldmia r12!, {r0, r1, r2} */
    0xe3500000, 0x0a000018,                  /* cmp r0, #0; beq done */
    0xe3120001, 0x15801000,                  /* tst r2, #STORE; strne r1, [r0] */
    0xe3120002, 0x15903000,                  /* tst r2, #LOAD; ldrne r3, [r0] */
    0xe3120004, 0x15c01000,                  /* strbne r1, [r0] */
    0xe3120008, 0x15d03000,                  /* ldrbne r3, [r0] */
    0xe3120010, 0x11c010b0,                  /* strhne r1, [r0] */
    0xe3120020, 0x11d030b0,                  /* ldrhne r3, [r0] */
    0xe3120040, 0x1880003e,                  /* stmiane r0, {r1-r5} */
    0xe3120080, 0x189001f8,                  /* ldmiane r0, {r3-r8} */
    0xe3120c01, 0x11003091,                  /* swpne r3, r1, [r0] */
    0xe3120c02, 0x1321f013,                  /* msrne cpsr_c, #0x13 */
    0xe3120b01, 0x1321f0d3,                  /* msrne cpsr_c, #0xd3 */
    0xe3120b02, 0x1e070f90,                  /* mcrne p15, 0, r0, c7, c0, 4: wait for an interrupt */
    0xeaffffe3,                              /* b next */
    0xee070f90, 0xeafffffd,                  /* done: wait; b done */
};
static const uint32_t vectors[8] = {         /* all return */
    0xeafffffe, 0xe1b0f00e, 0xe1b0f00e, 0xe25ef004, 0xe25ef004, 0xe1b0f00e, 0xe25ef004, 0xe25ef004};

static Machine *machine;

static void end(void)
{
    if (machine)
        machine_free(machine);
    machine = NULL;
}

static void begin(void)
{
    end();
    machine = machine_new(BOARD_SPINN3, (uint8_t[4]){127, 0, 0, 5});
    MUST(machine);
}

static void entry(Input *in, uint32_t core, uint32_t how, uint32_t address, uint32_t value)
{
    add8(in, core);
    add16(in, how);
    add32(in, address);
    add32(in, value);
}

static uint32_t memory(Choices *c)
{
    static const uint32_t places[] = {0x60000000, 0x60000004, 0x67fffffc, 0x67ff0000, 0x70001000, 0x7ffffff0, 0xe5000000,
                                      0xe5007ffc, 0xf5007f00, 0xe4000000, 0xe1000000};
    return places[below(c, sizeof places / sizeof places[0])];
}

static void transfer(Choices *c, Input *in, uint32_t core)
{
    static const uint32_t places[] = {0, 0x400, 0x7ff0, 0x400000, 0x40f000, 0x40fffc, 0x3ffffc, 0x410000};
    entry(in, core, STORE, 0x30000004, one_in(c, 8) ? edge(c) : memory(c));
    entry(in, core, STORE, 0x30000008, one_in(c, 8) ? edge(c) : places[below(c, 8)]);
    entry(in, core, STORE, 0x4000000c, (one_in(c, 2) ? 1u << 19 : 0) | (one_in(c, 4) ? edge(c) : 4 * below(c, 64)));
    if (one_in(c, 2))
        entry(in, core, STORE, 0x30000010, one_in(c, 4) ? edge(c) : 1u << below(c, 5));
}

static void packets(Choices *c, Input *in, uint32_t core)
{
    if (one_in(c, 2))
        entry(in, core, STORE, 0x10000000, one_in(c, 4) ? edge(c) : below(c, 256) << 16);
    if (one_in(c, 4))
        entry(in, core, STORE, 0x10000018, one_in(c, 4) ? edge(c) : below(c, 8) << 24 | below(c, 4));
    for (uint32_t n = 1 + below(c, 8); n; n--) {
        if (one_in(c, 2))
            entry(in, core, STORE, 0x10000004, edge(c));
        entry(in, core, STORE, 0x10000008, one_in(c, 2) ? below(c, 8) : memory(c));
    }
    if (one_in(c, 2))
        entry(in, core, LOAD, 0x10000014, 0);
}

static void routes(Choices *c, Input *in, uint32_t core)
{
    uint32_t number = 4 * (one_in(c, 4) ? below(c, 1024) : below(c, 64));
    if (one_in(c, 4))
        entry(in, core, STORE, 0xe1000000, edge(c));
    entry(in, core, STORE, 0xe1004000 + number, one_in(c, 4) ? edge(c) : 1u << below(c, 24));
    uint32_t mask = one_in(c, 2) ? edge(c) : ~0u << below(c, 4);
    entry(in, core, STORE, 0xe1008000 + number, below(c, 8) & (one_in(c, 8) ? ~0u : mask));
    entry(in, core, STORE, 0xe100c000 + number, mask);
    entry(in, core, STORE, 0xe1010000 + 4 * below(c, 2), (uint32_t)any(c));
}

/* Interrupts that are taken and never ended. */
static void claims(Choices *c, Input *in, uint32_t core)
{
    for (uint32_t n = below(c, 40); n; n--)
        entry(in, core, LOAD, one_in(c, 2) ? 0x1f000030 : 0xfffff030, 0);
}

/* The serial ROM behind three pins (25xx: read command, address), and the PHY behind three others. */
static void pins(Choices *c, Input *in, uint32_t core)
{
    bool rom = one_in(c, 2);
    uint32_t command = rom ? 3u << 24 | (one_in(c, 2) ? below(c, 0x500) : edge(c) & 0xffffff) : (uint32_t)any(c);
    for (uint32_t i = 0, n = 32 + below(c, 16); i < n; i++) {
        uint32_t bit = i < 32 ? command >> (31 - i) & 1 : 0;
        uint32_t low = rom ? bit << 3 : bit << 2 | (i < 14) << 3, clock = 16;
        entry(in, core, STORE, rom ? 0xe2000040 : 0xe400c01c, low);
        entry(in, core, STORE, rom ? 0xe2000040 : 0xe400c01c, low | clock);
    }
    entry(in, core, LOAD, rom ? 0xe2000048 : 0xe400c01c, 0);
}

/* Any register of any device, or memory; the system controller's with the key that it wants. */
static void other(Choices *c, Input *in, uint32_t core)
{
    static const struct { uint32_t base, bytes; } places[] = {
        {0x10000000, 0x20}, {0x20000000, 0x20}, {0x11000000, 0x40}, {0x21000000, 0x40}, {0x1f000000, 0x40}, {0x1f000100, 0x140},
        {0x2f000000, 0x1000}, {0xfffff000, 0x40}, {0x30000000, 0x200}, {0xe0000000, 0x420}, {0xe1000000, 0x90},
        {0xe1000200, 0x140}, {0xe2000000, 0x70}, {0xe2000080, 0x190}, {0xf2000000, 0x210}, {0xe3000000, 0x10},
        {0xe3000c00, 4}, {0xe4000000, 0xffff}, {0xe400c000, 0x40}, {0xe5000000, 0x8000}, {0xff000000, 0x8000},
        {0x60000000, 0x100}, {0x67ffff00, 0x100}, {0x00000000, 0x40}, {0x00007fc0, 0x40}, {0x00400100, 0x40},
        {0x0040ffc0, 0x50}, {0xd0000000, 4}, {0x50000000, 4}};
    static const uint16_t hows[] = {STORE, STORE, STORE, LOAD, LOAD, STORE_BYTE, LOAD_BYTE, STORE_HALF, LOAD_HALF, STORE_MANY,
                                    LOAD_MANY, SWAP, LET_INTERRUPTS, MASK_INTERRUPTS, SLEEP};
    uint32_t i = below(c, sizeof places / sizeof places[0]);
    uint32_t value = edge(c);
    if (places[i].base >> 24 == 0xe2 || places[i].base >> 24 == 0xf2)
        value = (value & 0xfffff) | 0x5ec00000;
    entry(in, core, one_in(c, 16) ? edge(c) : hows[below(c, sizeof hows / sizeof hows[0])],
          places[i].base + below(c, places[i].bytes), value);
}

static void make(Choices *c, Input *in)
{
    for (uint32_t n = 1 + below(c, 24); n; n--) {
        uint32_t core = below(c, CORES_USED);
        switch (below(c, 16)) {
        case 0: transfer(c, in, core); break;
        case 1: packets(c, in, core); break;
        case 2: routes(c, in, core); break;
        case 3:
            if (one_in(c, 8))
                claims(c, in, core);
            else if (one_in(c, 8))
                pins(c, in, core);
            break;
        default: other(c, in, core); break;
        }
    }
    if (one_in(c, 4))
        mutate(c, in, 0);
}

static Core *core_of(unsigned i)
{
    return i < 3 ? &machine->chip[0].core[1 + i] : &machine->chip[1].core[1];
}

static void start(unsigned i, const uint32_t *table, uint32_t words)
{
    Core *core = core_of(i);
    Chip *chip = core->chip;
    chip->sc.soft_reset = chip->sc.hard_reset = chip->sc.cpu_disable = 0;
    MUST(direct_start(machine, chip->x, chip->y, core->id, (const uint8_t *)program, sizeof program));
    memcpy(core->cpu.itcm, vectors, sizeof vectors);
    cpu_itcm_changed(&core->cpu, 0, sizeof vectors);
    memcpy(core->cpu.dtcm, table, 4 * words);
    core->cpu.r[12] = DTCM_BASE;
}

static void check(const Chip *chip)
{
    const Router *r = &chip->router;
    const Ethernet *e = &chip->ethernet;
    for (unsigned l = 0; l < LINKS; l++)
        MUST(r->in[l].count <= LINK_SLOTS && r->in[l].head < LINK_SLOTS);
    MUST(r->turn < OUTPUTS && r->ready >> OUTPUTS == 0 && r->wanted >> OUTPUTS == 0);
    MUST(e->frames < 64 && e->write_index < 64 && e->read_index < 64);
    for (unsigned i = 0; i < CORES; i++) {
        const Core *core = &chip->core[i];
        MUST(core->cc.tx_count <= CORE_TX_SLOTS && core->cc.rx_count <= CORE_RX_SLOTS);
        MUST(core->vic.depth <= sizeof core->vic.stack && core->dma.done <= 2);
    }
}

static void feed(const uint8_t *data, uint32_t length)
{
    uint32_t table[CORES_USED][3 * ENTRIES_MOST + 1] = {{0}}, words[CORES_USED] = {0};
    for (; length >= ENTRY; data += ENTRY, length -= ENTRY) {
        unsigned core = data[0] % CORES_USED;
        if (words[core] == 3 * ENTRIES_MOST)
            continue;
        uint32_t *to = &table[core][words[core]];
        memcpy(to, data + 3, 8);
        to[2] = data[1] | (uint32_t)data[2] << 8;
        to[0] += to[0] == 0;
        words[core] += 3;
    }
    for (unsigned i = 0; i < CORES_USED; i++)
        start(i, table[i], words[i] + 1);
    uint64_t until = machine->now + 2000 + 10ull * (words[0] + words[1] + words[2] + words[3]);
    machine_run(machine, until);
    machine_forget_frames(machine);
    MUST(machine->now >= until);
    for (unsigned i = 0; i < machine->chips; i++)
        check(&machine->chip[i]);
}

const Target devices_target = {
    "devices", "loads and stores of several cores, to every device", 1100, 500, begin, make, feed, end};
