/* Vectored interrupt controller: PL190 with its stack of priorities in service. */
#include "machine.h"

#define UNVECTORED 16u
#define NOTHING_IN_SERVICE 17u

static void find_slots(Vic *v)
{
    for (unsigned s = 0; s < 32; s++)
        v->slot_of_source[s] = UNVECTORED;
    for (int slot = 15; slot >= 0; slot--)
        if (v->control[slot] & 0x20)
            v->slot_of_source[v->control[slot] & 31] = (uint8_t)slot;
}

void vic_reset(Core *core)
{
    core->vic = (Vic){.raw = core->vic.raw};
    find_slots(&core->vic);
    vic_update(core);
}

static unsigned in_service(const Vic *v)
{
    return v->depth ? v->stack[v->depth - 1] : NOTHING_IN_SERVICE;
}

/* Highest priority among the pending IRQs, NOTHING_IN_SERVICE if there is none. */
static unsigned pending_slot(const Vic *v)
{
    uint32_t irqs = (v->raw | v->soft) & v->enable & ~v->select;
    unsigned best = NOTHING_IN_SERVICE;
    while (irqs) {
        unsigned slot = v->slot_of_source[__builtin_ctz(irqs)];
        if (slot < best)
            best = slot;
        irqs &= irqs - 1;
    }
    return best;
}

void vic_update(Core *core)
{
    Vic *v = &core->vic;
    uint32_t pending = (v->raw | v->soft) & v->enable;
    bool fiq = (pending & v->select) != 0;
    bool irq = pending & ~v->select && pending_slot(v) < in_service(v);
    ahead_settle(core);
    core->cpu.fiq = fiq;
    core->cpu.irq = irq;
    if (fiq || irq)
        core_lines_changed(core);
}

void vic_set(Core *core, enum InterruptSource source, bool level)
{
    Vic *v = &core->vic;
    uint32_t bit = 1u << source;
    uint32_t raw = level ? v->raw | bit : v->raw & ~bit;
    if (raw == v->raw)
        return;
    v->raw = raw;
    if (v->enable & bit)
        vic_update(core);
}

void vic_set_many(Core *core, uint32_t sources, uint32_t levels)
{
    Vic *v = &core->vic;
    uint32_t changed = (v->raw ^ levels) & sources;
    if (!changed)
        return;
    v->raw ^= changed;
    if (v->enable & changed)
        vic_update(core);
}

void vic_set_chip(Chip *chip, enum InterruptSource source, bool level)
{
    for (unsigned i = 0; i < CORES; i++)
        vic_set(&chip->core[i], source, level);
}

uint32_t vic_read(Core *core, uint32_t offset)
{
    Vic *v = &core->vic;
    uint32_t raw = v->raw | v->soft;
    switch (offset) {
    case 0x00: return raw & v->enable & ~v->select;
    case 0x04: return raw & v->enable & v->select;
    case 0x08: return raw;
    case 0x0c: return v->select;
    case 0x10: return v->enable;
    case 0x18: return v->soft;
    case 0x34: return v->default_vector;
    case 0x30: {
        unsigned slot = pending_slot(v);
        unsigned current = in_service(v);
        /* An interrupt that went away meanwhile still has to balance the write that ends it. */
        unsigned level = slot < current ? slot : current;
        if (v->depth < sizeof v->stack)
            v->stack[v->depth++] = (uint8_t)level;
        vic_update(core);
        return slot < current && slot < UNVECTORED ? v->vector[slot] : v->default_vector;
    }
    }
    if (offset >= 0x100 && offset < 0x140)
        return v->vector[(offset - 0x100) / 4];
    if (offset >= 0x200 && offset < 0x240)
        return v->control[(offset - 0x200) / 4];
    if (offset >= 0xfe0) {                   /* peripheral identification of the PL190 */
        static const uint8_t id[8] = {0x90, 0x11, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
        return id[(offset - 0xfe0) / 4 % 8];
    }
    return 0;
}

void vic_write(Core *core, uint32_t offset, uint32_t value)
{
    Vic *v = &core->vic;
    switch (offset) {
    case 0x0c: v->select = value; break;
    case 0x10: v->enable |= value; break;
    case 0x14: v->enable &= ~value; break;
    case 0x18: v->soft |= value; break;
    case 0x1c: v->soft &= ~value; break;
    case 0x30:
        if (v->depth)
            v->depth--;
        break;
    case 0x34: v->default_vector = value; break;
    default:
        if (offset >= 0x100 && offset < 0x140) {
            v->vector[(offset - 0x100) / 4] = value;
        } else if (offset >= 0x200 && offset < 0x240) {
            v->control[(offset - 0x200) / 4] = value & 0x3f;
            find_slots(v);
        }
    }
    vic_update(core);
}
