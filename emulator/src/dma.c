/*
 * DMA controller of a core.
 *
 * A transfer takes its set-up and the time its own path needs, and not less than the chip's SDRAM
 * needs for all transfers that were asked for before it.  Data move at the end.  CRC is not
 * modelled.  Completions are counted up to two, as the two "done" bits of the status show.
 */
#include "machine.h"
#include <string.h>

enum { STAT_BUSY = 1, STAT_QUEUED = 4, STAT_DONE = 1u << 10, STAT_DONE2 = 1u << 11,
       STAT_TCM_ERROR = 1u << 14, STAT_BUS_ERROR = 1u << 15, STAT_ABORTED = 1u << 16 };
enum { CTRL_UNCOMMIT = 1, CTRL_ABORT = 2, CTRL_RESTART = 4, CTRL_CLEAR_DONE = 8, CTRL_CLEAR_TIMEOUT = 16 };
enum { GCTL_DONE = 1u << 10, GCTL_DONE2 = 1u << 11, GCTL_ERRORS = 0x13e000u };
enum { TO_SYSTEM = 1u << 19 };

static uint32_t length(uint32_t description) { return description & 0x1fffc; }

static void drive(Core *core)
{
    const Dma *d = &core->dma;
    vic_set(core, INT_DMA_DONE, (d->done > 0 && (d->global_control & GCTL_DONE))
                                || (d->done > 1 && (d->global_control & GCTL_DONE2)));
    vic_set(core, INT_DMA_ERROR, (d->errors & d->global_control & GCTL_ERRORS) != 0);
}

static bool is_sdram(uint32_t a) { return a >= 0x60000000u && a < 0x80000000u; }

static void begin(Core *core, const DmaTransfer *t, uint64_t now)
{
    Dma *d = &core->dma;
    Chip *chip = core->chip;
    uint64_t bytes8 = (uint64_t)length(t->description) * 8;
    uint64_t end = now + DMA_SETUP + (bytes8 + DMA_BYTES_PER_CYCLE_X8 - 1) / DMA_BYTES_PER_CYCLE_X8;
    if (is_sdram(t->system)) {
        /* in eighths of a byte time, so that small transfers add up exactly */
        uint64_t now_x = now * SDRAM_BYTES_PER_CYCLE_X8;
        if (chip->sdram_free_at < now_x)
            chip->sdram_free_at = now_x;
        chip->sdram_free_at += bytes8;
        uint64_t shared = chip->sdram_free_at / SDRAM_BYTES_PER_CYCLE_X8 + DMA_SETUP;
        if (end < shared)
            end = shared;
    }
    d->active = *t;
    d->busy = true;
    d->end = end;
    core->chip->counters.dma_transfers++;
    core->chip->counters.dma_bytes += length(t->description);
}

/* The host memory behind an address, or NULL where the whole range is not memory. */
static uint8_t *system_memory(Core *core, uint32_t address, uint32_t bytes, bool write)
{
    if (is_sdram(address)) {
        uint32_t offset = address % SDRAM_BYTES;
        if (bytes > SDRAM_BYTES - offset)
            return NULL;
        if (write && bytes)
            for (uint32_t o = offset >> SDRAM_BLOCK_SHIFT; o <= (offset + bytes - 1) >> SDRAM_BLOCK_SHIFT; o++)
                sdram_touch(core->chip, o << SDRAM_BLOCK_SHIFT);
        return chip_sdram(core->machine, core->chip) + offset;
    }
    uint32_t base = address & 0xefff8000u;
    if (base == 0xe5000000u) {
        uint32_t offset = address % SYSRAM_BYTES;
        return bytes <= SYSRAM_BYTES - offset ? core->chip->sysram + offset : NULL;
    }
    return NULL;
}

static uint8_t *tcm_memory(Core *core, uint32_t address, uint32_t bytes)
{
    if (address < ITCM_BYTES && bytes <= ITCM_BYTES - address)
        return core->cpu.itcm + address;
    if (address - DTCM_BASE < DTCM_BYTES && bytes <= DTCM_BYTES - (address - DTCM_BASE))
        return core->cpu.dtcm + (address - DTCM_BASE);
    return NULL;
}

static void move(Core *core, const DmaTransfer *t)
{
    Dma *d = &core->dma;
    uint32_t bytes = length(t->description);
    bool write = t->description & TO_SYSTEM;
    uint8_t *system = system_memory(core, t->system & ~3u, bytes, write);
    uint8_t *tcm = tcm_memory(core, t->tcm & ~3u, bytes);
    if (!tcm) {
        d->errors |= STAT_TCM_ERROR;
    } else if (!system) {
        d->errors |= STAT_BUS_ERROR;
    } else if (write) {
        memcpy(system, tcm, bytes);
    } else {
        memcpy(tcm, system, bytes);
        if ((t->tcm & ~3u) < ITCM_BYTES)
            cpu_itcm_changed(&core->cpu, t->tcm & ~3u, bytes);
    }
}

void dma_event(Core *core)
{
    Dma *d = &core->dma;
    uint64_t at = d->end;
    move(core, &d->active);
    if (d->done < 2)
        d->done++;
    d->busy = false;
    d->end = NEVER;
    if (d->has_queued) {
        d->has_queued = false;
        begin(core, &d->queued, at);
    }
    drive(core);
}

uint32_t dma_read(Core *core, uint32_t offset)
{
    const Dma *d = &core->dma;
    switch (offset) {
    case 0x04: return d->request.system;
    case 0x08: return d->request.tcm;
    case 0x0c: return d->request.description;
    case 0x14:
        return (uint32_t)core->id << 24 | (d->busy ? STAT_BUSY : 0) | (d->has_queued ? STAT_QUEUED : 0)
             | (d->done > 0 ? STAT_DONE : 0) | (d->done > 1 ? STAT_DONE2 : 0) | d->errors;
    case 0x18: return d->global_control;
    case 0x24: return d->timeout;
    case 0x28: return d->statistics_control;
    case 0x104: return d->active.system;
    case 0x108: return d->active.tcm;
    case 0x10c: return d->active.description;
    default:
        return offset >= 0x180 && offset < 0x200 ? d->polynomial[(offset - 0x180) / 4] : 0;
    }
}

void dma_write(Core *core, uint32_t offset, uint32_t value)
{
    Dma *d = &core->dma;
    switch (offset) {
    case 0x04: d->request.system = value; return;
    case 0x08: d->request.tcm = value; return;
    case 0x0c:
        d->request.description = value;
        if (d->busy) {
            d->queued = d->request;
            d->has_queued = true;
        } else {
            begin(core, &d->request, core->cpu.cycles);
        }
        break;
    case 0x10:
        if (value & CTRL_UNCOMMIT)
            d->has_queued = false;
        if (value & CTRL_ABORT && d->busy) {
            d->busy = false;
            d->end = NEVER;
            d->errors |= STAT_ABORTED;
        }
        if (value & CTRL_RESTART) {
            d->errors = 0;
            if (!d->busy && d->has_queued) {
                d->has_queued = false;
                begin(core, &d->queued, core->cpu.cycles);
            }
        }
        if (value & CTRL_CLEAR_DONE && d->done)
            d->done--;
        break;
    case 0x18: d->global_control = value; break;
    case 0x24: d->timeout = value; return;
    case 0x28: d->statistics_control = value & 1; return;
    default:
        if (offset >= 0x180 && offset < 0x200)
            d->polynomial[(offset - 0x180) / 4] = value;
        return;
    }
    drive(core);
    core_device_changed(core);
}
