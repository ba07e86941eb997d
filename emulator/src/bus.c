/* Address decoding: what the cores and the router's peek and poke reach. */
#include "machine.h"
#include <string.h>

enum { FAST_VIC = 0xfffff000u };

static uint32_t load(const uint8_t *p, unsigned bytes)
{
    uint32_t v = 0;
    memcpy(&v, p, bytes);                    /* both sides are little-endian */
    return v;
}

static void store(uint8_t *p, uint32_t value, unsigned bytes) { memcpy(p, &value, bytes); }

/* A word register seen through a narrower access. */
static uint32_t narrow(uint32_t word, uint32_t address, unsigned bytes)
{
    word >>= 8 * (address & 3);
    return bytes == 1 ? word & 0xff : bytes == 2 ? word & 0xffff : word;
}

static uint32_t pl340_read(const Chip *chip, uint32_t offset)
{
    enum { DLL_STATUS = 0x300, DLL_LOCKED = 1u << 18 };
    return offset == DLL_STATUS ? DLL_LOCKED : offset < sizeof chip->pl340 ? chip->pl340[offset / 4] : 0;
}

uint32_t chip_read(Machine *m, Chip *chip, Core *core, uint32_t address, unsigned bytes)
{
    uint32_t offset = address & 0x00fffffcu;
    switch (address >> 24) {
    case 0xe0: case 0xf0: return narrow(pl340_read(chip, offset), address, bytes);
    case 0xe1: case 0xf1: return narrow(router_read(m, chip, offset & 0x1ffff), address, bytes);
    case 0xe2: case 0xf2: return narrow(system_controller_read(m, chip, offset & 0xfff), address, bytes);
    case 0xe3: case 0xf3: return narrow(watchdog_read(chip, offset & 0xfff), address, bytes);
    case 0xe4: case 0xf4:
        return ethernet_read(m, chip, core ? core->cpu.cycles : m->events.now, address & 0xffff, bytes);
    case 0xe5: case 0xf5:
        return load(chip->sysram + (address & (SYSRAM_BYTES - 1)), bytes);
    case 0xff:                               /* boot area: SysRAM, or the ROM (reads as 0 here) */
        return chip->sc.misc & 1 ? load(chip->sysram + (address & (SYSRAM_BYTES - 1)), bytes) : 0;
    default:
        if (address >= 0x60000000u && address < 0x80000000u)
            return load(chip_sdram(m, chip) + address % SDRAM_BYTES, bytes);
        return 0;
    }
}

void chip_write(Machine *m, Chip *chip, Core *core, uint32_t address, uint32_t value, unsigned bytes)
{
    uint32_t offset = address & 0x00fffffcu;
    switch (address >> 24) {
    case 0xe0: case 0xf0:
        if (offset < sizeof chip->pl340)
            chip->pl340[offset / 4] = value;
        return;
    case 0xe1: case 0xf1: router_write(m, chip, offset & 0x1ffff, value); return;
    case 0xe2: case 0xf2: system_controller_write(m, chip, offset & 0xfff, value); return;
    case 0xe3: case 0xf3: watchdog_write(chip, offset & 0xfff, value); return;
    case 0xe4: case 0xf4:
        ethernet_write(m, chip, core ? core->cpu.cycles : m->events.now, address & 0xffff, value, bytes);
        return;
    case 0xe5: case 0xf5:
        store(chip->sysram + (address & (SYSRAM_BYTES - 1)), value, bytes);
        return;
    case 0xff:
        if (chip->sc.misc & 1)
            store(chip->sysram + (address & (SYSRAM_BYTES - 1)), value, bytes);
        return;
    default:
        if (address >= 0x60000000u && address < 0x80000000u) {
            uint32_t at = address % SDRAM_BYTES;
            sdram_touch(chip, at);
            store(chip_sdram(m, chip) + at, value, bytes);
        }
    }
}

static uint32_t bus_read(Cpu *cpu, uint32_t address, unsigned bytes)
{
    Core *core = cpu->owner;
    if (address >= 0x60000000u && address < 0x80000000u) {
        cpu->cycles += WAIT_SDRAM_READ;
        return load(chip_sdram(core->machine, core->chip) + address % SDRAM_BYTES, bytes);
    }
    if (core->next_local <= cpu->cycles)
        core_local_events(core, cpu->cycles);
    uint32_t word;
    switch (address >> 24) {
    case 0x10: case 0x20: word = cc_read(core, address & 0xfc); break;
    case 0x11: case 0x21: word = timer_read(core, address & 0x3c); break;
    case 0x1f: case 0x2f: word = vic_read(core, address & 0xffc); break;
    case 0x30: case 0x40: word = dma_read(core, address & 0x1fc); break;
    case 0xff:
        if (address >= FAST_VIC) {
            word = vic_read(core, address & 0xffc);
            break;
        }
        /* fall through */
    default:
        cpu->cycles += WAIT_SYSTEM_READ;
        return chip_read(core->machine, core->chip, core, address, bytes);
    }
    cpu->cycles += WAIT_LOCAL_READ;
    return narrow(word, address, bytes);
}

static uint32_t bus_read_own(Cpu *cpu, uint32_t address, unsigned bytes)
{
    uint32_t word = timer_read(cpu->owner, address & 0x3c);
    cpu->cycles += WAIT_LOCAL_READ;
    return narrow(word, address, bytes);
}

static void bus_write(Cpu *cpu, uint32_t address, uint32_t value, unsigned bytes)
{
    Core *core = cpu->owner;
    if (address >= 0x60000000u && address < 0x80000000u) {
        cpu->cycles += address < 0x70000000u ? WAIT_WRITE_BUFFERED : WAIT_SDRAM_WRITE;
        uint32_t at = address % SDRAM_BYTES;
        sdram_touch(core->chip, at);
        store(chip_sdram(core->machine, core->chip) + at, value, bytes);
        return;
    }
    if (core->next_local <= cpu->cycles)
        core_local_events(core, cpu->cycles);
    switch (address >> 24) {
    case 0x10: case 0x20: cc_write(core, address & 0xfc, value); break;
    case 0x11: case 0x21: timer_write(core, address & 0x3c, value); break;
    case 0x1f: case 0x2f: vic_write(core, address & 0xffc, value); break;
    case 0x30: case 0x40: dma_write(core, address & 0x1fc, value); break;
    case 0xff:
        if (address >= FAST_VIC) {
            vic_write(core, address & 0xffc, value);
            break;
        }
        /* fall through */
    default:
        chip_write(core->machine, core->chip, core, address, value, bytes);
        cpu->cycles += address < 0xf0000000u ? WAIT_WRITE_BUFFERED : WAIT_SYSTEM_WRITE;
        return;
    }
    cpu->cycles += (address >> 28) == 2 || (address >> 28) == 4 ? WAIT_LOCAL_WRITE_BUFFERED : WAIT_LOCAL_WRITE;
}

static const uint8_t *bus_fetch(Cpu *cpu, uint32_t address)
{
    Core *core = cpu->owner;
    address &= ~3u;
    if (address >= 0x60000000u && address < 0x80000000u)
        return chip_sdram(core->machine, core->chip) + address % SDRAM_BYTES;
    if ((address & 0xef000000u) == 0xe5000000u
        || (address >= 0xff000000u && address < FAST_VIC && core->chip->sc.misc & 1))
        return core->chip->sysram + (address & (SYSRAM_BYTES - 1));
    return NULL;
}

const CpuBus core_bus = {bus_read, bus_write, bus_fetch, bus_read_own};
