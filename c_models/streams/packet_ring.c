#include "packet_ring.h"

#include "claim.h"
#include "runtime.h"
#include "stream_slots.h"

packet_ring_t packet_ring;

static const receiver_t *ring_receiver;

/* streams_receive.S */
void streams_receive(void);

void packet_ring_start(receiver_t *receiver, uint32_t n_entries)
{
    uint32_t bytes = n_entries * sizeof(packet_t) + sizeof(packet_t *);
    packet_ring.first = claim_dtcm(bytes);
    packet_ring.end = packet_ring.first + n_entries;
    *(packet_t **) packet_ring.end = packet_ring.first;
    for (packet_t *packet = packet_ring.first; packet < packet_ring.end; packet++) {
        packet->key = PACKET_NONE;
    }
    receiver->next = packet_ring.first;
    receiver->end = packet_ring.end;
    ring_receiver = receiver;
    const uint32_t registers[5] = {(uint32_t) receiver->places, 0, 0, 0, 0};
    runtime_set_fiq_registers(registers);
    runtime_install_fiq(CC_MC_INT, streams_receive);
}

packet_t *packet_ring_next(packet_t *next)
{
    uint cpsr = spin1_int_disable();
    const packet_t *written = ring_receiver->next;
    while (next != written && *(volatile uint32_t *) &next->key == PACKET_NONE) {
        if (++next == packet_ring.end) {
            next = packet_ring.first;
        }
    }
    spin1_mode_restore(cpsr);
    return next;
}

uint32_t packets_received(void)
{
    uint32_t registers[5];
    runtime_get_fiq_registers(registers);
    return registers[4];
}
