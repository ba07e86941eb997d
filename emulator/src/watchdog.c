/* Watchdog: registers only.  Stock software unlocks and disables it; it never bites here. */
#include "machine.h"

enum { LOAD = 0x00, COUNT = 0x04, CONTROL = 0x08, LOCK = 0xc00 };
#define MAGIC 0x1acce551u

uint32_t watchdog_read(Chip *chip, uint32_t offset)
{
    const Watchdog *w = &chip->watchdog;
    switch (offset) {
    case LOAD: case COUNT: return w->load;
    case CONTROL: return w->control;
    case LOCK: return w->lock != MAGIC;
    default: return 0;
    }
}

void watchdog_write(Chip *chip, uint32_t offset, uint32_t value)
{
    Watchdog *w = &chip->watchdog;
    if (offset == LOCK)
        w->lock = value;
    else if (w->lock != MAGIC)
        return;
    else if (offset == LOAD)
        w->load = value;
    else if (offset == CONTROL)
        w->control = value & 3;
}
