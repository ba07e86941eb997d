/* SPDX-License-Identifier: Apache-2.0
 * Core 1 sends packets, one in a microsecond; every other core counts what comes, adds the payloads up, and tells both after
 * 20 ms: to the host in its words user1 and user2, to people in IOBUF. */
#include <sark.h>
#include <spin1_api.h>

#define SENDER 1u
#define KEY 0x1000u
#define N_PACKETS 1000u
#define TICK_US 1000u
#define LAST_TICK 20u

static uint n_received;
static uint sum;

static void receive(uint key, uint payload)
{
    (void) key;
    n_received++;
    sum += payload;
}

static void send(void)
{
    for (uint i = 0; i < N_PACKETS; i++) {
        spin1_send_mc_packet(KEY, i, WITH_PAYLOAD);
        spin1_delay_us(1);
    }
}

static void tick(uint ticks, uint unused)
{
    (void) unused;
    if (ticks == 1 && spin1_get_core_id() == SENDER) {
        send();
    }
    if (ticks < LAST_TICK) {
        return;
    }
    sark.vcpu->user1 = n_received;
    sark.vcpu->user2 = sum;
    io_printf(IO_BUF, "core %u: %u packets, sum %u\n", spin1_get_core_id(), n_received, sum);
    spin1_exit(0);
}

void c_main(void)
{
    spin1_set_timer_tick(TICK_US);
    spin1_callback_on(MCPL_PACKET_RECEIVED, receive, 0); /* in the interrupt */
    spin1_callback_on(TIMER_TICK, tick, 2);              /* by the scheduler */
    spin1_start(SYNC_WAIT);                              /* all cores begin together */
}
