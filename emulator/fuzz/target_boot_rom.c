/* Datagrams to a board that waits to be booted, and packets to a chip that does. */
#include "bridge.h"
#include "fuzz.h"
#include <string.h>

static Machine *machine;
static Bridge bridge;

static void end(void)
{
    if (machine)
        machine_free(machine);
    machine = NULL;
}

static void begin(void)
{
    end();
    machine = machine_new(BOARD_ONE_CHIP, (uint8_t[4]){127, 0, 0, 5});
    MUST(machine);
    memset(&bridge, 0, sizeof bridge);
    bridge.scp_socket = bridge.boot_socket = -1;
    bridge.loopback = true;
}

/* Whatever the image is, it runs a little; then the board is switched off and on. */
static void if_booted(void)
{
    const BootRom *rom = &machine->chip[0].rom;
    MUST(rom->blocks <= 32);
    if (rom->active)
        return;
    machine_run(machine, machine->now + 2 * CYCLES_PER_MICROSECOND);
    bridge_deliver(&bridge, machine);
    bridge.queue_count = 0;
    machine_power_on(machine);
}

/* The port, then the datagram. */
static void make_datagram(Choices *c, Input *in)
{
    bool boot = !one_in(c, 16);
    add8(in, boot);
    if (boot && !one_in(c, 8)) {
        add_boot_datagram(c, in);
        if (one_in(c, 3))
            mutate(c, in, 1);
    } else {
        add_datagram(c, in);
    }
}

static void feed_datagram(const uint8_t *data, uint32_t length)
{
    if (!length)
        return;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(1000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint64_t refused = bridge.refused;
    bridge_datagram(&bridge, machine, &from, data[0] & 1 ? BOOT_PORT : SCP_PORT, data + 1, length - 1);
    MUST(bridge.refused - refused == (length - 1 > 1472));
    if_booted();
}

/* Up to 100 packets, of key, payload, control and arrival. */
static void make_packets(Choices *c, Input *in)
{
    uint32_t block = below(c, 4), words = 1 + below(c, 8);
    for (uint32_t n = 1 + below(c, 100); n; n--) {
        bool odd = one_in(c, 8);
        uint32_t operation = 1 + below(c, 5);
        add32(in, odd ? edge(c) : operation << 24 | block << 16 | below(c, words) << 8 | 3);
        add32(in, odd ? edge(c) : operation == 1 ? below(c, 4) << 16 : edge(c));
        add8(in, odd ? edge(c) : PACKET_NN << 6 | CONTROL_PAYLOAD);
        add8(in, odd ? edge(c) : below(c, 6));
    }
}

static void feed_packets(const uint8_t *data, uint32_t length)
{
    for (; length >= 10; data += 10, length -= 10) {
        Packet p = {.control = data[8], .arrival = data[9]};
        memcpy(&p.key, data, 4);
        memcpy(&p.payload, data + 4, 4);
        if (machine->chip[0].rom.active)
            boot_rom_packet(machine, &machine->chip[0], &p, machine->now);
        if_booted();
    }
}

const Target boot_rom_target = {
    "boot_rom", "datagrams to a board that waits to be booted", 1200, 2000, begin, make_datagram, feed_datagram, end};
const Target boot_packets_target = {
    "boot_packets", "sequences of packets to a chip that waits to be booted", 500, 2000, begin, make_packets, feed_packets, end};
