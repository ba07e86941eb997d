/*
 * What the boot ROM of a chip does, without its code: takes an image of up to 32 blocks of 1 KB by
 * UDP (chip with Ethernet) or by nearest-neighbour packets, and starts the monitor core on it.
 *
 * The image is put at DTCM + 0x8000, where it will be passed on from, and at ITCM 0, where it runs.
 */
#include "machine.h"
#include <string.h>

enum { BLOCKS = 32, BLOCK_BYTES = 1024, IMAGE_OFFSET = 0x8000 };
enum { SERIAL_BLOCK = 0x7fe0 };              /* in SysRAM: what the ROM read from the serial ROM */

/* The core that runs the image. */
static Core *monitor_core(Chip *chip) { return &chip->core[chip->sc.monitor_id & 31]; }

static bool dead(const Machine *m, const Chip *chip)
{
    return m->faults.dead.cores[chip->id] >> (chip->sc.monitor_id & 31) & 1;
}

void boot_rom_test_cores(const Machine *m, Chip *chip)
{
    enum { ALL_CORES = (1 << CORES) - 1, MONITOR_SHIFT = 8 };
    uint32_t good = ALL_CORES & ~m->faults.dead.cores[chip->id];
    if (!good)
        return;
    uint32_t monitor = (uint32_t)__builtin_ctz(good);
    chip->sc.cpu_ok = good;
    chip->sc.monitor_id = monitor;
    chip->sc.cpu_disable = ALL_CORES & ~(1u << monitor);
    chip->router.control = (chip->router.control & ~(31u << MONITOR_SHIFT)) | monitor << MONITOR_SHIFT;
}

void boot_rom_reset(Chip *chip)
{
    memset(&chip->rom, 0, sizeof chip->rom);
    chip->rom.active = true;
}

static void put16(uint8_t *p, unsigned v) { p[0] = (uint8_t)v; p[1] = (uint8_t)(v >> 8); }

static void serial_block(const Machine *m, Chip *chip)
{
    uint8_t *b = chip->sysram + SERIAL_BLOCK;
    memset(b, 0, 32);
    if (!chip->ethernet_fitted)
        return;
    enum { PRESENT = 0x8000, ETHERNET = 1 };
    static const uint8_t maker[3] = {0x02, 0x53, 0x70};     /* locally administered */
    const uint8_t *address = m->board[chip->board].ip_address;
    put16(b, PRESENT | (m->kind == BOARD_SPINN5 || m->kind == BOARD_TRIAD ? 5u : 3u) << 4 | ETHERNET);
    memcpy(b + 2, maker, 3);
    memcpy(b + 5, address + 1, 3);
    memcpy(b + 8, address, 4);
    memcpy(b + 12, address, 3);        /* gateway: .254 of a /8 network */
    b[15] = 254;
    b[16] = 255;
    put16(b + 20, m->udp_port);
}

static void start(Machine *m, Chip *chip)
{
    Core *core = monitor_core(chip);
    chip->rom.active = false;
    serial_block(m, chip);
    memcpy(core->cpu.itcm, core->cpu.dtcm + IMAGE_OFFSET, ITCM_BYTES);
    cpu_itcm_changed(&core->cpu, 0, ITCM_BYTES);
    chip->sc.cpu_disable &= ~(1u << core->id);
    core->parked = false;
    core_restart(core, false);
}

void boot_rom_image(Machine *m, const uint8_t *image, size_t bytes)
{
    Chip *chip = &m->chip[0];
    if (!chip->rom.active || bytes > BLOCKS * BLOCK_BYTES || dead(m, chip))
        return;
    memcpy(monitor_core(chip)->cpu.dtcm + IMAGE_OFFSET, image, bytes);
    start(m, chip);
}

/* --- by UDP ------------------------------------------------------------------------------- */

enum { OP_START = 1, OP_BLOCK = 3, OP_CONTROL = 5, HEADER = 18 };

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void boot_rom_datagram(Machine *m, unsigned board, const uint8_t *data, size_t length)
{
    Chip *chip = &m->chip[m->board[board].chip];
    BootRom *rom = &chip->rom;
    if (!rom->active || dead(m, chip) || length < HEADER || data[0] != 0 || data[1] != 1)
        return;
    uint32_t op = be32(data + 2), operand1 = be32(data + 6), operand3 = be32(data + 14);
    uint8_t *image = monitor_core(chip)->cpu.dtcm + IMAGE_OFFSET;
    switch (op) {
    case OP_START:
        if (operand3 >= BLOCKS)
            return;
        rom->blocks = operand3 + 1;
        rom->seen = 0;
        memset(image, 0, BLOCKS * BLOCK_BYTES);
        break;
    case OP_BLOCK: {
        uint32_t block = operand1 & 0xff;
        size_t bytes = length - HEADER;
        if (block >= rom->blocks || bytes > BLOCK_BYTES || bytes % 4)
            return;
        for (size_t i = 0; i < bytes; i += 4) {
            uint32_t word = be32(data + HEADER + i);
            memcpy(image + block * BLOCK_BYTES + i, &word, 4);
        }
        rom->seen |= 1u << block;
        break;
    }
    case OP_CONTROL:
        if (operand1 == 1 && rom->blocks && rom->seen == (uint32_t)((1ull << rom->blocks) - 1))
            start(m, chip);
        break;
    default:
        break;
    }
}

/* --- by nearest-neighbour packets --------------------------------------------------------- */

enum { NN_START = 1, NN_BLOCK = 2, NN_DATA = 3, NN_BLOCK_END = 4, NN_CONTROL = 5 };

static uint32_t crc32(const uint8_t *data, size_t bytes)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

/* Several neighbours may send at once, each block several times: words are filed by their number,
 * and a block that was right once is never touched again. */
void boot_rom_packet(Machine *m, Chip *chip, const Packet *p, uint64_t now)
{
    (void)now;
    BootRom *rom = &chip->rom;
    if (packet_type(p) != PACKET_NN || !packet_has_payload(p) || dead(m, chip))
        return;
    uint32_t block = p->key >> 16 & 0xff, word = p->key >> 8 & 0xff;
    uint8_t *image = monitor_core(chip)->cpu.dtcm + IMAGE_OFFSET;
    bool open = rom->blocks && block < rom->blocks && !(rom->seen >> block & 1);
    switch (p->key >> 24 & 0xf) {
    case NN_START:
        if (!rom->blocks && (p->payload >> 16 & 0xff) < BLOCKS)
            rom->blocks = (p->payload >> 16 & 0xff) + 1;
        break;
    case NN_BLOCK:
        if (open)
            rom->block_words[block] = word + 1;
        break;
    case NN_DATA:
        if (open) {
            memcpy(image + block * BLOCK_BYTES + word * 4, &p->payload, 4);
            rom->words[block][word / 32] |= 1u << (word % 32);
        }
        break;
    case NN_BLOCK_END:
        if (open && rom->block_words[block]
            && crc32(image + block * BLOCK_BYTES, rom->block_words[block] * 4u) == p->payload)
            rom->seen |= 1u << block;
        break;
    case NN_CONTROL:
        if (rom->blocks && rom->seen == (uint32_t)((1ull << rom->blocks) - 1))
            start(m, chip);
        break;
    default:
        break;
    }
}
