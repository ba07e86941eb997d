/* Frames that software on the board sends, which may be anything: to the bridge, and what it makes of them for hosts. */
#include "bridge.h"
#include "fuzz.h"
#include <string.h>

#ifdef ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(PLACE, BYTES) (void)0
#define ASAN_UNPOISON_MEMORY_REGION(PLACE, BYTES) (void)0
#endif

enum { HEAD = 3, HEADERS = 42, TRANSMIT_BYTES = 0x600 };
enum { TRANSMIT_RAM = 0xe4000000, LENGTH = 0xe400c008, COMMAND = 0xe400c00c, DISCARD = 0xe400c010 };

static Machine *machine;
static Bridge bridge;
static volatile uint32_t sum;

/* The linker puts it in the place of the system's. */
ssize_t __wrap_sendto(int s, const void *data, size_t bytes, int flags, const struct sockaddr *to, socklen_t length);
ssize_t __wrap_sendto(int s, const void *data, size_t bytes, int flags, const struct sockaddr *to, socklen_t length)
{
    (void)s, (void)flags;
    MUST(length == sizeof(struct sockaddr_in) && bytes <= FRAME_MAX - HEADERS);
    const struct sockaddr_in *a = (const struct sockaddr_in *)to;
    MUST(ntohl(a->sin_addr.s_addr) >> 24 == 127);
    for (size_t i = 0; i < bytes; i++)
        sum += ((const uint8_t *)data)[i];
    return (ssize_t)bytes;
}

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
    machine->chip[0].rom.active = false;
    machine->chip[0].ethernet.control = 3;
    memset(&bridge, 0, sizeof bridge);
    bridge.scp_socket = bridge.boot_socket = 3;      /* nothing is read from or sent to it */
    bridge.loopback = true;
    for (uint16_t i = 0; i < 8; i++)                 /* requests that may be answered */
        bridge.request[bridge.requests++] = (Request){htonl(INADDR_LOOPBACK), htons(1000), i, false, false, 0};
}

static void add16_big_endian(Input *in, uint32_t v) { add16(in, __builtin_bswap16((uint16_t)v)); }

static void add_arp(Choices *c, Input *in)
{
    add_any(in, c, 12);
    add16_big_endian(in, 0x0806);
    add16_big_endian(in, 1);
    add16_big_endian(in, 0x0800);
    add16_big_endian(in, 0x0604);
    add16_big_endian(in, one_in(c, 8) ? edge(c) : 1);
    add_any(in, c, 20 + 18);
}

static void add_udp(Choices *c, Input *in)
{
    Input datagram = {0};
    add_datagram(c, &datagram);
    uint32_t bytes = one_in(c, 8) ? edge(c) : datagram.length;
    add_any(in, c, 12);
    add16_big_endian(in, 0x0800);
    add8(in, one_in(c, 16) ? edge(c) : 0x45);
    add8(in, 0);
    add16_big_endian(in, 20 + 8 + bytes);
    add32(in, 0);
    add8(in, 64);
    add8(in, one_in(c, 16) ? edge(c) : 17);
    add16(in, 0);
    add_any(in, c, 4);
    add8(in, one_in(c, 8) ? below(c, 256) : 127);
    add8(in, 0), add8(in, 0), add8(in, 1);
    add16_big_endian(in, 17893);
    add16_big_endian(in, 1000);
    add16_big_endian(in, 8 + bytes);
    add16(in, 0);
    add_bytes(in, datagram.data, datagram.length);
}

/* How often, the length that the device is told, then what goes into its memory. */
static void make(Choices *c, Input *in)
{
    add8(in, one_in(c, 32) ? FRAMES_OUT + 2 : 1);
    add16(in, 0);
    switch (below(c, 8)) {
    case 0: add_any(in, c, below(c, TRANSMIT_BYTES)); break;
    case 1: add_arp(c, in); break;
    default: add_udp(c, in); break;
    }
    uint16_t told = (uint16_t)(one_in(c, 8) ? edge(c) : in->length - HEAD);
    memcpy(in->data + 1, &told, 2);
    if (one_in(c, 2))
        mutate(c, in, 1);
}

static void put(uint32_t address, uint32_t value, unsigned bytes)
{
    chip_write(machine, &machine->chip[0], NULL, address, value, bytes);
}

static void feed(const uint8_t *data, uint32_t length)
{
    if (length < HEAD)
        return;
    for (uint32_t i = HEAD; i < length && i - HEAD < TRANSMIT_BYTES + 8; i++)
        put(TRANSMIT_RAM + i - HEAD, data[i], 1);
    put(LENGTH, (uint32_t)data[1] | (uint32_t)data[2] << 8, 4);
    for (uint32_t times = data[0]; times; times--)
        put(COMMAND, 1, 4);
    MUST(machine->board[0].out_count <= FRAMES_OUT);
    uint32_t queued = bridge.queue_count;
    for (unsigned i = 0; i < FRAMES_OUT; i++)        /* nothing is read behind a frame */
        ASAN_POISON_MEMORY_REGION(machine->board[0].out[i].data + machine->board[0].out[i].length, FRAME_MAX - machine->board[0].out[i].length);
    bridge_deliver(&bridge, machine);
    for (unsigned i = 0; i < FRAMES_OUT; i++)
        ASAN_UNPOISON_MEMORY_REGION(machine->board[0].out[i].data, FRAME_MAX);
    MUST(machine->board[0].out_count == 0 && bridge.queue_count - queued <= data[0]);
    if (bridge.queue_count > queued) {               /* the answer to ARP */
        const Frame *reply = &bridge.queue[(bridge.queue_head + bridge.queue_count - 1) % BRIDGE_QUEUE];
        MUST(reply->length == 60 && reply->data[12] == 8 && reply->data[13] == 6 && reply->data[21] == 2);
        while (bridge.queue_count) {
            bridge_admit(&bridge, machine);
            machine_run(machine, machine->now + 2 * HOST_ADMISSION_INTERVAL);
            put(DISCARD, 1, 4);
        }
    }
    if (bridge.request[0].answered || bridge.requests < 4)
        for (uint32_t i = bridge.requests = 0; i < 8; i++)
            bridge.request[bridge.requests++] = (Request){htonl(INADDR_LOOPBACK), htons(1000), (uint16_t)i, false, false, machine->now};
}

const Target board_frames_target = {
    "board_frames", "frames that software on the board sends, to the bridge", 1700, 2000, begin, make, feed, end};
