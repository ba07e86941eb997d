/* Datagrams from hosts of every kind, through the bridge into the ring of the Ethernet device, which a driver empties. */
#include "bridge.h"
#include "fuzz.h"
#include <string.h>

/* The driver reads a frame; one is put at the device without the bridge; a short one. */
enum { READS = 1, STRAIGHT = 2, SHORT = 4, SHORT_MOST = 40 };
enum { ENVELOPE = 6, PAYLOAD_MOST = 1472, HEADERS = 42 };
enum { FRAMES = 0xe400c004, RECEIVED = 0xe4004000, DESCRIPTORS = 0xe4008000, DISCARD = 0xe400c010, READ_AT = 0xe400c024,
       READ_DESCRIPTOR = 0xe400c02c };

static Machine *machine;
static Bridge bridge;
static uint64_t admitted, bridged;
/* Frames in the ring, oldest first, by a hash of each; and that of the one on its way. */
static struct { uint32_t hash[64], first, count, coming; } ring;
static const uint8_t board[6] = {0x02, 0x99, 0xe1, 0x17, 0x5b, 0xc3};

static void end(void)
{
    if (machine) {
        MUST(bridged > 100 || bridge.datagrams_in < 1000);           /* else little was looked at */
        machine_free(machine);
    }
    machine = NULL;
}

static void begin(void)
{
    end();
    machine = machine_new(BOARD_ONE_CHIP, (uint8_t[4]){127, 0, 0, 5});
    MUST(machine);
    machine->chip[0].rom.active = false;
    machine->chip[0].ethernet.control = 3;   /* sends and receives */
    memcpy(machine->chip[0].sysram + 0x7fe2, board, sizeof board);
    memset(&bridge, 0, sizeof bridge);
    bridge.scp_socket = bridge.boot_socket = -1;
    bridge.loopback = true;
    admitted = bridged = 0;
    memset(&ring, 0, sizeof ring);
}

/* Port and sender, what the driver does, then the datagram. */
static void make(Choices *c, Input *in)
{
    add8(in, below(c, 2));
    add8(in, one_in(c, 16) ? below(c, 256) : 127);
    add16(in, one_in(c, 32) ? 0 : 1000 + below(c, 3));
    add8(in, (one_in(c, 2) ? READS : 0) | (one_in(c, 2) ? STRAIGHT : 0) | (one_in(c, 2) ? SHORT : 0));
    add8(in, below(c, 100));
    add_datagram(c, in);
}

static uint32_t get(uint32_t address, unsigned bytes)
{
    return chip_read(machine, &machine->chip[0], NULL, address, bytes);
}

static uint32_t hash(const uint8_t *data, uint32_t length)
{
    uint32_t h = length;
    for (uint32_t i = 0; i < length; i++)
        h = (h ^ data[i]) * 0x01000193u;
    return h;
}

/* As SC&MP does: descriptor, place, bytes; then the frame is discarded. */
static void read_a_frame(void)
{
    uint32_t index = get(READ_DESCRIPTOR, 4), at = get(READ_AT, 4), length = get(DESCRIPTORS + 4 * index, 4);
    MUST(index < 64 && length && length <= FRAME_MAX && at + length <= 0xc00);
    uint8_t frame[2048];
    for (uint32_t i = 0; i < length; i++)
        frame[i] = (uint8_t)get(RECEIVED + at + i, 1);
    MUST(ring.count && hash(frame, length) == ring.hash[ring.first]);
    ring.first = (ring.first + 1) % 64;
    ring.count--;
    if (length >= 60 && !memcmp(frame, board, sizeof board)) {       /* the bridge's */
        MUST(frame[12] == 8 && frame[13] == 0);
        MUST(frame[14] == 0x45 && length <= HEADERS + PAYLOAD_MOST);
        MUST((frame[16] << 8 | frame[17]) == (frame[38] << 8 | frame[39]) + 20);
        MUST(frame[26] == 127);              /* its sender */
        bridged++;
    }
    chip_write(machine, &machine->chip[0], NULL, DISCARD, 1, 4);
}

static void feed(const uint8_t *data, uint32_t length)
{
    if (length < ENVELOPE)
        return;
    struct sockaddr_in from = {.sin_family = AF_INET};
    memcpy(&from.sin_port, data + 2, 2);
    memcpy(&from.sin_addr, (uint8_t[4]){data[1], 0, 0, 1}, 4);
    uint32_t bytes = length - ENVELOPE;
    bool refused = bytes > PAYLOAD_MOST || from.sin_port == 0 || data[1] != 127 || bridge.queue_count == BRIDGE_QUEUE;
    const Bridge before = {.queue_count = bridge.queue_count, .refused = bridge.refused, .datagrams_in = bridge.datagrams_in,
                           .repeats_dropped = bridge.repeats_dropped};
    bridge_datagram(&bridge, machine, &from, data[0] & 1 ? BOOT_PORT : SCP_PORT, data + ENVELOPE, bytes);
    MUST(bridge.datagrams_in == before.datagrams_in + 1);
    MUST(bridge.refused == before.refused + refused);
    bool queued = !refused && bridge.repeats_dropped == before.repeats_dropped;
    MUST(bridge.queue_count == before.queue_count + queued && bridge.requests <= BRIDGE_REQUESTS);

    /* For a while all goes through the bridge and is read; then the ring fills, with frames of all lengths, or short ones. */
    unsigned phase = bridge.datagrams_in >> 9 & 3;
    bool few = phase == 3;
    uint32_t most = few ? SHORT_MOST / 2 : SHORT_MOST;
    if (phase < 2)
        bridge.requests = data[5] & 3 ? 0 : bridge.requests;         /* as if they had been answered */
    else if (data[4] & STRAIGHT && (data[4] & SHORT || !few) && bytes && bytes <= FRAME_MAX && !machine_host_frame_due(machine, 0)) {
        machine_host_frame(machine, 0, machine->now + 1, data + ENVELOPE, data[4] & SHORT && bytes > most ? most : bytes);
        admitted++;
    }
    uint32_t waiting = bridge.queue_count;
    bridge_admit(&bridge, machine);
    admitted += waiting - bridge.queue_count;
    if (machine_host_frame_due(machine, 0))
        ring.coming = hash(machine->board[0].arriving.data, machine->board[0].arriving.length);
    uint64_t received = machine_counters(machine).frames_in;
    machine_run(machine, machine->now + data[5] * (uint64_t)CYCLES_PER_MICROSECOND);
    if (machine_counters(machine).frames_in > received)
        ring.hash[(ring.first + ring.count++) % 64] = ring.coming;
    const Counters counters = machine_counters(machine);
    MUST(counters.frames_in + counters.frames_lost + machine_host_frame_due(machine, 0) == admitted);
    MUST(machine->chip[0].ethernet.frames == ring.count && ring.count < 64);
    (void)bridge_working(&bridge, machine);
    if ((phase < 2 || data[4] & READS) && !(few && data[5] & 3) && (get(FRAMES, 4) >> 1 & 63))
        read_a_frame();
}

const Target host_target = {
    "host", "datagrams from hosts, near and foreign, to the bridge and the Ethernet device", 2400, 2000, begin, make, feed, end};
