/* The machine as a whole: power, clock, whose turn it is. */
#define _GNU_SOURCE
#include "machine.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

static unsigned chips_of(enum BoardKind kind)
{
    return kind == BOARD_TRIAD ? 144 : kind == BOARD_SPINN5 ? 48 : kind == BOARD_SPINN3 ? 4 : 1;
}

/* Pointers of the state, and what is worked out from it. */
void machine_wire(Machine *m)
{
    for (unsigned i = 0; i < m->chips; i++) {
        Chip *chip = &m->chip[i];
        m->turns[i].running = NULL;
        chip->router.table_changed = chip->router.filters_changed = true;
        for (unsigned c = 0; c < CORES; c++) {
            Core *core = &chip->core[c];
            core->chip = chip;
            core->machine = m;
            core->ahead = (Ahead){.retreat = &m->retreat[i][c].cpu};
            core->turns = &m->turns[i];
            core->cpu.itcm = m->tcm[i][c].itcm;
            core->cpu.dtcm = m->tcm[i][c].dtcm;
            core->cpu.bus = &core_bus;
            core->cpu.owner = core;
        }
    }
}

/* Zeroed memory that costs nothing until it is touched, at a multiple of HUGE_PAGE. */
static uint8_t *map_aligned(size_t bytes)
{
    uint8_t *p = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t before = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    if (before)
        munmap(p, before);
    if (before < HUGE_PAGE)
        munmap(p + before + bytes, HUGE_PAGE - before);
    return p + before;
}

Machine *machine_new(enum BoardKind kind, const uint8_t ip_address[4])
{
    size_t state = (sizeof(Machine) + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    size_t bytes = state + (size_t)chips_of(kind) * SDRAM_BYTES + (GUARD_BYTES ? HUGE_PAGE : 0);
    uint8_t *memory = map_aligned(bytes);
    if (!memory)
        return NULL;
    /* Hundreds of cores touch a few pages each in turn: small pages would not fit the host's TLB. */
    (void)madvise(memory, state, MADV_HUGEPAGE);
    Machine *m = (Machine *)memory;
    m->sdram = memory + state;
    m->mapped = bytes;
    m->kind = kind;
    m->udp_port = 17893;
    board_connect(m);
    for (unsigned b = 0; b < m->boards; b++) {
        Board *board = &m->board[b];
        memcpy(board->ip_address, ip_address, 4);
        board->ip_address[3] = (uint8_t)(ip_address[3] + b);
        memset(board->serial_rom, 0xff, sizeof board->serial_rom);
    }
    machine_wire(m);
    for (unsigned i = 0; i < m->chips; i++)
        for (unsigned c = 0; c < CORES; c++) {
            Core *core = &m->chip[i].core[c];
            core->id = (uint8_t)c;
            cpu_init(&core->cpu, &core_bus, core, m->tcm[i][c].itcm, m->tcm[i][c].dtcm);
        }
    machine_wire(m);
    machine_power_on(m);
    machine_guard(m, true);
    return m;
}

void machine_free(Machine *m)
{
    lanes_stop(m);
    profile_stop(m);
    machine_guard(m, false);
    for (unsigned i = 0; i < m->chips; i++)
        for (unsigned c = 0; c < CORES; c++)
            cpu_free(&m->chip[i].core[c].cpu);
    munmap(m, m->mapped);
}

void machine_power_on(Machine *m)
{
    for (unsigned i = 0; i < m->chips; i++) {
        Chip *chip = &m->chip[i];
        system_controller_reset(chip);
        router_reset(chip);
        boot_rom_reset(chip);
        for (unsigned c = 0; c < CORES; c++) {
            Core *core = &chip->core[c];
            core->parked = true;
            core->timer[0] = core->timer[1] = (Timer){.value = ~0u, .deadline = NEVER};
            core->dma = (Dma){.end = NEVER};
            vic_reset(core);
            cc_reset(core);
            cpu_reset(&core->cpu, true);
            core->cpu.halted = true;
            core_next_local(core);
        }
    }
}

bool machine_idle(const Machine *m)
{
    uint64_t awake = 0;
    for (unsigned word = 0; word < CHIP_WORDS; word++)
        awake |= m->chips_awake[word];
    return !awake;
}

uint64_t machine_next_event(const Machine *m) { return events_next(&m->events, NEVER); }

/*
 * With hundreds of cores none of their state is still in the first level of the host's cache when a core's turn comes
 * again.  So fetch what the next one's turn begins with while another core runs.  To fetch more costs more than it saves.
 */
static void prefetch(const Core *core)
{
    __builtin_prefetch(&core->cpu.r, 1);
    __builtin_prefetch(&core->cpu.cycles, 1);
    __builtin_prefetch(&core->chip, 1);
}

static void run_turn(Core *core, uint64_t end)
{
    core->turns->running = core;
    core_run(core, end);
    core->turns->running = NULL;
}

/* Turns of cores that were ahead when the list was made, and went back since; those before `next` of it. */
static void run_again(Chip *chip, Turns *turns, const Core *next, uint64_t end)
{
    while (turns->again) {
        Core *core = &chip->core[__builtin_ctz(turns->again)];
        if (next && next->chip == chip && core > next)
            return;
        turns->again &= turns->again - 1;
        run_turn(core, end);
    }
}

/* Run cores until `end`, in the order of the list; `after` are two whose turns come next. */
void machine_run_turns(Core *const *turn, unsigned n, Core *const *after, uint64_t end)
{
    for (unsigned i = 0; i < n; i++) {
        prefetch(i + 2 < n ? turn[i + 2] : after[i + 2 - n]);
        Core *core = turn[i];
        run_turn(core, end);
        if (core->turns->again)
            run_again(core->chip, core->turns, i + 1 < n ? turn[i + 1] : NULL, end);
    }
}

/* The cores that have a turn in the quantum that ends at `end`, in their order. */
unsigned machine_turns(const Machine *m, uint64_t end, Core **turn)
{
    unsigned n = 0;
    for (unsigned word = 0; word < CHIP_WORDS; word++)
        for (uint64_t chips = m->chips_awake[word]; chips; chips &= chips - 1) {
            unsigned chip = 64 * word + (unsigned)__builtin_ctzll(chips);
            for (uint32_t cores = m->awake[chip]; cores; cores &= cores - 1) {
                unsigned c = (unsigned)__builtin_ctz(cores);
                turn[n] = (Core *)&m->chip[chip].core[c];
                n += m->turns[chip].at[c] < end;  /* no branch, which the host could not predict */
            }
        }
    return n;
}

static void run_cores(Machine *m, uint64_t end)
{
    Core *turn[MAX_CHIPS * CORES + 2];
    unsigned n = machine_turns(m, end, turn);
    m->end = end;
    if (n == 0)
        return;
    turn[n] = turn[n + 1] = turn[0];
    if (!m->lanes || !lanes_run_cores(m, turn, n, end))
        machine_run_turns(turn, n, turn + n, end);
}

static void run(Machine *m, uint64_t until, bool stop_at_attention)
{
    m->attention = false;
    m->until = stop_at_attention ? NEVER : until;
    while (m->now < until && !(stop_at_attention && m->attention)) {
        uint64_t start = m->now;
        if (machine_idle(m)) {
            uint64_t next = events_next(&m->events, NEVER);
            if (next >= until) {
                m->now = until;
                return;
            }
            if (next > start)
                start = next;
        }
        uint64_t end = start + QUANTUM;
        events_process(m, end);
        run_cores(m, end);
        m->now = end;
    }
}

void machine_run(Machine *m, uint64_t until)
{
    run(m, until, false);
    ahead_settle_all(m);
}

void machine_run_to_attention(Machine *m, uint64_t until) { run(m, until, true); }

/* A frame from the host reaches a board's Ethernet chip at time `at`, which lies ahead. */
void machine_host_frame(Machine *m, unsigned board, uint64_t at, const uint8_t *frame, uint32_t length)
{
    if (length == 0 || length > FRAME_MAX)
        return;
    Board *to = &m->board[board];
    to->arriving.length = length;
    memcpy(to->arriving.data, frame, length);
    events_set_unit(m, to->chip * UNITS_PER_CHIP + UNIT_ETHERNET, at);
}

bool machine_host_frame_due(const Machine *m, unsigned board) { return m->board[board].arriving.length != 0; }

void machine_forget_frames(Machine *m)
{
    for (unsigned b = 0; b < m->boards; b++)
        m->board[b].out_count = 0;
}

/* --- a fingerprint of the state, to compare two runs -------------------------------------- */

static uint64_t mix(uint64_t h, const void *data, size_t bytes)
{
    const uint8_t *p = data;
    while (bytes >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        h = (h ^ w) * 0x9e3779b97f4a7c15ull;
        h ^= h >> 29;
        p += 8;
        bytes -= 8;
    }
    while (bytes--)
        h = (h ^ *p++) * 0x100000001b3ull;
    return h;
}

Counters machine_counters(const Machine *m)
{
    Counters sum = m->counters;
    uint64_t *total = (uint64_t *)&sum;
    for (unsigned i = 0; i < m->chips; i++) {
        const uint64_t *part = (const uint64_t *)&m->chip[i].counters;
        for (unsigned k = 0; k < sizeof sum / sizeof *total; k++)
            total[k] += part[k];
    }
    return sum;
}

uint64_t machine_hash(const Machine *m)
{
    Counters counters = machine_counters(m);
    uint64_t h = mix(14695981039346656037ull, &m->now, sizeof m->now);
    h = mix(h, &counters, sizeof counters);
    if (m->faults.ever) {
        h = mix(h, &m->faults.draws, sizeof m->faults.draws);
        h = mix(h, &m->faults.sent, sizeof m->faults.sent);
        h = mix(h, &m->faults.dead, sizeof m->faults.dead);
        h = mix(h, &m->faults.counts, sizeof m->faults.counts);
    }
    for (unsigned i = 0; i < m->chips; i++) {
        const Chip *chip = &m->chip[i];
        h = mix(h, &chip->sc, sizeof chip->sc);
        h = mix(h, chip->sysram, sizeof chip->sysram);
        h = mix(h, chip->router.route, sizeof chip->router.route);
        h = mix(h, chip->router.key, sizeof chip->router.key);
        h = mix(h, chip->router.mask, sizeof chip->router.mask);
        h = mix(h, chip->router.p2p, sizeof chip->router.p2p);
        h = mix(h, chip->router.counter, sizeof chip->router.counter);
        for (unsigned c = 0; c < CORES; c++) {
            const Cpu *cpu = &chip->core[c].cpu;
            h = mix(h, cpu->r, sizeof cpu->r);
            h = mix(h, &cpu->cpsr, sizeof cpu->cpsr);
            h = mix(h, &cpu->cycles, sizeof cpu->cycles);
            h = mix(h, &cpu->instructions, sizeof cpu->instructions);
            h = mix(h, cpu->itcm, ITCM_BYTES);
            h = mix(h, cpu->dtcm, DTCM_BYTES);
        }
        for (unsigned b = 0; b < SDRAM_BLOCKS; b++)
            if (chip->sdram_used[b / 64] >> (b % 64) & 1)
                h = mix(h, chip_sdram(m, chip) + ((size_t)b << SDRAM_BLOCK_SHIFT), 1u << SDRAM_BLOCK_SHIFT);
    }
    return h;
}
