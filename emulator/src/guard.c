#include "guard.h"
#include "machine.h"

#ifdef ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>

static void guard(const void *place, bool on)
{
    if (on)
        ASAN_POISON_MEMORY_REGION(place, GUARD_BYTES);
    else
        ASAN_UNPOISON_MEMORY_REGION(place, GUARD_BYTES);
}

void machine_guard(Machine *m, bool on)
{
    for (unsigned i = 0; i < m->chips; i++) {
        Chip *chip = &m->chip[i];
        guard(chip->ethernet.behind_tx, on);
        guard(chip->ethernet.behind_rx, on);
        guard(chip->behind_sysram, on);
        for (unsigned c = 0; c < CORES; c++) {
            guard(m->tcm[i][c].behind_itcm, on);
            guard(m->tcm[i][c].behind_dtcm, on);
        }
    }
    guard(m->sdram + (size_t)m->chips * SDRAM_BYTES, on);
}
#else
void machine_guard(Machine *m, bool on)
{
    (void)m;
    (void)on;
}
#endif
