/* System controller of a chip: clocks and resets of cores, interrupts between cores, locks, GPIO. */
#include "machine.h"

#define CHIP_ID 0x59111012u
#define UNLOCK 0x5ecu                        /* in the top 12 bits of the registers that need it */
#define ALL_CORES ((1u << CORES) - 1u)

void system_controller_reset(Chip *chip)
{
    chip->sc = (SystemController){
        .cpu_ok = ALL_CORES,                 /* self-test passed everywhere */
        .cpu_disable = ALL_CORES & ~1u,
        .monitor_id = 0,                     /* core 0 won the election */
        .gpio_out = 0x20,
    };
}

static void clocks_changed(Chip *chip)
{
    for (unsigned i = 0; i < CORES; i++)
        core_update_halted(&chip->core[i]);
}

static void restart(Chip *chip, uint32_t cores, bool whole_node)
{
    for (unsigned i = 0; i < CORES; i++)
        if (cores >> i & 1) {
            if (whole_node) {
                Core *core = &chip->core[i];
                core->timer[0] = core->timer[1] = (Timer){.value = ~0u, .deadline = NEVER};
                core->dma.busy = core->dma.has_queued = false;
                core->dma.done = 0;
                core->dma.end = NEVER;
            }
            core_restart(&chip->core[i], true);
        }
}

static void level(Chip *chip, uint32_t *reset, uint32_t value, bool whole_node)
{
    uint32_t released = *reset & ~value & ALL_CORES;
    *reset = value & ALL_CORES;
    clocks_changed(chip);
    restart(chip, released, whole_node);
}

static uint32_t sleeping(const Chip *chip)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < CORES; i++)
        bits |= (uint32_t)chip->core[i].cpu.sleeping << i;
    return bits;
}

static uint32_t pins(const SystemController *sc)
{
    enum { SERIAL_OUT = 4 };
    return (sc->gpio_out & ~(uint32_t)SERIAL_OUT) | (sc->rom_output ? SERIAL_OUT : 0);
}

uint32_t system_controller_read(Machine *m, Chip *chip, uint32_t offset)
{
    (void)m;
    SystemController *sc = &chip->sc;
    if (offset >= 0x100 && offset < 0x200) { /* test and set, test and clear */
        uint32_t bit = 1u << (offset / 4 % 32);
        uint32_t old = sc->locks & bit ? 1u << 31 : 0;
        if (offset < 0x180)
            sc->locks |= bit;
        else
            sc->locks &= ~bit;
        return old;
    }
    if (offset >= 0x80 && offset < 0x100) {  /* monitor arbitration: the first reader wins */
        uint32_t bit = 1u << (offset / 4 % 32);
        uint32_t old = sc->arbiters & bit ? 1u << 31 : 0;
        sc->arbiters |= bit;
        return old;
    }
    uint32_t pending = 0;
    switch (offset) {
    case 0x00: return CHIP_ID;
    case 0x04: return sc->cpu_disable;
    case 0x08: case 0x0c:
        for (unsigned i = 0; i < CORES; i++)
            pending |= (chip->core[i].vic.raw >> INT_CPU & 1) << i;
        return pending;
    case 0x10: case 0x14: return sc->cpu_ok;
    case 0x18: return sc->soft_reset;
    case 0x1c: return sc->hard_reset;
    case 0x20: return sc->subsystem_reset;
    case 0x30: return sc->reset_code;
    case 0x34: return sc->monitor_id;
    case 0x38: return sc->misc;
    case 0x3c: return sc->gpio_resistor;
    case 0x40: return sc->gpio_out;
    case 0x44: return sc->gpio_direction;
    case 0x48: return pins(sc);
    case 0x50: return sc->pll1;
    case 0x54: return sc->pll2;
    case 0x58: case 0x5c: return sc->flags;
    case 0x60: return sc->clock_mux;
    case 0x64: return sleeping(chip);
    case 0x200: return sc->link_disable;
    default: return 0;
    }
}

static void gpio(Machine *m, Chip *chip, uint32_t value)
{
    uint32_t before = chip->sc.gpio_out;
    chip->sc.gpio_out = value;
    serial_rom_pins(m, chip, before, value);
}

void system_controller_write(Machine *m, Chip *chip, uint32_t offset, uint32_t value)
{
    SystemController *sc = &chip->sc;
    bool unlocked = value >> 20 == UNLOCK;
    switch (offset) {
    case 0x10: sc->cpu_ok |= value & ALL_CORES; return;
    case 0x14: sc->cpu_ok &= ~value; return;
    case 0x38: sc->misc = value; return;
    case 0x3c: sc->gpio_resistor = value; return;
    case 0x40: gpio(m, chip, value); return;
    case 0x44: sc->gpio_direction = value; return;
    case 0x48: gpio(m, chip, sc->gpio_out | value); return;
    case 0x4c: gpio(m, chip, sc->gpio_out & ~value); return;
    case 0x50: sc->pll1 = value; return;     /* the clock is 200 MHz whatever the PLLs say */
    case 0x54: sc->pll2 = value; return;
    case 0x58: sc->flags |= value; return;
    case 0x5c: sc->flags &= ~value; return;
    case 0x60: sc->clock_mux = value; return;
    default: break;
    }
    if (!unlocked)
        return;
    switch (offset) {
    case 0x04:
        sc->cpu_disable = value & ALL_CORES;
        clocks_changed(chip);
        break;
    case 0x08: case 0x0c:
        for (unsigned i = 0; i < CORES; i++)
            if (value >> i & 1)
                vic_set(&chip->core[i], INT_CPU, offset == 0x08);
        break;
    case 0x18: level(chip, &sc->soft_reset, value, false); break;
    case 0x1c: level(chip, &sc->hard_reset, value, true); break;
    case 0x20: sc->subsystem_reset = value & 0x3ffff; break;
    case 0x24: restart(chip, value & ALL_CORES, false); break;
    case 0x28: restart(chip, value & ALL_CORES, true); break;
    case 0x34: sc->monitor_id = value & 0x1011f; break;
    case 0x200: sc->link_disable = value & 0x13f3f; break;
    default: break;
    }
}
