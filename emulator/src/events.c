/*
 * What happens when: a wheel of one slot per cycle for packets, which are many, close and never
 * cancelled, and an indexed heap for everything that may be far away or moved.
 * Within a cycle the heap goes first (in order of unit), then the wheel in order of queueing, so
 * the order never depends on the host.
 */
#include "machine.h"

void events_queue_node(Machine *m, uint32_t node, uint64_t at)
{
    EventQueue *q = &m->events;
    if (q->queued[node])
        return;
    if (m->parallel) {
        lanes_defer_node(m, node, at);
        return;
    }
    if (at < q->now)
        at = q->now;
    if (at >= q->now + WHEEL_SLOTS)
        at = q->now + WHEEL_SLOTS - 1;
    uint32_t slot = at % WHEEL_SLOTS;
    q->queued[node] = true;
    q->next[node] = 0;
    if (q->used[slot / 64] >> (slot % 64) & 1) {
        q->next[q->tail[slot] - 1] = (uint16_t)(node + 1);
    } else {
        q->head[slot] = (uint16_t)(node + 1);
        q->used[slot / 64] |= 1ull << (slot % 64);
    }
    q->tail[slot] = (uint16_t)(node + 1);
}

static bool before(const EventQueue *q, uint16_t a, uint16_t b)
{
    return q->due[a] < q->due[b] || (q->due[a] == q->due[b] && a < b);
}

static void put(EventQueue *q, uint32_t place, uint16_t unit)
{
    q->heap[place] = unit;
    q->place[unit] = (uint16_t)place;
}

static void sift(EventQueue *q, uint32_t place, uint16_t unit)
{
    while (place > 1 && before(q, unit, q->heap[place / 2])) {
        put(q, place, q->heap[place / 2]);
        place /= 2;
    }
    for (;;) {
        uint32_t child = place * 2;
        if (child > q->heap_size)
            break;
        if (child < q->heap_size && before(q, q->heap[child + 1], q->heap[child]))
            child++;
        if (!before(q, q->heap[child], unit))
            break;
        put(q, place, q->heap[child]);
        place = child;
    }
    put(q, place, unit);
}

void events_set_unit(Machine *m, uint32_t unit, uint64_t due)
{
    EventQueue *q = &m->events;
    if (m->parallel) {
        lanes_defer_unit(m, unit, due);
        return;
    }
    uint32_t place = q->place[unit];
    if (due == NEVER) {
        if (!place)
            return;
        q->place[unit] = 0;
        uint16_t last = q->heap[q->heap_size--];
        if (last != unit)
            sift(q, place, last);
        return;
    }
    if (place && q->due[unit] == due)
        return;
    q->due[unit] = due;
    if (!place)
        place = ++q->heap_size;
    sift(q, place, (uint16_t)unit);
}

/* Time of the first wheel event before `limit`, or NEVER. */
static uint64_t wheel_next(const EventQueue *q, uint64_t limit)
{
    uint64_t at = q->now;
    if (limit > q->now + WHEEL_SLOTS)
        limit = q->now + WHEEL_SLOTS;
    while (at < limit) {
        uint32_t slot = at % WHEEL_SLOTS;
        uint64_t bits = q->used[slot / 64] >> (slot % 64);
        if (bits) {
            at += (uint64_t)__builtin_ctzll(bits);
            return at < limit ? at : NEVER;
        }
        at += 64 - slot % 64;
    }
    return NEVER;
}

uint64_t events_next(const EventQueue *q, uint64_t limit)
{
    uint64_t wheel = wheel_next(q, limit);
    if (q->heap_size && q->due[q->heap[1]] < wheel)
        wheel = q->due[q->heap[1]];
    return wheel;
}

static void node_event(Machine *m, uint32_t node, uint64_t now)
{
    Chip *chip = &m->chip[node / NODES_PER_CHIP];
    uint32_t n = node % NODES_PER_CHIP;
    if (n < OUTPUTS)
        router_input(m, chip, n, now);
    else
        router_retry(m, chip, now);
}

static void unit_event(Machine *m, uint32_t unit, uint64_t now)
{
    Chip *chip = &m->chip[unit / UNITS_PER_CHIP];
    uint32_t n = unit % UNITS_PER_CHIP;
    if (n < CORES) {
        core_wake(&chip->core[n], now);
    } else if (n == UNIT_ROUTER) {
        router_deadline(m, chip, now);
    } else if (n == UNIT_HELD) {
        held_due(m, chip, now);
    } else if (n == UNIT_FAULTS) {
        faults_due(m, now);
    } else {
        Frame *arriving = &m->board[chip->board].arriving;
        ethernet_receive(m, chip, arriving->data, arriving->length);
        arriving->length = 0;
    }
}

void events_process(Machine *m, uint64_t until)
{
    EventQueue *q = &m->events;
    for (;;) {
        uint64_t soon = wheel_next(q, until);
        if (q->heap_size) {
            uint16_t unit = q->heap[1];
            uint64_t due = q->due[unit];
            if (due < until && due <= soon) {
                if (due > q->now)
                    q->now = due;
                events_set_unit(m, unit, NEVER);
                unit_event(m, unit, q->now);
                continue;
            }
        }
        if (soon == NEVER)
            break;
        q->now = soon;
        uint32_t slot = soon % WHEEL_SLOTS;
        uint32_t node = q->head[slot] - 1u;
        q->queued[node] = false;
        if (q->next[node])
            q->head[slot] = q->next[node];
        else
            q->used[slot / 64] &= ~(1ull << (slot % 64));
        node_event(m, node, soon);
    }
    if (q->now < until)
        q->now = until;
}
