#include "datagram_faults.h"
#include "random.h"
#include "timing.h"
#include <stddef.h>
#include <string.h>

/* A datagram is held back until so many have passed, or until so long has gone by: a host that waits for the answer sends no other. */
enum { PASS_MOST = 3 };
#define HOLD_LONGEST (2ull * CYCLES_PER_MILLISECOND)

/* SDP over UDP: two bytes of padding, then the header, then SCP's command. */
enum { SDP_TO_PORT = 4, SDP_FROM_PORT = 5, SDP_HEADER_END = 10, SCP_COMMAND_END = 12, PORT_SHIFT = 5 };

void datagram_faults_set(DatagramFaults *f, unsigned board, const FaultSetting *setting)
{
    f->board = board;
    f->seed = setting->seed;
    memcpy(f->rate, setting->datagram_rate, sizeof f->rate);
    f->spare_commands = setting->spare_commands;
    f->spare_ports = setting->spare_ports;
    for (unsigned way = 0; way < DATAGRAM_WAYS; way++)
        f->way[way].draws = 0;
}

bool datagram_spared(const DatagramFaults *f, enum DatagramWay way, const uint8_t *data, size_t bytes)
{
    if (bytes < SDP_HEADER_END)
        return false;
    uint32_t port = data[way == TO_BOARD ? SDP_TO_PORT : SDP_FROM_PORT] >> PORT_SHIFT;
    if (port)
        return f->spare_ports >> port & 1;
    uint32_t command = bytes < SCP_COMMAND_END ? 64 : data[10] | (uint32_t)data[11] << 8;
    return way == TO_BOARD && command < 64 && f->spare_commands >> command & 1;
}

/* Each way has numbers of its own: how datagrams of both ways mix depends on the host. */
static uint64_t draw(DatagramFaults *f, enum DatagramWay way)
{
    return random_number(f->seed, 2 * ++f->way[way].draws + way + (1ull << 62) + ((uint64_t)f->board << 56));
}

static void passed(DatagramFaults *f, enum DatagramWay way)
{
    for (uint32_t i = 0; i < f->way[way].held; i++)
        if (f->way[way].place[i].to_pass)
            f->way[way].place[i].to_pass--;
}

static void hold(DatagramFaults *f, enum DatagramWay way, const Datagram *datagram, uint64_t now)
{
    HeldDatagram *held = &f->way[way].place[f->way[way].held++];
    held->until = now + HOLD_LONGEST;
    held->to_pass = 1 + (uint32_t)random_below(draw(f, way), PASS_MOST);
    held->datagram.peer = datagram->peer;
    held->datagram.boot = datagram->boot;
    held->datagram.length = datagram->length;
    memcpy(held->datagram.data, datagram->data, datagram->length);
}

enum DatagramFate datagram_fate(DatagramFaults *f, enum DatagramWay way, const Datagram *datagram, uint64_t now)
{
    static const enum DatagramFate fate[DATAGRAM_FAULTS] = {DATAGRAM_LOST, DATAGRAM_TWICE, DATAGRAM_HELD};
    unsigned kind = DATAGRAM_FAULTS;
    if (!datagram->spared && (f->rate[DATAGRAM_LOSS] | f->rate[DATAGRAM_DUPLICATE] | f->rate[DATAGRAM_REORDER])) {
        uint64_t number = draw(f, way) >> 1, sum = 0;
        for (kind = 0; kind < DATAGRAM_FAULTS && number >= (sum += f->rate[kind]); kind++)
            ;
    }
    if (kind == DATAGRAM_REORDER && f->way[way].held == DATAGRAMS_HELD)
        kind = DATAGRAM_FAULTS;
    if (kind == DATAGRAM_REORDER)
        hold(f, way, datagram, now);
    else if (kind != DATAGRAM_LOSS)
        passed(f, way);
    if (kind == DATAGRAM_FAULTS)
        return DATAGRAM_PASSES;
    f->happened[kind]++;
    return fate[kind];
}

bool datagram_released(DatagramFaults *f, enum DatagramWay way, uint64_t now, Datagram *datagram)
{
    uint32_t n = f->way[way].held;
    HeldDatagram *place = f->way[way].place;
    for (uint32_t i = 0; i < n; i++)
        if (!place[i].to_pass || place[i].until <= now) {
            memcpy(datagram, &place[i].datagram, offsetof(Datagram, data) + place[i].datagram.length);
            memmove(&place[i], &place[i + 1], (n - 1 - i) * sizeof *place);
            f->way[way].held--;
            return true;
        }
    return false;
}
