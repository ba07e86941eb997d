/*
 * Cores that run ahead.
 *
 * A core that touches nothing but its own memories can be run far past the end of a quantum: nobody can tell (alone.c).  It
 * stops before it reaches for anything else, and waits until that quantum has come, so whatever cores do to each other
 * they do at the same time and in the same order as if all of them kept step.  What may come in between is an
 * interrupt, or that the core is stopped: then it goes back and runs again up to where it would be.
 */
#include "exceptions.h"
#include "machine.h"

enum { STRIDE_LEAST = 4 * QUANTUM, MOST_VAIN = 5 };

/* Of the address that the core is at. */
static Hope *hope_of(Core *core) { return &core->ahead.hope[core->cpu.r[15] / 4 % HOPES]; }

/* Most code that sends and receives reaches for its devices at once, each time that the core comes by. */
static void despair(Hope *hope)
{
    if (hope->vain < MOST_VAIN)
        hope->vain++;
    hope->left = (uint8_t)((1u << hope->vain) - 1);
}

bool ahead_try(Core *core, uint64_t end)
{
    Ahead *a = &core->ahead;
    Cpu *cpu = &core->cpu;
    if (a->rest) {
        a->rest = false;
        return false;
    }
    if ((cpu->cpsr & PSR_MODE) == MODE_FIQ)      /* whose handlers are short, and end with a change of mode */
        return false;
    Hope *hope = hope_of(core);
    if (hope->left) {
        hope->left--;
        return false;
    }
    if (a->stride < STRIDE_LEAST)
        a->stride = STRIDE_LEAST;
    uint64_t until = cpu->cycles + a->stride;
    if (until > core->next_local)
        until = core->next_local;
    if (until > core->machine->until)
        until = core->machine->until;
    /* Another core may have stopped this one since the list of turns was made. */
    if (until <= end || cpu->halted || cpu->sleeping || interrupt_pending(cpu) || !cpu_can_run_alone(cpu))
        return false;
    cpu_run_alone(cpu, until, a->retreat);
    if (cpu->cycles < end) {
        a->rest = true;
        despair(hope);
        return false;
    }
    *hope = (Hope){0};
    a->on = true;
    a->reached = cpu->cycles < until ? cpu->cycles : until;
    if (cpu->cycles >= until && a->stride < ALONE_CYCLES) {
        a->stride += a->stride / 4;
        if (a->stride > ALONE_CYCLES)
            a->stride = ALONE_CYCLES;
    }
    return true;
}

/* To the first instruction that begins at `at` or later. */
static void go_back(Core *core, uint64_t at)
{
    Ahead *a = &core->ahead;
    Cpu *cpu = &core->cpu;
    a->on = false;
    if (at >= a->reached)
        return;
    cpu_retreat(cpu, a->retreat);
    if (cpu->cycles < at)
        cpu_run_alone(cpu, at, a->retreat);
    a->stride /= 2;
}

void ahead_join(Core *core)
{
    if (!core->ahead.on)
        return;
    uint64_t now = core->machine->now;
    go_back(core, core->next_local > now ? core->next_local : now);
}

void ahead_settle(Core *core)
{
    if (!core->ahead.on)
        return;
    Machine *m = core->machine;
    Turns *turns = core->turns;
    bool had_turn = turns->running && core < turns->running;
    go_back(core, had_turn ? m->end : m->now);
    turns->at[core->id] = core->cpu.cycles;
    if (turns->running && core > turns->running && core->cpu.cycles < m->end)
        turns->again |= 1u << core->id;
}

void ahead_settle_all(Machine *m)
{
    for (unsigned word = 0; word < CHIP_WORDS; word++)
        for (uint64_t chips = m->chips_awake[word]; chips; chips &= chips - 1) {
            unsigned chip = 64 * word + (unsigned)__builtin_ctzll(chips);
            for (uint32_t cores = m->awake[chip]; cores; cores &= cores - 1)
                ahead_settle(&m->chip[chip].core[__builtin_ctz(cores)]);
        }
}
