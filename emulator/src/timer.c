/*
 * The two counters of a core: SP804.  Counts are worked out when they are looked at; only the
 * moment a counter reaches zero is an event.
 */
#include "machine.h"

enum { ONE_SHOT = 1, WIDE = 2, INTERRUPT = 0x20, PERIODIC = 0x40, ENABLE = 0x80 };

static unsigned prescale_shift(const Timer *t)
{
    static const uint8_t shift[4] = {0, 4, 8, 8};
    return shift[(t->control >> 2) & 3];
}

static uint32_t width_mask(const Timer *t) { return t->control & WIDE ? 0xffffffffu : 0xffffu; }

static uint32_t count(const Timer *t, uint64_t now)
{
    uint32_t value = t->value & width_mask(t);
    if (!(t->control & ENABLE) || now <= t->since)
        return value;
    uint64_t steps = (now - t->since) >> prescale_shift(t);
    return steps >= value ? 0 : value - (uint32_t)steps;
}

static void start(Timer *t, uint32_t value, uint64_t now)
{
    t->value = value;
    t->since = now;
    t->deadline = t->control & ENABLE ? now + ((uint64_t)(value & width_mask(t)) << prescale_shift(t)) : NEVER;
}

static void drive(Core *core, Timer *t)
{
    vic_set(core, t == &core->timer[0] ? INT_TIMER1 : INT_TIMER2, t->raised && (t->control & INTERRUPT));
}

void timer_event(Core *core, Timer *t)
{
    uint64_t at = t->deadline;
    t->raised = true;
    uint32_t again = t->control & PERIODIC ? t->load & width_mask(t) : width_mask(t);
    if (t->control & ONE_SHOT || (t->control & PERIODIC && again == 0)) {
        /* Periodic with load 0: what the hardware does is not known; it fires once here, since
         * an interrupt in every cycle would leave no time for anything else.  assumption */
        t->value = 0;
        t->since = at;
        t->deadline = NEVER;
    } else {
        start(t, again, at);
        if (t->deadline <= core->cpu.cycles && core->cpu.cycles - t->deadline > (uint64_t)again << prescale_shift(t)) {
            /* The core's clock was stopped for many periods: keep the phase, drop the rest. */
            uint64_t period = (uint64_t)again << prescale_shift(t);
            t->since += (core->cpu.cycles - t->since) / period * period;
            t->deadline = t->since + period;
        }
    }
    drive(core, t);
}

uint32_t timer_read(Core *core, uint32_t offset)
{
    Timer *t = &core->timer[offset >> 5 & 1];
    switch (offset & 0x1f) {
    case 0x00: case 0x18: return t->load;
    case 0x04: return count(t, core->cpu.cycles);
    case 0x08: return t->control;
    case 0x10: return t->raised;
    case 0x14: return t->raised && (t->control & INTERRUPT);
    default: return 0;
    }
}

void timer_write(Core *core, uint32_t offset, uint32_t value)
{
    Timer *t = &core->timer[offset >> 5 & 1];
    uint64_t now = core->cpu.cycles;
    switch (offset & 0x1f) {
    case 0x00:
        t->load = value;
        start(t, value, now);                /* all of it: 16-bit mode only looks at less */
        break;
    case 0x08: {
        uint32_t value_now = t->control & ENABLE ? count(t, now) : t->value;
        bool was_spent = (t->control & ENABLE) && t->deadline == NEVER;
        t->control = value & 0xff;
        start(t, value_now, now);
        if (value_now == 0 && (was_spent || !(t->control & ENABLE)))
            t->deadline = NEVER;
        else if (value_now == 0 && t->load == 0)
            t->deadline = t->control & ENABLE ? now : NEVER;
        break;
    }
    case 0x0c:
        t->raised = false;
        break;
    case 0x18:
        t->load = value;
        break;
    default:
        return;
    }
    drive(core, t);
    core_device_changed(core);
}
