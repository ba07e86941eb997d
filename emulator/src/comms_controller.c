/*
 * Communications controller of a core and its two ways through the Comms NoC.
 *
 * To the router: a packet needs CORE_TO_ROUTER cycles, CORE_TX_SLOTS of them may be on their way;
 * one more waits in the transmit register, which is what software sees as "full".
 * From the router: CORE_RX_SLOTS places, the first of which is the receive register.
 */
#include "machine.h"

enum { TX_EMPTY = 1u << 31, TX_FULL = 1u << 30, TX_OVERRUN = 1u << 29, TX_NOT_FULL = 1u << 28 };
enum { RX_RECEIVED = 1u << 31, RX_PARITY_ERROR_SHIFT = 30, RX_NO_ERROR = 1u << 28 };

static uint64_t spacing(const Packet *p, unsigned without, unsigned with)
{
    return packet_has_payload(p) ? with : without;
}

static void drive_tx(Core *core)
{
    const CommsController *cc = &core->cc;
    enum { EMPTY = 1u << INT_CC_TX_EMPTY, NOT_FULL = 1u << INT_CC_TX_NOT_FULL, FULL = 1u << INT_CC_TX_FULL,
           OVERRUN = 1u << INT_CC_TX_OVERRUN };
    vic_set_many(core, EMPTY | NOT_FULL | FULL | OVERRUN,
                 (cc->held ? FULL : EMPTY | NOT_FULL) | (cc->overrun ? OVERRUN : 0));
}

static void drive_rx(Core *core)
{
    const CommsController *cc = &core->cc;
    const Packet *p = &cc->rx[cc->rx_head].packet;
    enum { READY = 1u << INT_CC_READY, OF_TYPES = 0xfu << INT_CC_MC };
    uint32_t of_type = p->control & CONTROL_WRONG_PARITY ? 0 : 1u << (INT_CC_MC + packet_type(p));
    vic_set_many(core, READY | OF_TYPES, cc->rx_visible ? READY | of_type : 0);
}

/* The head of rx is in the receive register.  One with wrong parity counts as received, but not as a packet of its type, and is
 * remembered until software writes to the status register (SpiNNaker datasheet 2.02, section 8; what clears it is an assumption). */
static void show(Core *core)
{
    CommsController *cc = &core->cc;
    cc->last = cc->rx[cc->rx_head].packet;
    if (cc->last.control & CONTROL_WRONG_PARITY) {
        cc->parity_error = true;
        vic_set(core, INT_CC_PARITY, true);
    }
}

void cc_reset(Core *core)
{
    core->cc = (CommsController){.released = NEVER, .source_address = 0x07000000};
    drive_tx(core);
    drive_rx(core);
    vic_set(core, INT_CC_PARITY, false);
}

/* Put a packet on its way to the router; there is a place for it. */
static void launch(Core *core, const Packet *packet, uint64_t now)
{
    CommsController *cc = &core->cc;
    Machine *m = core->machine;
    uint64_t at = now + CORE_TO_ROUTER;
    uint64_t spaced = cc->tx_last + spacing(packet, CORE_TX_SPACING, CORE_TX_SPACING_PAYLOAD);
    if (at < spaced)
        at = spaced;
    cc->tx_last = at;
    cc->tx[(cc->tx_head + cc->tx_count) % CORE_TX_SLOTS] = (TimedPacket){at, *packet};
    if (cc->tx_count++ == 0)
        events_queue_node(m, core->chip->id * NODES_PER_CHIP + NODE_INPUT + LINKS + core->id, at);
}

/* The router took the oldest packet of this core. */
void cc_taken_by_router(Machine *m, Core *core, uint64_t now)
{
    (void)m;
    CommsController *cc = &core->cc;
    cc->tx_head = (cc->tx_head + 1) % CORE_TX_SLOTS;
    cc->tx_count--;
    if (cc->held && cc->released == NEVER) {
        launch(core, &cc->hold, now);
        cc->released = now;
        if (now < core->next_local) {
            core->next_local = now;
            core_turn_at(core, now);
            if (core->cpu.sleeping)
                core_wake(core, now);
        }
    }
}

/* The router sends a packet to the core; it has seen that there is a place. */
void cc_push(Machine *m, Core *core, const Packet *packet, uint64_t now)
{
    CommsController *cc = &core->cc;
    uint64_t at = now + ROUTER_PIPELINE + ROUTER_TO_CORE;
    uint64_t spaced = cc->rx_last + spacing(packet, CORE_RX_SPACING, CORE_RX_SPACING_PAYLOAD);
    if (at < spaced)
        at = spaced;
    m->counters.delivered[packet_type(packet)]++;
    cc->rx_last = at;
    cc->rx_slot_free[cc->rx_pushed++ % CORE_RX_SLOTS] = NEVER;
    cc->rx[(cc->rx_head + cc->rx_count) % CORE_RX_SLOTS] = (TimedPacket){at, *packet};
    if (cc->rx_count++ == 0 && at < core->next_local) {
        core->next_local = at;
        core_turn_at(core, at);
        if (core->cpu.sleeping)
            core_wake(core, at);
    }
}

uint64_t cc_next_event(const Core *core)
{
    const CommsController *cc = &core->cc;
    uint64_t at = cc->released;
    if (!cc->rx_visible && cc->rx_count && cc->rx[cc->rx_head].at < at)
        at = cc->rx[cc->rx_head].at;
    return at;
}

void cc_local_event(Core *core, uint64_t now)
{
    CommsController *cc = &core->cc;
    if (cc->released <= now) {
        cc->released = NEVER;
        cc->held = false;
        drive_tx(core);
    }
    if (!cc->rx_visible && cc->rx_count && cc->rx[cc->rx_head].at <= now) {
        cc->rx_visible = true;
        show(core);
        drive_rx(core);
    }
}

static uint32_t rx_key(const Packet *p)
{
    /* P2P: the receiver sees the sender's address, and the two bits that came with the key. */
    return packet_type(p) == PACKET_P2P ? (uint32_t)(p->control >> 4 & 3) << 16 | p->source : p->key;
}

static void pop(Core *core, uint64_t now)
{
    CommsController *cc = &core->cc;
    uint32_t slot = (cc->rx_pushed - cc->rx_count) % CORE_RX_SLOTS;
    cc->rx_slot_free[slot] = now + CORE_RX_CREDIT;
    cc->rx_head = (cc->rx_head + 1) % CORE_RX_SLOTS;
    cc->rx_count--;
    cc->rx_visible = cc->rx_count && cc->rx[cc->rx_head].at <= now;
    if (cc->rx_visible)
        show(core);
    drive_rx(core);
    core_device_changed(core);
    router_core_freed(core->machine, core, now + CORE_RX_CREDIT);
}

uint32_t cc_read(Core *core, uint32_t offset)
{
    CommsController *cc = &core->cc;
    switch (offset) {
    case 0x00:
        return cc->tx_control | (cc->held ? TX_FULL : TX_EMPTY | TX_NOT_FULL) | (cc->overrun ? TX_OVERRUN : 0);
    case 0x04: return cc->tx_data;
    case 0x0c: {
        uint32_t status = (uint32_t)cc->last.arrival << 24 | (uint32_t)cc->last.control << 16
                        | (uint32_t)cc->parity_error << RX_PARITY_ERROR_SHIFT;
        if (!cc->rx_visible)
            return status;
        bool whole = !(cc->last.control & CONTROL_WRONG_PARITY);
        return status | RX_RECEIVED | (whole ? RX_NO_ERROR | 1u << packet_type(&cc->last) : 0);
    }
    case 0x10: return cc->last.payload;
    case 0x14: {
        uint32_t key = rx_key(&cc->last);
        if (cc->rx_visible)
            pop(core, core->cpu.cycles);
        return key;
    }
    case 0x18: return cc->source_address;
    default: return 0;
    }
}

static void send(Core *core, uint32_t key)
{
    CommsController *cc = &core->cc;
    uint32_t link = cc->source_address >> 24 & 7;
    Packet p = {
        .key = key,
        .payload = cc->tx_data,
        .control = (uint8_t)(cc->tx_control >> 16 & 0xfe),
        .arrival = (uint8_t)(link < LINKS ? link : FROM_CORE),   /* software may pretend a link */
    };
    if (cc->tx_data_written)
        p.control |= CONTROL_PAYLOAD;
    if (packet_type(&p) == PACKET_P2P) {
        p.source = (uint16_t)cc->source_address;
        p.control = (uint8_t)((p.control & ~0x30u) | (key >> 16 & 3) << 4);
        p.key = key & 0xffff;
    }
    if (!packet_has_payload(&p))
        p.payload = 0;
    cc->tx_data_written = false;
    if (cc->held) {
        cc->overrun = true;
    } else {
        core->chip->counters.sent[packet_type(&p)]++;
        if (cc->tx_count < CORE_TX_SLOTS) {
            launch(core, &p, core->cpu.cycles);
            return;
        }
        cc->hold = p;
        cc->held = true;
    }
    drive_tx(core);
}

void cc_write(Core *core, uint32_t offset, uint32_t value)
{
    CommsController *cc = &core->cc;
    switch (offset) {
    case 0x00:
        cc->tx_control = value & 0x00ff0000;
        cc->overrun = false;
        vic_set(core, INT_CC_TX_OVERRUN, false);
        break;
    case 0x04:
        cc->tx_data = value;
        cc->tx_data_written = true;
        break;
    case 0x08: send(core, value); break;
    case 0x0c:
        cc->parity_error = false;
        vic_set(core, INT_CC_PARITY, false);
        break;
    case 0x18: cc->source_address = value & 0x0700ffff; break;
    default: break;
    }
}
