/* 25xx serial EEPROM on GPIO pins 2-5 of a chip with Ethernet: read command only. */
#include "machine.h"

enum { SI = 8, CLK = 16, NCS = 32 };
enum { READ_COMMAND = 3 };

void serial_rom_pins(Machine *m, Chip *chip, uint32_t before, uint32_t after)
{
    SystemController *sc = &chip->sc;
    if (!chip->ethernet_fitted || (after & NCS)) {
        sc->rom_bits = 0;
        sc->rom_output = false;
        return;
    }
    bool rising = !(before & CLK) && (after & CLK), falling = (before & CLK) && !(after & CLK);
    if (rising && sc->rom_bits < 32) {
        sc->rom_shift = sc->rom_shift << 1 | (after & SI ? 1 : 0);
        if (++sc->rom_bits == 32)
            sc->rom_address = (sc->rom_shift & 0xffffff) * 8;   /* in bits */
    } else if (falling && sc->rom_bits >= 32 && sc->rom_shift >> 24 == READ_COMMAND) {
        uint32_t byte = sc->rom_address / 8;
        uint8_t value = byte < SERIAL_ROM_BYTES ? m->board[chip->board].serial_rom[byte] : 0xff;
        sc->rom_output = value >> (7 - sc->rom_address % 8) & 1;
        sc->rom_address++;
    }
}
