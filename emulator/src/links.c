/*
 * Links between chips: a serialiser, a few places on the way, an acknowledge that comes back.
 * The places are one pool of LINK_SLOTS; packets are filed at the far end with the time at which
 * they reach the other router's input.
 */
#include "machine.h"

static uint64_t serial_time(const LinkOutput *out, bool payload)
{
    if (out->fpga)
        return payload ? FPGA_LINK_PACKET_PAYLOAD : FPGA_LINK_PACKET;
    return payload ? LINK_PACKET_PAYLOAD : LINK_PACKET;
}

/* When the link can take a packet from the output stage: `now`, a later time, or NEVER while
 * that depends on the other router. */
uint64_t link_ready_at(const Machine *m, const LinkOutput *out, uint64_t now, bool payload)
{
    (void)m;
    if (!out->connected)
        return out->dead ? NEVER : now;
    uint64_t slot = out->slot_free[out->pushed % LINK_SLOTS];
    if (slot == NEVER)
        return NEVER;
    /* One packet in the serialiser, one waits for it. */
    uint64_t backlog = serial_time(out, payload) + ROUTER_PIPELINE;
    uint64_t serialiser = out->free_at > backlog ? out->free_at - backlog : 0;
    uint64_t ready = slot > serialiser ? slot : serialiser;
    return ready > now ? ready : now;
}

void link_send(Machine *m, LinkOutput *out, const Packet *packet, uint64_t now)
{
    bool payload = packet_has_payload(packet);
    enum PacketType type = packet_type(packet);
    if (!out->connected) {                   /* no chip there: it is gone */
        m->counters.unconnected[type]++;
        return;
    }
    m->counters.forwarded[type]++;
    out->packets++;
    out->packets_payload += payload;
    uint64_t start = now + ROUTER_PIPELINE;
    if (start < out->free_at)
        start = out->free_at;
    out->free_at = start + serial_time(out, payload);
    uint64_t at = out->free_at + (out->fpga ? FPGA_LINK_WIRE : LINK_WIRE);
    out->slot_free[out->pushed++ % LINK_SLOTS] = NEVER;
    Chip *chip = &m->chip[out->to_chip];
    LinkInput *in = &chip->router.in[out->to_link];
    TimedPacket *place = &in->ring[(in->head + in->count) % LINK_SLOTS];
    place->at = at;
    place->packet = *packet;
    place->packet.arrival = out->to_link;
    if (in->count++ == 0)
        events_queue_node(m, chip->id * NODES_PER_CHIP + NODE_INPUT + out->to_link, at);
}

/* The router of `chip` took the oldest packet that came by `link`. */
void link_taken(Machine *m, Chip *chip, uint32_t link, uint64_t now)
{
    LinkInput *in = &chip->router.in[link];
    in->head = (in->head + 1) % LINK_SLOTS;
    in->count--;
    const LinkOutput *back = &chip->router.out[link];
    Chip *sender = &m->chip[back->to_chip];
    uint32_t sender_link = back->to_link;
    LinkOutput *out = &sender->router.out[sender_link];
    uint32_t slot = (out->pushed - in->count - 1) % LINK_SLOTS;
    uint64_t known = now + (out->fpga ? FPGA_LINK_CREDIT : LINK_CREDIT);
    out->slot_free[slot] = known;
    if (sender->router.waiting && sender->router.wanted >> sender_link & 1)
        events_queue_node(m, sender->id * NODES_PER_CHIP + NODE_OUTPUT + sender_link, known);
}
