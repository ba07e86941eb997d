/*
 * A machine without a process and sockets of its own, for calibration and tests: programs are put
 * into cores and routes into routers directly.  Called through ctypes (direct.py).
 */
#include "datagram_faults.h"
#include "machine.h"
#include <string.h>

enum { PROGRAM_AT = 0x400 };                 /* behind the vectors */

Machine *direct_new(uint32_t board) { return machine_new((enum BoardKind)board, (uint8_t[4]){127, 0, 0, 2}); }

void direct_free(Machine *m) { machine_free(m); }

static Core *core_at(Machine *m, int x, int y, unsigned core)
{
    Chip *chip = board_chip_at(m, x, y);
    return chip && core < CORES ? &chip->core[core] : NULL;
}

/* Start a program; no software runs on the chip but what is put there. */
bool direct_start(Machine *m, int x, int y, unsigned number, const uint8_t *code, uint32_t bytes)
{
    Core *core = core_at(m, x, y, number);
    if (!core || bytes > ITCM_BYTES - PROGRAM_AT)
        return false;
    Chip *chip = core->chip;
    chip->rom.active = false;
    chip->sc.cpu_disable &= ~(1u << number);
    chip->router.control = 0x00400001u | 17u << 8;
    memcpy(core->cpu.itcm + PROGRAM_AT, code, bytes);
    cpu_itcm_changed(&core->cpu, 0, ITCM_BYTES);
    core->parked = false;
    core_restart(core, false);
    core->cpu.r[15] = PROGRAM_AT;
    return true;
}

bool direct_dtcm(Machine *m, int x, int y, unsigned number, uint32_t offset, uint32_t *word, bool write)
{
    Core *core = core_at(m, x, y, number);
    if (!core || offset > DTCM_BYTES - 4)
        return false;
    if (write)
        memcpy(core->cpu.dtcm + offset, word, 4);
    else
        memcpy(word, core->cpu.dtcm + offset, 4);
    return true;
}

void direct_router(Machine *m, int x, int y, uint32_t offset, uint32_t *word, bool write)
{
    Chip *chip = board_chip_at(m, x, y);
    if (chip && write)
        router_write(m, chip, offset & 0x1fffc, *word);
    else if (chip)
        *word = router_read(m, chip, offset & 0x1fffc);
}

/* Make a link one between boards. */
void direct_fpga_link(Machine *m, int x, int y, unsigned link)
{
    Chip *chip = board_chip_at(m, x, y);
    if (chip && link < LINKS)
        chip->router.out[link].fpga = true;
}

void direct_run(Machine *m, uint64_t cycles) { machine_run(m, m->now + cycles); }

uint64_t direct_now(const Machine *m) { return m->now; }

void direct_counters(const Machine *m, Counters *counters) { *counters = machine_counters(m); }

/* Rules instead of those before, or besides them; NULL, or why not. */
const char *direct_faults(Machine *m, const char *text, bool more)
{
    static FaultSetting setting;
    const char *why;
    if (!fault_text_read(text, &setting, m->now, &why) || !fault_setting_place(m, &setting, &why))
        return why;
    if (!more)
        faults_set(m, &setting);
    for (uint32_t i = 0; more && i < setting.rules; i++)
        faults_add(m, &setting.rule[i]);
    return NULL;
}

const FaultCounts *direct_fault_counts(const Machine *m) { return &m->faults.counts; }

/* NULL, or why not. */
const char *direct_profile_start(Machine *m, const char *text)
{
    const char *why;
    return profile_start(m, text, &why) ? NULL : why;
}

void direct_profile_stop(Machine *m) { profile_stop(m); }

/* All cycles of a core, and those of each group; false: it is not profiled. */
bool direct_profile(Machine *m, int x, int y, unsigned number, uint64_t *cycles)
{
    const Core *core = core_at(m, x, y, number);
    if (!core || !core->profile)
        return false;
    cycles[0] = profile_span(m, core);
    memcpy(cycles + 1, core->profile->cycles, sizeof core->profile->cycles);
    return true;
}

uint64_t direct_awake(Machine *m, int x, int y, unsigned number)
{
    const Core *core = core_at(m, x, y, number);
    return core ? core->cpu.cycles_awake : 0;
}

uint32_t direct_held(const Machine *m) { return m->faults.held.count; }

uint64_t direct_dropped_at(Machine *m, int x, int y, unsigned output)
{
    const Chip *chip = board_chip_at(m, x, y);
    return chip && output < OUTPUTS ? chip->router.dropped_at[output] : 0;
}

/* What becomes of `n` datagrams, of one way and the other in turn; none passes by time. */
bool direct_datagram_fates(const char *text, uint32_t n, uint8_t *fates)
{
    static FaultSetting setting;
    static DatagramFaults faults;
    static Datagram datagram, released;
    const char *why;
    if (!fault_text_read(text, &setting, 0, &why))
        return false;
    memset(&faults, 0, sizeof faults);
    datagram_faults_set(&faults, 0, &setting);
    for (uint32_t i = 0; i < n; i++) {
        enum DatagramWay way = (enum DatagramWay)(i % DATAGRAM_WAYS);
        fates[i] = (uint8_t)datagram_fate(&faults, way, &datagram, 0);
        while (datagram_released(&faults, way, 0, &released))
            ;
    }
    return true;
}

bool direct_two_threads(Machine *m) { return lanes_start(m); }

uint64_t direct_hash(const Machine *m) { return machine_hash(m); }
