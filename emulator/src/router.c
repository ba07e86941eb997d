/*
 * The router of a chip.
 *
 * Inputs (six links, 18 cores) are served in turn, one packet every ROUTER_ISSUE cycles.  The
 * packet in the output stage leaves when all its outputs can take it, and until then nothing else
 * moves (head-of-line blocking); after wait1 + wait2 it is dropped, to the dump registers.
 * assumption: a packet goes to all its outputs at once or to none.
 * Emergency routing is not modelled: wait2, which stock software leaves at 0, is waited for
 * without trying the neighbouring links.
 */
#include "machine.h"
#include <string.h>

enum { CONTROL_DUMP_INTERRUPT = 4 };
enum { DUMP_DUMPED = 1u << 31, DUMP_OVERFLOW = 1u << 30 };
enum { P2P_DROP = 6, P2P_LOCAL = 7 };

static uint32_t monitor_of(const Router *r) { return r->control >> 8 & 31; }

static uint32_t core_output(uint32_t core) { return core < CORES ? 1u << (LINKS + core) : 0; }

void router_reset(Chip *chip)
{
    Router *r = &chip->router;
    LinkOutput out[LINKS];
    memcpy(out, r->out, sizeof out);
    memset(r, 0, sizeof *r);
    for (unsigned l = 0; l < LINKS; l++) {   /* the wiring stays */
        r->out[l].connected = out[l].connected;
        r->out[l].fpga = out[l].fpga;
        r->out[l].to_chip = out[l].to_chip;
        r->out[l].to_link = out[l].to_link;
    }
    for (unsigned i = 0; i < ROUTER_ENTRIES; i++)
        r->key[i] = ~0u;                     /* mask 0: matches nothing */
    for (unsigned i = 0; i < P2P_WORDS; i++)
        r->p2p[i] = 0x00db6db6;              /* P2P_DROP everywhere */
    r->control = 0x00400001;                 /* as the boot ROM leaves it.  assumption */
    r->table_changed = r->filters_changed = true;
}

/* Wait times are 4 bits of mantissa below 4 bits of exponent; 0xff waits for ever. */
uint32_t router_wait_cycles(uint32_t wait)
{
    uint32_t m = wait & 15, e = wait >> 4 & 15;
    return e <= 4 ? (m + 16 - (1u << (4 - e))) << e : (m + 16) << e;
}

static uint64_t drop_time(const Router *r)
{
    uint32_t wait1 = r->control >> 16 & 0xff, wait2 = r->control >> 24 & 0xff;
    if (wait1 == 0xff || wait2 == 0xff)
        return NEVER;
    return r->since + ROUTER_CYCLES(router_wait_cycles(wait1) + router_wait_cycles(wait2));
}

static uint32_t unit_of(const Chip *chip) { return chip->id * UNITS_PER_CHIP + UNIT_ROUTER; }

/* Peek (no payload) or poke by a neighbour: the router itself answers, to where it came from. */
static void answer_memory_request(Machine *m, Chip *chip, Packet *p)
{
    uint32_t address = p->key & ~3u;
    bool poke = packet_has_payload(p);
    m->counters.memory_requests++;
    if (poke)
        chip_write(m, chip, NULL, address, p->payload, 4);
    else
        p->payload = chip_read(m, chip, NULL, address, 4);
    p->key |= 1;
    p->control = (uint8_t)(PACKET_NN << 6 | (poke ? 0 : CONTROL_PAYLOAD));
}

/* Outputs of a packet; 0 drops it. */
static uint32_t outputs_of(Machine *m, Chip *chip, Packet *p, bool *defaulted)
{
    Router *r = &chip->router;
    uint32_t route = 0;
    *defaulted = false;
    switch (packet_type(p)) {
    case PACKET_MC:
        if (!router_lookup(r, p->key, &route) && p->arrival < LINKS) {
            *defaulted = true;
            route = 1u << (p->arrival + 3) % LINKS;
        }
        return route;
    case PACKET_P2P: {
        uint32_t hop = r->p2p[p->key >> 3 & (P2P_WORDS - 1)] >> 3 * (p->key & 7) & 7;
        return hop == P2P_LOCAL ? core_output(monitor_of(r)) : hop == P2P_DROP ? 0 : 1u << hop;
    }
    case PACKET_NN:
        if (p->arrival == FROM_CORE) {
            uint32_t to = p->control >> 2 & 7;
            return to < LINKS ? 1u << to : to == 6 ? r->fixed_route >> 26 & 0x3f : core_output(monitor_of(r));
        }
        if (p->control & CONTROL_NN_MEMORY) {
            uint32_t back = 1u << p->arrival;
            answer_memory_request(m, chip, p);
            return back;
        }
        return core_output(monitor_of(r));
    default:
        return r->fixed_route & 0xffffff;
    }
}

static void drop(Machine *m, Chip *chip, uint32_t blocked)
{
    Router *r = &chip->router;
    const Packet *p = &r->current;
    m->counters.dropped[packet_type(p)]++;
    m->faults.counts.deliveries_dropped += deliveries_by(m, chip, p, r->wanted);
    for (uint32_t left = blocked; left; left &= left - 1)
        r->dropped_at[__builtin_ctz(left)]++;
    diagnostics_count(r, p, r->defaulted, 0, monitor_of(r), true);
    if (r->dump_status & DUMP_DUMPED) {
        r->dump_status |= DUMP_OVERFLOW;
    } else {
        r->dumped = *p;
        r->dump_header = (uint32_t)p->arrival << 24 | (uint32_t)p->control << 16;
        r->dump_outputs = blocked;
        r->dump_status |= DUMP_DUMPED;
    }
    r->dump_status |= blocked;
    if (r->control & CONTROL_DUMP_INTERRUPT)
        vic_set_chip(chip, INT_ROUTER_DUMP, true);
}

/* When output `o` can take the packet in the output stage: now, later, or NEVER (not known yet). */
static uint64_t ready_at(const Machine *m, const Chip *chip, uint32_t o, uint64_t now)
{
    const Router *r = &chip->router;
    if (o < LINKS)
        return link_ready_at(m, &r->out[o], now, packet_has_payload(&r->current));
    if (chip->rom.active)
        return now;
    const CommsController *cc = &chip->core[o - LINKS].cc;
    uint64_t at = cc->rx_slot_free[cc->rx_pushed % CORE_RX_SLOTS];
    return at > now ? at : now;
}

/* Send the packet in the output stage on if all its outputs are free.  Otherwise `*blocked` are
 * those that are not, and the router is called again when that may have changed. */
static bool deliver(Machine *m, Chip *chip, uint64_t now, uint32_t *blocked)
{
    Router *r = &chip->router;
    *blocked = 0;
    for (uint32_t left = r->wanted; left; left &= left - 1) {
        uint32_t o = (uint32_t)__builtin_ctz(left);
        uint64_t at = ready_at(m, chip, o, now);
        if (at <= now)
            continue;
        *blocked |= 1u << o;
        if (at != NEVER)
            events_queue_node(m, chip->id * NODES_PER_CHIP + NODE_OUTPUT + o, at);
    }
    if (*blocked)
        return false;
    diagnostics_count(r, &r->current, r->defaulted, r->wanted, monitor_of(r), false);
    m->counters.default_routed += r->defaulted;
    for (uint32_t left = r->wanted; left; left &= left - 1) {
        uint32_t o = (uint32_t)__builtin_ctz(left);
        if (o < LINKS)
            link_send(m, &r->out[o], &r->current, now);
        else if (chip->rom.active)
            boot_rom_packet(m, chip, &r->current, now);
        else if (!m->faults.copies || !faults_of_copy(m, &chip->core[o - LINKS], &r->current, now))
            cc_push(m, &chip->core[o - LINKS], &r->current, now);
    }
    return true;
}

/* Take the next packet, round robin, into the output stage; the input that it came from. */
static uint32_t take(Machine *m, Chip *chip, uint64_t now)
{
    Router *r = &chip->router;
    uint32_t after = r->ready >> r->turn;
    uint32_t input = after ? r->turn + (uint32_t)__builtin_ctz(after) : (uint32_t)__builtin_ctz(r->ready);
    r->turn = input < HELD_INPUT ? (input + 1) % OUTPUTS : 0;
    r->occupied = true;
    r->waiting = false;
    r->since = now;
    const TimedPacket *next;
    if (input < LINKS) {
        LinkInput *in = &r->in[input];
        r->current = in->ring[in->head].packet;
        link_taken(m, chip, input, now);
        next = in->count ? &in->ring[in->head] : NULL;
    } else if (input == HELD_INPUT) {
        r->current = held_take(m, chip, now);
        return input;
    } else {
        Core *core = &chip->core[input - LINKS];
        r->current = core->cc.tx[core->cc.tx_head].packet;
        uint32_t before = core->cc.tx_count;
        cc_taken_by_router(m, core, now);
        /* with one packet only, a held one has queued its own arrival already */
        next = before > 1 && core->cc.tx_count ? &core->cc.tx[core->cc.tx_head] : NULL;
    }
    if (!next || next->at > now)
        r->ready &= ~(1u << input);
    if (next && next->at > now)
        events_queue_node(m, chip->id * NODES_PER_CHIP + NODE_INPUT + input, next->at);
    return input;
}

static void run(Machine *m, Chip *chip, uint64_t now)
{
    Router *r = &chip->router;
    for (;;) {
        if (!r->occupied) {
            if (!r->ready)
                return;
            if (r->busy_until > now) {
                events_queue_node(m, chip->id * NODES_PER_CHIP + NODE_ISSUE, r->busy_until);
                return;
            }
            uint32_t input = take(m, chip, now);
            enum PacketFate fate = m->faults.watch ? faults_of_taken(m, chip, input, now) : FATE_PASSES;
            if (fate != FATE_GONE)
                r->wanted = outputs_of(m, chip, &r->current, &r->defaulted);
            if (fate == FATE_DROPPED)
                drop(m, chip, r->wanted);
            if (fate != FATE_PASSES) {
                r->occupied = false;
                r->busy_until = now + ROUTER_ISSUE;
                continue;
            }
        }
        uint32_t blocked;
        if (!r->wanted) {
            drop(m, chip, 0);
        } else if (!deliver(m, chip, now, &blocked)) {
            uint64_t deadline = drop_time(r);
            if (deadline > now) {
                if (!r->waiting)
                    events_set_unit(m, unit_of(chip), deadline);
                r->waiting = true;
                return;
            }
            drop(m, chip, blocked);
        }
        if (r->waiting)
            events_set_unit(m, unit_of(chip), NEVER);
        r->occupied = r->waiting = false;
        r->busy_until = now + ROUTER_ISSUE;
    }
}

void router_input(Machine *m, Chip *chip, uint32_t input, uint64_t now)
{
    if (chip->router.dead)
        return;
    chip->router.ready |= 1u << input;
    if (!chip->router.occupied)
        run(m, chip, now);
}

void router_retry(Machine *m, Chip *chip, uint64_t now)
{
    if (!chip->router.dead)
        run(m, chip, now);
}

void router_deadline(Machine *m, Chip *chip, uint64_t now)
{
    if (chip->router.waiting)
        run(m, chip, now);
}

/* A core made room for one more packet, which the router will know at `at`. */
void router_core_freed(Machine *m, Core *core, uint64_t at)
{
    const Router *r = &core->chip->router;
    uint32_t output = LINKS + core->id;
    if (r->waiting && r->wanted >> output & 1)
        events_queue_node(m, core->chip->id * NODES_PER_CHIP + NODE_OUTPUT + output, at);
}

/* --- registers ---------------------------------------------------------------------------- */

uint32_t router_read(Machine *m, Chip *chip, uint32_t offset)
{
    (void)m;
    Router *r = &chip->router;
    if (offset >= 0x10000)
        return r->p2p[(offset - 0x10000) / 4 % P2P_WORDS];
    if (offset >= 0x4000 && offset < 0x8000)
        return r->route[(offset - 0x4000) / 4 % ROUTER_ENTRIES];
    if (offset >= 0x4000)
        return 0;                            /* keys and masks are write-only */
    if (offset >= 0x200 && offset < 0x240)
        return r->filter[(offset - 0x200) / 4];
    if (offset >= 0x300 && offset < 0x340)
        return r->counter[(offset - 0x300) / 4];
    switch (offset) {
    case 0x00: return r->control;
    case 0x04: {
        bool dump = (r->dump_status & DUMP_DUMPED) && (r->control & CONTROL_DUMP_INTERRUPT);
        bool error = router_error_pending(r);
        return (dump || error ? 1u << 31 : 0) | (uint32_t)error << 30 | (uint32_t)dump << 29
            | (r->occupied ? 1u << 16 | (r->waiting ? 2u : 1u) << 24 : 0);
    }
    case 0x08: return r->error_header;
    case 0x0c: return r->error.key;
    case 0x10: return r->error.payload;
    case 0x14: return router_error_read_status(chip);
    case 0x18: return r->dump_header;
    case 0x1c: return r->dumped.key;
    case 0x20: return r->dumped.payload;
    case 0x24: return r->dump_outputs;
    case 0x28: {
        uint32_t status = r->dump_status;
        r->dump_status = 0;
        vic_set_chip(chip, INT_ROUTER_DUMP, false);
        return status;
    }
    case 0x2c: return r->counter_enable;
    case 0x30: return r->timing_control;
    case 0x80: return r->diversion;
    case 0x84: return r->fixed_route;
    default: return 0;
    }
}

void router_write(Machine *m, Chip *chip, uint32_t offset, uint32_t value)
{
    Router *r = &chip->router;
    if (offset >= 0x10000) {
        r->p2p[(offset - 0x10000) / 4 % P2P_WORDS] = value & 0xffffff;
        return;
    }
    if (offset >= 0x4000) {
        uint32_t entry = offset / 4 % ROUTER_ENTRIES;
        switch (offset >> 14) {
        case 1: r->route[entry] = value & 0xffffff; break;
        case 2: r->key[entry] = value; break;
        default: r->mask[entry] = value; break;
        }
        r->table_changed = true;
        return;
    }
    if (offset >= 0x200 && offset < 0x240) {
        r->filter[(offset - 0x200) / 4] = value & 0x5fffffff;
        r->filters_changed = true;
        return;
    }
    if (offset >= 0x300 && offset < 0x340) {
        r->counter[(offset - 0x300) / 4] = value;
        return;
    }
    switch (offset) {
    case 0x00:
        r->control = value & 0xffff9fff;
        vic_set_chip(chip, INT_ROUTER_DUMP, (r->dump_status & DUMP_DUMPED) && (value & CONTROL_DUMP_INTERRUPT));
        router_error_control_changed(chip);
        if (r->waiting) {
            uint64_t deadline = drop_time(r);
            events_set_unit(m, unit_of(chip), deadline);
        }
        break;
    case 0x2c:
        r->counter_enable = value & 0xffff;
        for (unsigned i = 0; i < DIAGNOSTIC_COUNTERS; i++)
            if (value >> (16 + i) & 1)
                r->counter[i] = 0;
        break;
    case 0x30: r->timing_control = value & 7; break;
    case 0x80: r->diversion = value & 0xfff; break;
    case 0x84: r->fixed_route = value; break;
    default: break;
    }
}
