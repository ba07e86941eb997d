/*
 * Links, cores and chips that die, and cores that slow down.
 *
 * A dead link makes no handshake: what waits for it is dropped in time.  A dead core's clock stands still; packets for it wait
 * in front of it until that place is full.  A dead chip does nothing at all, and neither do its links.
 */
#include "machine.h"

#define ALL_CORES ((1u << CORES) - 1u)
#define ALL_LINKS ((1u << LINKS) - 1u)

bool dead_at_start(const FaultRule *rule)
{
    return rule->kind >= FAULT_KILL_LINK && rule->kind <= FAULT_KILL_CHIP && !rule->from && !rule->after;
}

static void dead_link(const Machine *m, DeadParts *dead, uint32_t chip, uint32_t link, bool both_ways)
{
    const LinkOutput *out = &m->chip[chip].router.out[link];
    if (!out->connected)
        return;
    dead->links[chip] |= (uint8_t)(1u << link);
    if (both_ways)
        dead->links[out->to_chip] |= (uint8_t)(1u << out->to_link);
}

void dead_add(Machine *m, DeadParts *dead, const FaultRule *rule)
{
    switch (rule->kind) {
    case FAULT_KILL_LINK: dead_link(m, dead, rule->chip, rule->part, rule->both_ways); break;
    case FAULT_KILL_CORE: dead->cores[rule->chip] |= 1u << rule->part; break;
    case FAULT_KILL_CHIP:
        dead->chips[rule->chip / 64] |= 1ull << rule->chip % 64;
        dead->cores[rule->chip] = ALL_CORES;
        for (uint32_t link = 0; link < LINKS; link++)
            dead_link(m, dead, rule->chip, link, true);
        break;
    default: break;
    }
}

/* With the chip: what its router has in hand, what waits in front of it, and what its cores were about to send. */
static void packets_vanish(Machine *m, Chip *chip)
{
    Router *r = &chip->router;
    if (r->occupied) {
        uint32_t port = r->current.arrival < LINKS ? r->current.arrival : (r->turn + OUTPUTS - 1) % OUTPUTS;
        faults_vanished(m, chip, port, &r->current, deliveries_by(m, chip, &r->current, r->wanted));
    }
    for (uint32_t l = 0; l < LINKS; l++)
        for (LinkInput *in = &r->in[l]; in->count; in->count--, in->head = (in->head + 1) % LINK_SLOTS) {
            const Packet *p = &in->ring[in->head].packet;
            faults_vanished(m, chip, l, p, deliveries_of(m, chip, p));
        }
    for (uint32_t c = 0; c < CORES; c++) {
        CommsController *cc = &chip->core[c].cc;
        for (; cc->tx_count; cc->tx_count--, cc->tx_head = (cc->tx_head + 1) % CORE_TX_SLOTS) {
            const Packet *p = &cc->tx[cc->tx_head].packet;
            faults_vanished(m, chip, LINKS + c, p, deliveries_of(m, chip, p));
        }
        if (cc->held && cc->released == NEVER)
            faults_vanished(m, chip, LINKS + c, &cc->hold, deliveries_of(m, chip, &cc->hold));
    }
    held_forget(m, chip);
}

static void chip_dies(Machine *m, Chip *chip)
{
    Router *r = &chip->router;
    packets_vanish(m, chip);
    r->dead = true;
    r->occupied = r->waiting = false;
    r->ready = 0;
    events_set_unit(m, chip->id * UNITS_PER_CHIP + UNIT_ROUTER, NEVER);
    chip->ethernet.control = 0;
}

void dead_parts_die(Machine *m, const DeadParts *dead)
{
    DeadParts before = m->faults.dead;
    m->faults.dead = *dead;
    for (uint32_t i = 0; i < m->chips; i++) {
        Chip *chip = &m->chip[i];
        for (uint32_t links = dead->links[i] & ALL_LINKS; links; links &= links - 1) {
            LinkOutput *out = &chip->router.out[__builtin_ctz(links)];
            out->dead = true;
            out->connected = false;
        }
        for (uint32_t c = 0; c < CORES; c++)
            core_update_halted(&chip->core[c]);
        if (chip->rom.active)
            boot_rom_test_cores(m, chip);
        if ((dead->chips[i / 64] & ~before.chips[i / 64]) >> i % 64 & 1)
            chip_dies(m, chip);
    }
}

void slow_core(Machine *m, const FaultRule *rule)
{
    Core *core = &m->chip[rule->chip].core[rule->part];
    ahead_settle(core);
    m->faults.slow[rule->chip][rule->part] = rule->amount;
    m->faults.slow_rest[rule->chip][rule->part] = 0;
    core->slow = rule->amount > SLOW_UNIT;
    core_steps_changed(core);
}

void slow_core_lags(Core *core, uint64_t before)
{
    Cpu *cpu = &core->cpu;
    Faults *f = &core->machine->faults;
    uint8_t *rest = &f->slow_rest[core->chip->id][core->id];
    uint64_t more = (cpu->cycles - before) * (f->slow[core->chip->id][core->id] - SLOW_UNIT) + *rest;
    *rest = (uint8_t)(more % SLOW_UNIT);
    cpu->cycles += more / SLOW_UNIT;
    cpu->cycles_awake += more / SLOW_UNIT;
}
