/*
 * One processor node: runs the CPU between the things its own devices do, at their exact times.
 */
#include "exceptions.h"
#include "machine.h"

void core_next_local(Core *core)
{
    uint64_t at = cc_next_event(core);
    if (core->timer[0].deadline < at)
        at = core->timer[0].deadline;
    if (core->timer[1].deadline < at)
        at = core->timer[1].deadline;
    if (core->dma.end < at)
        at = core->dma.end;
    core->next_local = at;
}

/* A device of the core was changed by the core itself: what comes next may come before the end of the slice. */
void core_device_changed(Core *core)
{
    core_next_local(core);
    if (core->next_local < core->run_until)
        core->cpu.stop = true;
}

void core_local_events(Core *core, uint64_t now)
{
    while (core->next_local <= now) {
        for (unsigned i = 0; i < 2; i++)
            if (core->timer[i].deadline <= now)
                timer_event(core, &core->timer[i]);
        if (core->dma.end <= now)
            dma_event(core);
        cc_local_event(core, now);
        core_next_local(core);
    }
}

static uint32_t unit_of(const Core *core)
{
    return core->chip->id * UNITS_PER_CHIP + UNIT_CORE + core->id;
}

static void set_awake(Core *core, bool awake)
{
    Chip *chip = core->chip;
    Machine *m = core->machine;
    if (awake) {
        core->turns->at[core->id] = 0;
        m->awake[chip->id] |= 1u << core->id;
        __atomic_fetch_or(&m->chips_awake[chip->id / 64], 1ull << chip->id % 64, __ATOMIC_RELAXED);
    } else {
        m->awake[chip->id] &= ~(1u << core->id);
        if (!m->awake[chip->id])
            __atomic_fetch_and(&m->chips_awake[chip->id / 64], ~(1ull << chip->id % 64), __ATOMIC_RELAXED);
    }
}

static bool is_awake(const Core *core) { return core->machine->awake[core->chip->id] >> core->id & 1; }

/* Have a sleeping core look at its devices at time `at`; it goes on sleeping if no line is up. */
void core_wake(Core *core, uint64_t at)
{
    if (core->cpu.halted)
        return;
    if (is_awake(core))
        return;
    if (core->cpu.cycles < at)
        core->cpu.cycles = at;
    set_awake(core, true);
}

void core_lines_changed(Core *core)
{
    if (core->cpu.sleeping && (core->cpu.irq || core->cpu.fiq) && !is_awake(core)) {
        /* Raised from outside, while this core's turn in the quantum may be over. */
        uint64_t now = core->machine->events.now;
        core_wake(core, now > core->machine->now ? now : core->machine->now);
    }
}

void core_steps_changed(Core *core) { core->by_steps = core->slow || core->profile; }

/* Instructions one by one, until something else is to be done or looked at. */
static void run_by_steps(Core *core)
{
    Cpu *cpu = &core->cpu;
    do {
        bool interrupted = interrupt_pending(cpu);
        uint32_t pc = cpu->r[15];
        uint64_t before = cpu->cycles;
        cpu_run(cpu, before + 1);
        if (core->slow)
            slow_core_lags(core, before);
        if (core->profile)
            profile_count(core->profile, interrupted ? cpu->r[15] : pc, before, cpu->cycles);
    } while (cpu->cycles < core->run_until && !cpu->stop && !cpu->sleeping && !cpu->halted && !core->restart_pending);
}

void core_run(Core *core, uint64_t end)
{
    Cpu *cpu = &core->cpu;
    ahead_join(core);
    while (cpu->cycles < end) {
        if (core->next_local <= cpu->cycles)
            core_local_events(core, cpu->cycles);
        if (cpu->sleeping && !cpu->irq && !cpu->fiq) {
            if (core->next_local >= end) {
                set_awake(core, false);
                events_set_unit(core->machine, unit_of(core), core->next_local);
                return;
            }
            cpu->cycles = core->next_local;
            continue;
        }
        core->run_until = core->next_local < end ? core->next_local : end;
        if (core->by_steps)
            run_by_steps(core);
        else if (ahead_try(core, end))
            break;
        else
            cpu_run(cpu, core->run_until);
        if (core->restart_pending) {
            core_restart(core, true);
            core->restart_pending = false;
        }
        if (cpu->halted) {
            set_awake(core, false);
            return;
        }
    }
    core->turns->at[core->id] = cpu->cycles;
}

void core_update_halted(Core *core)
{
    const SystemController *sc = &core->chip->sc;
    uint32_t stopped = sc->cpu_disable | sc->soft_reset | sc->hard_reset;
    uint32_t dead = core->machine->faults.dead.cores[core->chip->id];
    bool halted = core->parked || ((stopped | dead) >> core->id & 1) || core->cpu.fault;
    if (core->cpu.halted == halted)
        return;
    ahead_settle(core);
    core->cpu.halted = halted;
    core->cpu.stop = true;
    uint64_t now = core->machine->events.now;
    if (!halted && core->cpu.cycles < now)
        core->cpu.cycles = now;
    if (halted)
        events_set_unit(core->machine, unit_of(core), NEVER);
    set_awake(core, !halted);
}

void core_restart(Core *core, bool from_reset_vector)
{
    uint64_t now = core->machine->events.now;
    if (core == core->turns->running && !core->restart_pending) {
        core->restart_pending = true;        /* the interpreter is in the middle of an instruction */
        core->cpu.stop = true;
        return;
    }
    ahead_settle(core);
    cpu_reset(&core->cpu, from_reset_vector);
    core->cpu.fault = CPU_FAULT_NONE;
    core->cpu.sleeping = false;
    vic_reset(core);
    if (core->cpu.cycles < now)
        core->cpu.cycles = now;
    /* Without SysRAM at the reset vector the boot ROM runs, and parks all but the monitor. */
    core->parked = from_reset_vector && !(core->chip->sc.misc & 1);
    core_next_local(core);
    core_update_halted(core);
    if (!core->cpu.halted)
        set_awake(core, true);
}
