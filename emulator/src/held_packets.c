/*
 * Packets that faults hold back, in a list for each chip by the time at which its router may take them again.
 */
#include "machine.h"

static HeldPacket *at(HeldPackets *h, uint16_t link) { return &h->place[link - 1]; }

static void insert(HeldPackets *h, const Chip *chip, uint16_t link)
{
    uint16_t *before = &h->first[chip->id];
    while (*before && at(h, *before)->due <= at(h, link)->due)
        before = &at(h, *before)->next;
    at(h, link)->next = *before;
    *before = link;
}

/* The router learns of the first of the list now, or when it is due. */
static void announce(Machine *m, Chip *chip, uint64_t now)
{
    const HeldPackets *h = &m->faults.held;
    uint16_t first = h->first[chip->id];
    uint64_t due = first ? h->place[first - 1].due : NEVER;
    if (due <= now)
        chip->router.ready |= 1u << HELD_INPUT;
    events_set_unit(m, chip->id * UNITS_PER_CHIP + UNIT_HELD, due <= now ? NEVER : due);
}

bool held_put(Machine *m, Chip *chip, uint32_t input, const Packet *packet, uint64_t now, uint64_t due, uint32_t to_pass)
{
    HeldPackets *h = &m->faults.held;
    uint16_t link = h->free;
    if (link)
        h->free = at(h, link)->next;
    else if (h->used < MAX_HELD)
        link = (uint16_t)++h->used;
    else
        return false;
    *at(h, link) = (HeldPacket){.due = due, .packet = *packet, .input = (uint8_t)input, .to_pass = (uint16_t)to_pass};
    h->count++;
    h->waiting[chip->id] += to_pass > 0;
    insert(h, chip, link);
    announce(m, chip, now);
    return true;
}

/* Takes a packet out of the list and gives its place back. */
static HeldPacket take_out(HeldPackets *h, const Chip *chip, uint16_t *before)
{
    uint16_t link = *before;
    HeldPacket held = *at(h, link);
    *before = held.next;
    at(h, link)->next = h->free;
    h->free = link;
    h->count--;
    h->waiting[chip->id] -= held.to_pass > 0;
    return held;
}

Packet held_take(Machine *m, Chip *chip, uint64_t now)
{
    Faults *f = &m->faults;
    HeldPackets *h = &f->held;
    HeldPacket held = take_out(h, chip, &h->first[chip->id]);
    if (held.overtaken)
        f->counts.happened[FAULT_REORDER]++;
    else if (held.to_pass)                   /* time was up before another packet came: late, but in order */
        f->counts.happened[FAULT_DELAY]++;
    chip->router.ready &= ~(1u << HELD_INPUT);
    announce(m, chip, now);
    if (!h->count)
        faults_refresh(m);
    return held.packet;
}

void held_due(Machine *m, Chip *chip, uint64_t now)
{
    announce(m, chip, now);
    router_retry(m, chip, now);
}

void held_passed(Machine *m, Chip *chip, uint32_t input, uint64_t now)
{
    HeldPackets *h = &m->faults.held;
    if (!h->waiting[chip->id])
        return;
    uint16_t *before = &h->first[chip->id];
    uint16_t done = 0;                       /* list of those that wait no longer, the last one first */
    while (*before) {
        uint16_t link = *before;
        HeldPacket *held = at(h, link);
        if (held->input != input || !held->to_pass) {
            before = &held->next;
            continue;
        }
        held->overtaken = true;
        if (--held->to_pass) {
            before = &held->next;
            continue;
        }
        h->waiting[chip->id]--;
        *before = held->next;
        held->next = done;
        done = link;
    }
    while (done) {
        uint16_t link = done;
        done = at(h, link)->next;
        at(h, link)->due = now;
        insert(h, chip, link);
    }
    announce(m, chip, now);
}

void held_forget(Machine *m, Chip *chip)
{
    HeldPackets *h = &m->faults.held;
    while (h->first[chip->id]) {
        HeldPacket held = take_out(h, chip, &h->first[chip->id]);
        faults_vanished(m, chip, held.input, &held.packet, deliveries_of(m, chip, &held.packet));
    }
    events_set_unit(m, chip->id * UNITS_PER_CHIP + UNIT_HELD, NEVER);
}
