/*
 * To how many cores a multicast packet would go, by the tables of the routers on its way: what is missing when it vanishes.
 * Dead parts count as if they lived.
 */
#include "machine.h"

/* A packet that goes in circles is followed so many times in all. */
enum { STEPS = 4096 };

typedef struct Step { uint8_t chip, arrival; } Step;

typedef struct Walk {
    Step step[STEPS];
    uint32_t count;
    uint64_t copies;
} Walk;

static void leave(Machine *m, const Chip *chip, uint32_t outputs, Walk *walk)
{
    (void)m;
    walk->copies += (uint64_t)__builtin_popcount(outputs >> LINKS);
    for (uint32_t links = outputs & ((1u << LINKS) - 1); links; links &= links - 1) {
        const LinkOutput *out = &chip->router.out[__builtin_ctz(links)];
        if ((out->connected || out->dead) && walk->count < STEPS)
            walk->step[walk->count++] = (Step){out->to_chip, out->to_link};
    }
}

static uint32_t outputs_at(Chip *chip, uint32_t key, uint32_t arrival)
{
    uint32_t route = 0;
    if (!router_lookup(&chip->router, key, &route) && arrival < LINKS)
        route = 1u << (arrival + 3) % LINKS;
    return route;
}

uint64_t deliveries_by(Machine *m, Chip *chip, const Packet *packet, uint32_t outputs)
{
    if (packet_type(packet) != PACKET_MC)
        return 0;
    Walk walk;
    walk.count = 0;
    walk.copies = 0;
    leave(m, chip, outputs, &walk);
    for (uint32_t i = 0; i < walk.count; i++) {
        Chip *next = &m->chip[walk.step[i].chip];
        leave(m, next, outputs_at(next, packet->key, walk.step[i].arrival), &walk);
    }
    return walk.copies;
}

uint64_t deliveries_of(Machine *m, Chip *chip, const Packet *packet)
{
    return packet_type(packet) == PACKET_MC
         ? deliveries_by(m, chip, packet, outputs_at(chip, packet->key, packet->arrival)) : 0;
}
