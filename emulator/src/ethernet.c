/* Ethernet MAC of a chip: one frame out, a 3 KB ring in.  Frames never wrap in the ring. */
#include "machine.h"
#include <string.h>

enum { RX_BYTES = 0xc00, RX_FRAMES = 63, DESCRIPTORS = 64 };
enum { CTRL = 0x00, STATUS = 0x04, TX_LENGTH = 0x08, TX_COMMAND = 0x0c, RX_COMMAND = 0x10, MAC_LO = 0x14,
       MAC_HI = 0x18, PHY_CONTROL = 0x1c, INT_CLEAR = 0x20, RX_READ = 0x24, RX_WRITE = 0x28,
       DESC_READ = 0x2c, DESC_WRITE = 0x30 };
enum { ENABLE_TX = 1, ENABLE_RX = 2 };

static uint32_t rounded(uint32_t length) { return (length + 3) & ~3u; }

/* Where a frame would go; RX_BYTES if nowhere. */
static uint32_t place(const Ethernet *e, uint32_t length)
{
    length = rounded(length);
    if (e->frames == 0)
        return length <= RX_BYTES ? 0 : RX_BYTES;
    if (e->frames >= RX_FRAMES)
        return RX_BYTES;
    if (e->write_offset > e->read_offset) {
        if (length <= RX_BYTES - e->write_offset)
            return e->write_offset;
        return length < e->read_offset ? 0 : RX_BYTES;
    }
    return e->write_offset + length < e->read_offset ? e->write_offset : RX_BYTES;
}

bool ethernet_has_room(const Chip *chip, uint32_t length)
{
    return place(&chip->ethernet, length) < RX_BYTES;
}

/* Descriptors hold the length in bits 10:0; the frame's own place is ours to remember, above. */
enum { LENGTH = 0x7ff, PLACE_SHIFT = 16 };

void ethernet_receive(Machine *m, Chip *chip, const uint8_t *frame, uint32_t length)
{
    (void)m;
    Ethernet *e = &chip->ethernet;
    uint32_t at = place(e, length);
    if (!(e->control & ENABLE_RX) || at == RX_BYTES || length == 0) {
        e->dropped++;
        chip->counters.frames_lost++;
        return;
    }
    if (e->frames == 0)
        e->read_offset = at;
    memcpy(e->rx_ram + at, frame, length);
    e->descriptor[e->write_index] = length | at << PLACE_SHIFT;
    e->write_index = (e->write_index + 1) % DESCRIPTORS;
    e->write_offset = at + rounded(length);
    e->frames++;
    chip->counters.frames_in++;
    vic_set_chip(chip, INT_ETHERNET_RX, true);
}

static void discard(Ethernet *e)
{
    if (!e->frames)
        return;
    e->frames--;
    e->read_index = (e->read_index + 1) % DESCRIPTORS;
    e->read_offset = e->frames ? e->descriptor[e->read_index] >> PLACE_SHIFT : e->write_offset;
}

static void transmit(Machine *m, Chip *chip, uint64_t now)
{
    Ethernet *e = &chip->ethernet;
    Board *board = &m->board[chip->board];
    uint32_t length = e->tx_length;
    if (!(e->control & ENABLE_TX) || length < 14 || length > sizeof e->tx_ram || length > FRAME_MAX)
        return;
    uint64_t start = now > e->tx_end ? now : e->tx_end;
    e->tx_end = start + (uint64_t)(length + ETHERNET_FRAME_OVERHEAD) * ETHERNET_CYCLES_PER_BYTE;
    if (board->out_count == FRAMES_OUT) {
        chip->counters.frames_lost++;
        return;
    }
    Frame *out = &board->out[(board->out_head + board->out_count++) % FRAMES_OUT];
    out->length = length;
    memcpy(out->data, e->tx_ram, length);
    chip->counters.frames_out++;
}

/* Cores of two boards may do so at once, each on a thread of the host. */
static void call_bridge(Machine *m) { __atomic_store_n(&m->attention, true, __ATOMIC_RELAXED); }

static uint32_t read_register(Ethernet *e, uint64_t now, uint32_t offset)
{
    switch (offset) {
    case CTRL: return e->control;
    case STATUS: return (now < e->tx_end) | e->frames << 1 | (e->dropped & 0xffff) << 16;
    case TX_LENGTH: return e->tx_length;
    case MAC_LO: return e->mac_low;
    case MAC_HI: return e->mac_high;
    case PHY_CONTROL: return (e->phy_control & ~2u) | phy_data(e);
    case RX_READ: return e->read_offset % RX_BYTES;
    case RX_WRITE: return e->write_offset % RX_BYTES;
    case DESC_READ: return e->read_index;
    case DESC_WRITE: return e->write_index;
    default: return 0;
    }
}

uint32_t ethernet_read(Machine *m, Chip *chip, uint64_t now, uint32_t offset, unsigned bytes)
{
    (void)m;
    if (!chip->ethernet_fitted)
        return 0;
    Ethernet *e = &chip->ethernet;
    uint32_t value = 0;
    if (offset + bytes <= sizeof e->tx_ram)
        memcpy(&value, e->tx_ram + offset, bytes);
    else if (offset >= 0x4000 && offset - 0x4000 + bytes <= sizeof e->rx_ram)
        memcpy(&value, e->rx_ram + (offset - 0x4000), bytes);
    else if (offset >= 0x8000 && offset < 0x8000 + sizeof e->descriptor)
        value = (e->descriptor[(offset - 0x8000) / 4] & LENGTH) >> 8 * (offset & 3);
    else if (offset >= 0xc000)
        value = read_register(e, now, (offset - 0xc000) & 0xfc) >> 8 * (offset & 3);
    return value;
}

void ethernet_write(Machine *m, Chip *chip, uint64_t now, uint32_t offset, uint32_t value, unsigned bytes)
{
    if (!chip->ethernet_fitted)
        return;
    Ethernet *e = &chip->ethernet;
    if (offset + bytes <= sizeof e->tx_ram) {
        memcpy(e->tx_ram + offset, &value, bytes);
        return;
    }
    if (offset < 0xc000)
        return;
    switch ((offset - 0xc000) & 0xfc) {
    case CTRL:
        e->control = value;
        if (value & 0x200)
            e->dropped = 0;
        break;
    case TX_LENGTH: e->tx_length = value & 0x7ff; break;
    case TX_COMMAND:
        transmit(m, chip, now);
        call_bridge(m);
        break;
    case RX_COMMAND:
        discard(e);
        if (e->frames == 0)
            vic_set_chip(chip, INT_ETHERNET_RX, false);
        call_bridge(m);
        break;
    case MAC_LO: e->mac_low = value; break;
    case MAC_HI: e->mac_high = value; break;
    case PHY_CONTROL: {
        uint32_t before = e->phy_control;
        e->phy_control = value & 0x3f;
        phy_pins(e, before, e->phy_control);
        break;
    }
    case INT_CLEAR:
        /* The line is that of a level: a frame that came while the handler was busy must not lose its
         * interrupt to the clearing of the one before.  assumption */
        if (value & 0x10)
            vic_set_chip(chip, INT_ETHERNET_RX, e->frames > 0);
        break;
    default: break;
    }
}
