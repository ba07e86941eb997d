/* Datagrams to a booted board, whose SC&MP does with them what it does; now and then frames reach it that no host sends. */
#include "bridge.h"
#include "fuzz.h"
#include "snapshot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NETINIT_PHASE = 0x7f2d, NETINIT_DONE = 0xff, IMAGE_MOST = 32 * 1024 };
enum { ENVELOPE = 3 };

static Machine *machine;
static Bridge bridge;
static char folder[] = "/tmp/fuzz-XXXXXX", name[64];
static bool booted;

static Machine *new_machine(void)
{
    Machine *m = machine_new(BOARD_SPINN3, (uint8_t[4]){127, 0, 0, 5});
    MUST(m);
    return m;
}

static void boot(void)
{
    static uint8_t image[IMAGE_MOST];
    FILE *file = fopen(boot_image_path, "rb");
    MUST(file);
    size_t bytes = fread(image, 1, sizeof image, file);
    fclose(file);
    machine = new_machine();
    boot_rom_image(machine, image, bytes);
    while (machine->now < 20 * CLOCK_HZ && machine->chip[0].sysram[NETINIT_PHASE] != NETINIT_DONE)
        machine_run(machine, machine->now + CYCLES_PER_MILLISECOND);
    MUST(machine->chip[0].sysram[NETINIT_PHASE] == NETINIT_DONE);
    machine_run(machine, machine->now + CLOCK_HZ / 10);
    machine_forget_frames(machine);
    MUST(mkdtemp(folder));
    snprintf(name, sizeof name, "%s/booted", folder);
    MUST(snapshot_save(machine, name, "booted"));
    booted = true;
}

static void give(const uint8_t *data, uint32_t bytes, unsigned port)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(1000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bridge_datagram(&bridge, machine, &from, port, data, bytes);
}

static void run(uint64_t cycles)
{
    bridge_admit(&bridge, machine);
    machine_run(machine, machine->now + cycles);
    bridge_deliver(&bridge, machine);
}

/* The board as it is booted; it answers. */
static void begin(void)
{
    if (!booted)
        boot();
    machine_free(machine);
    machine = new_machine();
    MUST(snapshot_load(machine, name, "booted"));
    memset(&bridge, 0, sizeof bridge);
    bridge.scp_socket = bridge.boot_socket = 3;      /* see target_board_frames.c */
    bridge.loopback = true;
    static const uint8_t version[26] = {[2] = 0x87, 0xff, 0, 0xff, 0xff, 0xff};
    give(version, sizeof version, SCP_PORT);
    for (unsigned i = 0; i < 100 && !bridge.datagrams_out; i++)
        run(10 * CYCLES_PER_MICROSECOND);
    MUST(bridge.datagrams_out == 1);
}

/* Port, how long the board has for it (tens of us), whether it is a frame; then the datagram. */
static void make(Choices *c, Input *in)
{
    add8(in, one_in(c, 16));
    add8(in, one_in(c, 16) ? below(c, 60) : below(c, 8));
    add8(in, one_in(c, 16));
    add_datagram(c, in);
}

static void feed(const uint8_t *data, uint32_t length)
{
    if (length < ENVELOPE)
        return;
    uint32_t bytes = length - ENVELOPE;
    if (data[2] & 1) {
        if (!machine_host_frame_due(machine, 0))
            machine_host_frame(machine, 0, machine->now + 1000, data + ENVELOPE, bytes);
    } else {
        give(data + ENVELOPE, bytes, data[0] & 1 ? BOOT_PORT : SCP_PORT);
    }
    bridge.requests = 0;                     /* else eight of them without an answer would hold back all others for long */
    run((1 + data[1] % 64) * 10 * CYCLES_PER_MICROSECOND);
    MUST(bridge.queue_count <= BRIDGE_QUEUE);
}

static void end(void)
{
    if (!booted)
        return;
    machine_free(machine);
    machine = NULL;
    unlink(name);
    rmdir(folder);
    booted = false;
}

const Target scamp_target = {
    "scamp", "datagrams to a booted board with SC&MP", 380, 100, begin, make, feed, end};
