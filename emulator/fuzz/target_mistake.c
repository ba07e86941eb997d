/* For tests of the fuzzer: it finds what is there to be found.  Runs only where it is named. */
#include "fuzz.h"
#include <stdlib.h>

static Machine *machine;

static void begin(void)
{
    machine = machine_new(BOARD_ONE_CHIP, (uint8_t[4]){127, 0, 0, 5});
    MUST(machine);
}

static void make(Choices *c, Input *in)
{
    add_any(in, c, 8);
    in->data[0] = (uint8_t)below(c, 50);
}

/* A byte behind ITCM, as the core sees it; one behind the input; a shift by too much; what must not be. */
static void feed(const uint8_t *data, uint32_t length)
{
    static volatile uint32_t found;
    if (!length || data[0] != 49)
        return;
    const uint8_t *itcm = machine->chip[0].core[1].cpu.itcm;
    switch (data[1] % 4) {
    case 0: found += itcm[ITCM_BYTES + data[2] % 8]; break;
    case 1: found += data[length + data[2] % 4]; break;
    case 2: found += 1u << (32 + data[2]); break;
    default: MUST(data[0] != 49);
    }
}

static void end(void)
{
    machine_free(machine);
}

const Target mistake_target = {
    "mistake", "mistakes made on purpose, only where it is named", 0, 1000, begin, make, feed, end};
