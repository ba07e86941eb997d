/* SPDX-License-Identifier: Apache-2.0
 * Packets: sent directly, received through callbacks. A vertex with a bare FIQ
 * handler uses only runtime_packets_init() of this. */
#include "internal.h"
#include <runtime.h>

/* Packets that nobody asked for would block the router: both kinds that can
 * reach an application core are taken out and counted from the start. */
void runtime_packets_init(void)
{
    cc[CC_TCR] = PKT_MC;
    sark_vic_set(SLOT_MULTICAST, CC_MC_INT, 1, runtime_irq_multicast);
    sark_vic_set(SLOT_FIXED_ROUTE, CC_FR_INT, 1, runtime_irq_fixed_route);
}

/* Take one packet and pass it on; returns false if nobody wanted it. */
static inline bool receive(uint event_without_payload, uint event_with_payload)
{
    uint event_id = event_without_payload;
    uint payload = 0;

    if ((cc[CC_RSR] & PKT_PL) != 0) {
        payload = cc[CC_RXDATA];
        event_id = event_with_payload;
    }
    uint key = cc[CC_RXKEY];
    if (event_callbacks[event_id].function == NULL) {
        sark.pkt_count++;
        return false;
    }
    runtime_event(event_id, key, payload);
    return true;
}

void runtime_multicast(void)
{
    if (!receive(MC_PACKET_RECEIVED, MCPL_PACKET_RECEIVED)) {
        diagnostics.discarded_mc_packets++;
    }
}

void runtime_fixed_route(void)
{
    if (!receive(FR_PACKET_RECEIVED, FRPL_PACKET_RECEIVED)) {
        diagnostics.discarded_fr_packets++;
    }
}

uint spin1_send_packet(uint key, uint data, uint TCR)
{
    uint cpsr = spin1_irq_disable();

    while (!runtime_can_send()) {
    }
    cc[CC_TCR] = TCR & ~PKT_PL;
    if ((TCR & PKT_PL) != 0) {
        cc[CC_TXDATA] = data;
    }
    cc[CC_TXKEY] = key;
    cc[CC_TCR] = PKT_MC; /* as runtime_send() expects it */
    spin1_mode_restore(cpsr);
    return SUCCESS;
}
