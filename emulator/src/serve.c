/*
 * The process around a machine: starts it (from a snapshot, by booting it once, or cold), runs it
 * and answers its sockets and its control channel until it is told to end.
 *
 * Control: one command per line on `control_in`, one JSON object per line on `control_out`.
 */
#define _GNU_SOURCE
#include "bridge.h"
#include "snapshot.h"
#include "translation.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Mirrored by engine.py. */
typedef struct ServeOptions {
    uint32_t board;                          /* enum BoardKind */
    uint8_t address[4];                      /* of the first board; those of the others follow it */
    const uint8_t *image;                    /* boot image; NULL starts cold */
    uint32_t image_bytes;
    const uint8_t *serial_rom;               /* of each board */
    uint32_t serial_rom_bytes;               /* of all of them */
    const char *snapshot_path, *snapshot_key;        /* NULL: none */
    const char *record_path, *replay_path;           /* NULL: none */
    int32_t control_in, control_out;
    uint32_t die_with_parent;
    uint32_t threads;
    uint32_t translation_count;
    const char *const *translations;                 /* paths of libraries */
    const char *translation_key;                     /* that they must have */
    const char *faults;                              /* from the start, see fault_text.c; NULL: none */
} ServeOptions;

enum { NETINIT_PHASE = 0x7f2d, NETINIT_DONE = 0xff };    /* in SysRAM: SC&MP's state of start-up */
#define BOOT_LIMIT (20ull * CLOCK_HZ)
/* After the root chip is up the others finish within this; 48 chips need 0.15 s, 144 chips as long. */
#define BOOT_SETTLE (CLOCK_HZ / 2)

#define SLICE_MIN 2000ull
#define SLICE_MAX 200000ull
#define SLICE_WALL_LONG 1000000ll            /* ns: a longer slice is halved ... */
#define SLICE_WALL_SHORT 250000ll            /* ... a shorter one doubled */
/* A core other than the monitors counts as busy if it was awake an eighth of the last millisecond. */
#define BUSY_PERIOD ((uint64_t)CYCLES_PER_MILLISECOND)
#define BUSY_SHARE 8u

typedef struct Server {
    const ServeOptions *options;
    Machine *machine;
    Bridge bridge[MAX_BOARDS];               /* one for each board */
    uint32_t boards;
    FILE *log;                               /* NULL: nothing is recorded */
    uint64_t awake_before[MAX_CHIPS][CORES];
    uint64_t awake_checked;
    bool busy;
    bool pacing;                             /* idle: emulated time follows real time */
    int64_t pace_wall;
    uint64_t pace_cycles;
    FILE *out;                               /* control_out */
    char line[32768];
    uint32_t line_length;
    bool end;
} Server;

static int64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

__attribute__((format(printf, 2, 3)))
static void say(const Server *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(s->out, format, args);
    va_end(args);
    if (format[strlen(format) - 1] == '\n')  /* the end of an event */
        fflush(s->out);
}

/* --- start -------------------------------------------------------------------------------- */

static bool boot(const ServeOptions *o, Machine *m)
{
    boot_rom_image(m, o->image, o->image_bytes);
    while (m->now < BOOT_LIMIT && m->chip[0].sysram[NETINIT_PHASE] != NETINIT_DONE)
        machine_run(m, m->now + CYCLES_PER_MILLISECOND);
    if (m->now >= BOOT_LIMIT)
        return false;
    machine_run(m, m->now + BOOT_SETTLE);
    machine_forget_frames(m);
    return true;
}

static Machine *new_machine(const ServeOptions *o)
{
    Machine *m = machine_new((enum BoardKind)o->board, o->address);
    for (unsigned b = 0; m && b < m->boards && (b + 1) * SERIAL_ROM_BYTES <= o->serial_rom_bytes; b++)
        memcpy(m->board[b].serial_rom, o->serial_rom + b * SERIAL_ROM_BYTES, SERIAL_ROM_BYTES);
    return m;
}

/* What dies of `more` too; false: all of it is dead already. */
static bool dead_join(DeadParts *dead, const DeadParts *more)
{
    DeadParts before = *dead;
    for (unsigned word = 0; word < CHIP_WORDS; word++)
        dead->chips[word] |= more->chips[word];
    for (unsigned i = 0; i < MAX_CHIPS; i++) {
        dead->cores[i] |= more->cores[i];
        dead->links[i] |= more->links[i];
    }
    return memcmp(dead->chips, before.chips, sizeof before.chips) != 0 || memcmp(dead->cores, before.cores, sizeof before.cores) != 0
        || memcmp(dead->links, before.links, sizeof before.links) != 0;
}

/* Power on.  Parts are dead that `faults` says are from the start, and those of `died`, which are so since an earlier start.
 * NULL with `*why` set if there is no machine. */
static Machine *start(const ServeOptions *o, FaultSetting *faults, const DeadParts *died, const char *snapshot,
                      bool *from_snapshot, const char **why)
{
    *from_snapshot = false;
    *why = "not enough memory for the emulated board";
    Machine *m = new_machine(o);
    if (!m)
        return NULL;
    if (o->threads > 1)
        lanes_start(m);                      /* without it everything is slower and the same */
    DeadParts dead = {0};
    if (!fault_setting_place(m, faults, why)) {
        machine_free(m);
        return NULL;
    }
    for (uint32_t i = 0; i < faults->rules; i++)
        if (dead_at_start(&faults->rule[i]))
            dead_add(m, &dead, &faults->rule[i]);
    if (died && dead_join(&dead, died))
        snapshot = NULL;                     /* it is one of a board with fewer dead parts */
    if (o->image && snapshot && snapshot_load(m, snapshot, o->snapshot_key)) {
        *from_snapshot = true;
        return m;
    }
    dead_parts_die(m, &dead);
    if (!o->image)
        return m;
    if (!boot(o, m)) {
        machine_free(m);
        *why = "SC&MP did not come up on the emulated board";
        return NULL;
    }
    if (snapshot)                            /* a cache that cannot be written is no error */
        (void)snapshot_save(m, snapshot, o->snapshot_key);
    return m;
}

/* The rules that are there from the start, for a machine that got as far as `now`. */
static bool faults_of_start(const ServeOptions *o, FaultSetting *faults, uint64_t now, const char **why)
{
    return fault_text_read(o->faults ? o->faults : "", faults, now, why);
}

/* --- control ------------------------------------------------------------------------------ */

static void say_types(const Server *s, const char *name, const uint64_t count[4])
{
    say(s, "\"%s\":[%llu,%llu,%llu,%llu],", name, (unsigned long long)count[0],
        (unsigned long long)count[1], (unsigned long long)count[2], (unsigned long long)count[3]);
}

static void say_cores(const Server *s, const char *name, bool awake)
{
    const Machine *m = s->machine;
    say(s, "\"%s\":[", name);
    for (unsigned i = 0; i < m->chips; i++) {
        say(s, i ? ",[" : "[");
        for (unsigned c = 0; c < CORES; c++) {
            const Cpu *cpu = &m->chip[i].core[c].cpu;
            say(s, c ? ",%llu" : "%llu", (unsigned long long)(awake ? cpu->cycles_awake : cpu->instructions));
        }
        say(s, "]");
    }
    say(s, "],");
}

/* Names as in faults.py. */
static void say_faults(const Server *s)
{
    static const char *const kinds[FAULT_KINDS] = {"lose", "drop", "corrupt", "duplicate", "reorder", "delay",
                                                   "kill_link", "kill_core", "kill_chip", "slow_core"};
    static const char *const datagrams[DATAGRAM_FAULTS] = {"datagram_loss", "datagram_duplicate", "datagram_reorder"};
    const Machine *m = s->machine;
    const FaultCounts *n = &m->faults.counts;
    say(s, "\"faults\":{");
    for (unsigned k = 0; k < FAULT_KINDS; k++)
        say(s, "\"%s\":%llu,", kinds[k], (unsigned long long)n->happened[k]);
    for (unsigned k = 0; k < DATAGRAM_FAULTS; k++) {
        uint64_t happened = 0;
        for (unsigned b = 0; b < s->boards; b++)
            happened += s->bridge[b].faults.happened[k];
        say(s, "%s\"%s\":%llu", k ? "," : "", datagrams[k], (unsigned long long)happened);
    }
    say(s, "},\"deliveries_lost\":%llu,\"deliveries_dropped\":%llu,\"deliveries_added\":%llu,\"held\":%u,\"not_held\":%llu,",
        (unsigned long long)n->deliveries_lost, (unsigned long long)n->deliveries_dropped,
        (unsigned long long)n->deliveries_added, m->faults.held.count, (unsigned long long)n->not_held);
    say(s, "\"vanished_at\":[");
    const char *between = "";
    for (unsigned i = 0; i < m->chips; i++)
        for (unsigned port = 0; port < OUTPUTS; port++)
            if (n->vanished_at[i][port]) {
                say(s, "%s[%u,%u,%u,%llu]", between, m->chip[i].x, m->chip[i].y, port,
                    (unsigned long long)n->vanished_at[i][port]);
                between = ",";
            }
    say(s, "],");
}

static void say_stats(const Server *s)
{
    const Machine *m = s->machine;
    const Counters counters = machine_counters(m), *n = &counters;
    uint64_t datagrams_in = 0, datagrams_out = 0, repeats_dropped = 0, refused = 0;
    for (unsigned i = 0; i < s->boards; i++) {
        const Bridge *b = &s->bridge[i];
        datagrams_in += b->datagrams_in;
        datagrams_out += b->datagrams_out;
        repeats_dropped += b->repeats_dropped;
        refused += b->refused;
    }
    uint64_t instructions = 0;
    unsigned faulted = 0;
    for (unsigned i = 0; i < m->chips; i++)
        for (unsigned c = 0; c < CORES; c++) {
            instructions += m->chip[i].core[c].cpu.instructions;
            faulted += m->chip[i].core[c].cpu.fault != 0;
        }
    say(s, "{\"event\":\"stats\",\"cycles\":%llu,\"instructions\":%llu,\"faulted_cores\":%u,",
        (unsigned long long)m->now, (unsigned long long)instructions, faulted);
    say_types(s, "sent", n->sent);
    say_types(s, "delivered", n->delivered);
    say_types(s, "forwarded", n->forwarded);
    say_types(s, "dropped", n->dropped);
    say_types(s, "unconnected", n->unconnected);
    say(s, "\"default_routed\":%llu,\"memory_requests\":%llu,\"frames_in\":%llu,\"frames_out\":%llu,"
           "\"frames_lost\":%llu,\"dma_transfers\":%llu,\"dma_bytes\":%llu,\"lost_on_request\":%llu,",
        (unsigned long long)n->default_routed, (unsigned long long)n->memory_requests,
        (unsigned long long)n->frames_in, (unsigned long long)n->frames_out,
        (unsigned long long)n->frames_lost, (unsigned long long)n->dma_transfers,
        (unsigned long long)n->dma_bytes, (unsigned long long)n->lost_on_request);
    say(s, "\"datagrams_in\":%llu,\"datagrams_out\":%llu,\"repeats_dropped\":%llu,\"refused\":%llu,",
        (unsigned long long)datagrams_in, (unsigned long long)datagrams_out,
        (unsigned long long)repeats_dropped, (unsigned long long)refused);
    say(s, "\"chips\":[");
    for (unsigned i = 0; i < m->chips; i++)
        say(s, i ? ",[%u,%u]" : "[%u,%u]", m->chip[i].x, m->chip[i].y);
    say(s, "],\"link_packets\":[");
    for (unsigned i = 0; i < m->chips; i++) {
        const LinkOutput *l = m->chip[i].router.out;
        say(s, "%s[%llu,%llu,%llu,%llu,%llu,%llu]", i ? "," : "", (unsigned long long)l[0].packets,
            (unsigned long long)l[1].packets, (unsigned long long)l[2].packets, (unsigned long long)l[3].packets,
            (unsigned long long)l[4].packets, (unsigned long long)l[5].packets);
    }
    say(s, "],\"dropped_at\":[");
    for (unsigned i = 0; i < m->chips; i++)
        for (unsigned o = 0; o < OUTPUTS; o++)
            say(s, "%s%llu%s", o ? "," : i ? ",[" : "[", (unsigned long long)m->chip[i].router.dropped_at[o],
                o == OUTPUTS - 1 ? "]" : "");
    say(s, "],");
    say_faults(s);
    say_cores(s, "core_instructions", false);
    say_cores(s, "core_cycles_awake", true);
    say(s, "\"monitor_cores\":[");
    for (unsigned i = 0; i < m->chips; i++)
        say(s, i ? ",%u" : "%u", m->chip[i].sc.monitor_id & 31);
    say(s, "]}\n");
}

/* Of each core that is profiled: where it is, all its cycles, and those awake by group. */
static void say_profile(const Server *s)
{
    const Machine *m = s->machine;
    if (!m->profile) {
        say(s, "{\"event\":\"error\",\"message\":\"no profile was started\"}\n");
        return;
    }
    say(s, "{\"event\":\"profile\",\"cycles\":%llu,\"cores\":[", (unsigned long long)(m->now - m->profile->since));
    const char *between = "";
    for (unsigned i = 0; i < m->chips; i++)
        for (unsigned c = 0; c < CORES; c++) {
            const Core *core = &m->chip[i].core[c];
            if (!core->profile)
                continue;
            say(s, "%s[%u,%u,%u,%llu", between, m->chip[i].x, m->chip[i].y, c, (unsigned long long)profile_span(m, core));
            for (unsigned g = 0; g < PROFILE_GROUPS; g++)
                say(s, ",%llu", (unsigned long long)core->profile->cycles[g]);
            say(s, "]");
            between = ",";
        }
    say(s, "]}\n");
}

static void start_profile(Server *s, const char *text)
{
    const char *why;
    if (profile_start(s->machine, text, &why))
        say(s, "{\"event\":\"profiling\"}\n");
    else
        say(s, "{\"event\":\"error\",\"message\":\"%s\"}\n", why);
}

static void give_faults(Server *s, const FaultSetting *faults)
{
    faults_set(s->machine, faults);
    for (unsigned b = 0; b < s->boards; b++)
        datagram_faults_set(&s->bridge[b].faults, b, faults);
}

/* Instead of those before. */
static void new_faults(Server *s, const char *text)
{
    FaultSetting faults;
    const char *why;
    Machine *m = s->machine;
    if (!fault_text_read(text, &faults, m->now, &why) || !fault_setting_place(m, &faults, &why)) {
        say(s, "{\"event\":\"error\",\"message\":\"%s\"}\n", why);
        return;
    }
    give_faults(s, &faults);
    log_write_faults(s->log, m->now, &faults);
    say(s, "{\"event\":\"faults\"}\n");
}

/* Besides those that there are. */
static void more_faults(Server *s, const char *text)
{
    FaultSetting more;
    const char *why;
    Machine *m = s->machine;
    bool good = fault_text_read(text, &more, m->now, &why) && fault_setting_place(m, &more, &why);
    if (good && more.rules + m->faults.setting.rules > MAX_FAULT_RULES) {
        why = "there are too many rules about faults";
        good = false;
    }
    if (!good) {
        say(s, "{\"event\":\"error\",\"message\":\"%s\"}\n", why);
        return;
    }
    for (uint32_t i = 0; i < more.rules; i++) {
        faults_add(m, &more.rule[i]);
        log_write(s->log, LOG_FAULT_MORE, 0, m->now, (const uint8_t *)&more.rule[i], sizeof more.rule[i]);
    }
    say(s, "{\"event\":\"faults\"}\n");
}

/* A new machine in the place of the old one; what is dead stays dead. */
static bool restart(Server *s, FaultSetting *faults, const char *snapshot, const char **why)
{
    bool from_snapshot;
    Machine *m = start(s->options, faults, &s->machine->faults.dead, snapshot, &from_snapshot, why);
    if (!m)
        return false;
    machine_free(s->machine);
    s->machine = m;
    for (unsigned b = 0; b < s->boards; b++)
        s->bridge[b].queue_count = s->bridge[b].requests = 0;
    memset(s->awake_before, 0, sizeof s->awake_before);
    s->awake_checked = m->now;
    s->pacing = s->busy = false;
    return true;
}

static void reset(Server *s)
{
    const char *why;
    FaultSetting faults;
    uint64_t before = s->machine->now;
    if (!faults_of_start(s->options, &faults, 0, &why) || !restart(s, &faults, s->options->snapshot_path, &why)) {
        say(s, "{\"event\":\"error\",\"message\":\"%s\"}\n", why);
        return;
    }
    log_write(s->log, LOG_RESET, 0, before, NULL, 0);
    for (unsigned b = 0; b < s->boards; b++) {
        datagram_faults_set(&s->bridge[b].faults, b, &faults);
        for (unsigned way = 0; way < DATAGRAM_WAYS; way++)
            s->bridge[b].faults.way[way].held = 0;
    }
    if (s->options->faults && faults_of_start(s->options, &faults, s->machine->now, &why)
        && fault_setting_place(s->machine, &faults, &why)) {
        faults_set(s->machine, &faults);
        log_write_faults(s->log, s->machine->now, &faults);
    }
    say(s, "{\"event\":\"reset\",\"cycles\":%llu}\n", (unsigned long long)s->machine->now);
}

static void command(Server *s, const char *line)
{
    ahead_settle_all(s->machine);
    if (strcmp(line, "stats") == 0)
        say_stats(s);
    else if (strcmp(line, "hash") == 0)
        say(s, "{\"event\":\"hash\",\"cycles\":%llu,\"hash\":\"%016llx\"}\n",
            (unsigned long long)s->machine->now, (unsigned long long)machine_hash(s->machine));
    else if (strncmp(line, "faults ", 7) == 0)
        new_faults(s, line + 7);
    else if (strncmp(line, "more_faults ", 12) == 0)
        more_faults(s, line + 12);
    else if (strcmp(line, "profile") == 0)
        say_profile(s);
    else if (strncmp(line, "start_profile ", 14) == 0)
        start_profile(s, line + 14);
    else if (strcmp(line, "stop_profile") == 0) {
        profile_stop(s->machine);
        say(s, "{\"event\":\"profiling\"}\n");
    }
    else if (strcmp(line, "reset") == 0)
        reset(s);
    else if (strcmp(line, "quit") == 0)
        s->end = true;
    else
        say(s, "{\"event\":\"error\",\"message\":\"unknown command\"}\n");
}

static void read_control(Server *s)
{
    char data[4096];
    ssize_t n = read(s->options->control_in, data, sizeof data);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        s->end = true;                       /* whoever started this process is gone */
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (data[i] == '\n') {
            s->line[s->line_length] = 0;
            s->line_length = 0;
            command(s, s->line);
        } else if (s->line_length < sizeof s->line - 1) {
            s->line[s->line_length++] = data[i];
        }
    }
}

/* --- run ---------------------------------------------------------------------------------- */

static void look_for_busy_cores(Server *s)
{
    const Machine *m = s->machine;
    uint64_t period = m->now - s->awake_checked;
    if (period < BUSY_PERIOD)
        return;
    s->awake_checked = m->now;
    s->busy = false;
    for (unsigned i = 0; i < m->chips; i++) {
        const Chip *chip = &m->chip[i];
        uint32_t monitor = chip->sc.monitor_id & 31;
        for (unsigned c = 0; c < CORES; c++) {
            uint64_t awake = chip->core[c].cpu.cycles_awake;
            if (c != monitor && (awake - s->awake_before[i][c]) * BUSY_SHARE >= period)
                s->busy = true;
            s->awake_before[i][c] = awake;
        }
    }
}

/* SC&MP runs, but is not ready for requests. */
static bool starting(const Machine *m)
{
    return !m->chip[0].rom.active && m->chip[0].sysram[NETINIT_PHASE] != NETINIT_DONE && !(m->faults.dead.chips[0] & 1);
}

/* Nothing to do: let emulated time go on as fast as real time, and wait for datagrams meanwhile. */
static void idle(Server *s, struct pollfd *fds, nfds_t count)
{
    enum { WAIT_MS = 1 };                    /* timers of idle software tick that often */
    Machine *m = s->machine;
    int64_t now = wall_ns();
    uint64_t target = s->pace_cycles + (uint64_t)((now - s->pace_wall) / 5);   /* 5 ns a cycle */
    if (!s->pacing || target > m->now + CLOCK_HZ / 10) {     /* new, or too slow to follow */
        s->pacing = true;
        s->pace_wall = now;
        s->pace_cycles = m->now;
        target = m->now;
    }
    if (m->now + WAIT_MS * CYCLES_PER_MILLISECOND <= target)
        machine_run(m, m->now + WAIT_MS * CYCLES_PER_MILLISECOND);
    else
        poll(fds, count, WAIT_MS);
}

/* A request of the host waits, or is worked on, at any board. */
static bool working(Server *s)
{
    for (unsigned b = 0; b < s->boards; b++)
        if (bridge_working(&s->bridge[b], s->machine))
            return true;
    return false;
}

static void serve(Server *s)
{
    uint64_t slice = SLICE_MIN;
    nfds_t count = 1;
    struct pollfd fds[1 + 2 * MAX_BOARDS] = {{s->options->control_in, POLLIN, 0}};
    for (unsigned b = 0; b < s->boards; b++) {
        fds[count++] = (struct pollfd){s->bridge[b].scp_socket, POLLIN, 0};
        fds[count++] = (struct pollfd){s->bridge[b].boot_socket, POLLIN, 0};
    }
    int64_t control_seen = 0;
    while (!s->end) {
        int64_t before = wall_ns();
        if (before - control_seen > 1000000) {
            control_seen = before;
            struct pollfd control = fds[0];
            if (poll(&control, 1, 0) > 0)
                read_control(s);
        }
        Machine *m = s->machine;
        for (unsigned b = 0; b < s->boards; b++) {
            bridge_collect(&s->bridge[b], m);
            bridge_admit(&s->bridge[b], m);
        }
        look_for_busy_cores(s);
        if (s->busy || starting(m) || working(s)) {
            s->pacing = false;
            before = wall_ns();
            machine_run_to_attention(m, m->now + slice);
            int64_t taken = wall_ns() - before;
            if (taken > SLICE_WALL_LONG && slice > SLICE_MIN)
                slice /= 2;
            else if (taken < SLICE_WALL_SHORT && slice < SLICE_MAX)
                slice *= 2;
        } else {
            idle(s, fds, count);
        }
        for (unsigned b = 0; b < s->boards; b++)
            bridge_deliver(&s->bridge[b], m);
    }
}

/* Which machine a log is of: what it is built from, and the state in which it starts. */
static uint64_t identity(const Machine *m)
{
    uint64_t h = machine_hash(m) ^ m->kind;
    for (unsigned b = 0; b < m->boards; b++) {
        const Board *board = &m->board[b];
        for (unsigned i = 0; i < sizeof board->ip_address; i++)
            h = (h ^ board->ip_address[i]) * 0x100000001b3ull;
        for (unsigned i = 0; i < sizeof board->serial_rom; i++)
            h = (h ^ board->serial_rom[i]) * 0x100000001b3ull;
    }
    return h;
}

/* The rules that a log begins with, if it does (`*given`); false: they are damaged, and `*wrong` says how. */
static bool faults_of_log(FILE *log, FaultSetting *faults, bool *given, const char **wrong)
{
    LogRecord record;
    const char *unread;
    memset(faults, 0, sizeof *faults);
    fseek(log, LOG_BEGIN_BYTES, SEEK_SET);   /* which is looked at once there is a machine */
    *given = log_read(log, &record, &unread) && record.kind == LOG_FAULTS && record.at == 0;
    if (*given)
        return log_read_faults(log, &record, faults, wrong);
    fseek(log, LOG_BEGIN_BYTES, SEEK_SET);
    return true;
}

/* A record other than of a frame; false: it is none. */
static bool repeat(Server *s, FILE *log, const LogRecord *record, const char **wrong)
{
    Machine *m = s->machine;
    FaultSetting faults = {0};
    FaultRule rule;
    const char *why;
    switch (record->kind) {
    case LOG_BOOT:
        boot_rom_datagram(m, record->board, record->data, record->length);
        return true;
    case LOG_FAULTS:
        if (!log_read_faults(log, record, &faults, wrong) || !fault_setting_place(m, &faults, &why))
            return false;
        faults_set(m, &faults);
        return true;
    case LOG_FAULT_MORE:
        if (record->length != sizeof rule)
            return false;
        memcpy(&rule, record->data, sizeof rule);
        if (!fault_rule_place(m, &rule, &why))
            return false;
        faults_add(m, &rule);
        return true;
    case LOG_RESET:
        return restart(s, &faults, NULL, &why);
    default:
        return record->kind == LOG_END;
    }
}

/* As serve() does, but what the board sends goes nowhere. */
static void run_to(Machine *m, uint64_t until)
{
    while (m->now < until) {
        machine_run_to_attention(m, until);
        machine_forget_frames(m);
    }
    ahead_settle_all(m);
}

/* Run what a log says, as fast as possible, without sockets; `wrong` with the rules it begins with, or NULL. */
static void replay(Server *s, FILE *log, uint64_t started, const char *wrong)
{
    long first = ftell(log);
    const char *of_another;
    LogRecord record = {.kind = 0};
    uint64_t arrival[MAX_BOARDS] = {0};      /* of the last frame */
    unsigned records = 0;
    bool good = wrong == NULL;
    rewind(log);
    if (!log_is_of(log, started, &of_another)) {
        good = false;
        wrong = of_another;
    }
    fseek(log, first, SEEK_SET);
    for (; good && record.kind != LOG_END && (good = log_read(log, &record, &wrong)); records++) {
        Machine *m = s->machine;
        wrong = "it is damaged";
        if (record.board >= m->boards) {
            good = false;
        } else if (record.kind == LOG_FRAME) {
            if (machine_host_frame_due(m, record.board))
                run_to(m, arrival[record.board] + 1);
            machine_host_frame(m, record.board, record.at, record.data, record.length);
            arrival[record.board] = record.at;
        } else {                             /* which may have been before the last frame arrived */
            run_to(m, record.at);
            good = repeat(s, log, &record, &wrong);
        }
    }
    if (!good) {
        say(s, "{\"event\":\"error\",\"message\":\"%s, behind %u records\"}\n", wrong, records);
        return;
    }
    say_stats(s);
    say(s, "{\"event\":\"hash\",\"cycles\":%llu,\"hash\":\"%016llx\"}\n",
        (unsigned long long)s->machine->now, (unsigned long long)machine_hash(s->machine));
}

static int fail(const Server *s, const char *why)
{
    say(s, "{\"event\":\"error\",\"message\":\"%s\"}\n", why);
    return 1;
}

static void close_bridges(Server *s)
{
    for (unsigned b = 0; b < s->boards; b++)
        bridge_close(&s->bridge[b]);
}

/* One for each board, at its address, unless there is no host: false, and said why, if a port is not to be had. */
static bool open_bridges(Server *s)
{
    const ServeOptions *o = s->options;
    for (unsigned b = 0; b < s->boards; b++)
        s->bridge[b].scp_socket = s->bridge[b].boot_socket = -1;
    for (unsigned b = 0; b < s->boards && !o->replay_path; b++) {
        uint8_t address[4];
        memcpy(address, o->address, sizeof address);
        address[3] = (uint8_t)(address[3] + b);
        int port = bridge_open(&s->bridge[b], b, address);
        if (port) {
            say(s, "{\"event\":\"error\",\"board\":%u,\"port\":%d,\"errno\":%d,\"message\":\"%s\"}\n", b, port, errno,
                strerror(errno));
            close_bridges(s);
            return false;
        }
    }
    return true;
}

int spinnemu_serve(const ServeOptions *options)
{
    static Server server;                    /* large; one per process */
    Server *s = &server;
    memset(s, 0, sizeof *s);
    s->options = options;
    s->out = fdopen(options->control_out, "w");
    if (!s->out)
        return 1;
    signal(SIGINT, SIG_IGN);                 /* Ctrl-C is for whoever started us */
    signal(SIGPIPE, SIG_IGN);
    if (options->die_with_parent)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    s->boards = options->board == BOARD_TRIAD ? MAX_BOARDS : 1;
    if (!open_bridges(s))
        return 1;
    for (uint32_t i = 0; i < options->translation_count; i++)
        if (!translation_load(options->translations[i], options->translation_key))
            return fail(s, "a translation was made with other sources of the emulator, or is none");
    FILE *log = NULL;
    if (options->replay_path || options->record_path) {
        log = options->replay_path ? fopen(options->replay_path, "rb") : fopen(options->record_path, "wb");
        if (!log) {
            say(s, "{\"event\":\"error\",\"message\":\"log: %s\"}\n", strerror(errno));
            return 1;
        }
    }
    bool from_snapshot;
    const char *no_log = NULL;               /* what is wrong with the beginning of the one that is replayed */
    const char *why = "", *snapshot = options->snapshot_path;
    FaultSetting faults;
    bool given = options->faults != NULL;
    if (options->replay_path) {
        if (!faults_of_log(log, &faults, &given, &no_log))
            memset(&faults, 0, sizeof faults);
        else
            no_log = NULL;
        for (uint32_t i = 0; i < faults.rules; i++)
            if (dead_at_start(&faults.rule[i]))
                snapshot = NULL;             /* is one of a board without dead parts */
    } else if (!faults_of_start(options, &faults, 0, &why)) {
        return fail(s, why);
    }
    s->machine = start(options, &faults, NULL, snapshot, &from_snapshot, &why);
    if (!s->machine)
        return fail(s, why);
    uint64_t started = log ? identity(s->machine) : 0;
    if (options->record_path && !options->replay_path)
        log_begin(log, started);
    s->awake_checked = s->machine->now;
    if (!options->replay_path && !faults_of_start(options, &faults, s->machine->now, &why))
        return fail(s, why);
    if (given && fault_setting_place(s->machine, &faults, &why)) {
        give_faults(s, &faults);
        if (options->record_path)
            log_write_faults(log, 0, &faults);
    }
    say(s, "{\"event\":\"ready\",\"cycles\":%llu,\"from_snapshot\":%s}\n",
        (unsigned long long)s->machine->now, from_snapshot ? "true" : "false");
    if (options->replay_path) {
        replay(s, log, started, no_log);
    } else {
        s->log = log;
        for (unsigned b = 0; b < s->boards; b++)
            s->bridge[b].log = log;
        fcntl(options->control_in, F_SETFL, fcntl(options->control_in, F_GETFL) | O_NONBLOCK);
        serve(s);
        ahead_settle_all(s->machine);
        log_write(log, LOG_END, 0, s->machine->now, NULL, 0);
        bool whole = log_end(log);
        say(s, "{\"event\":\"end\",\"cycles\":%llu,\"hash\":\"%016llx\",\"log_whole\":%s}\n",
            (unsigned long long)s->machine->now, log ? (unsigned long long)machine_hash(s->machine) : 0ull, whole ? "true" : "false");
        log = NULL;
    }
    if (log)
        fclose(log);
    close_bridges(s);
    machine_free(s->machine);
    return 0;
}
