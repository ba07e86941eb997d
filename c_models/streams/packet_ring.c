#include "packet_ring.h"

#include "claim.h"
#include "runtime.h"

packet_ring_t packet_ring;

/* packet_ring_fiq.S */
void packet_ring_fiq(void);

void packet_ring_start(uint32_t n_entries)
{
    uint32_t bytes = n_entries * sizeof(packet_t) + sizeof(packet_t *);
    packet_ring.first = claim_dtcm(bytes);
    packet_ring.end = packet_ring.first + n_entries;
    *(packet_t **) packet_ring.end = packet_ring.first;
    for (packet_t *packet = packet_ring.first; packet < packet_ring.end; packet++) {
        packet->key = PACKET_NONE;
    }
    const uint32_t registers[5] = {(uint32_t) cc, (uint32_t) packet_ring.first, 0, 0,
                                   (uint32_t) packet_ring.end};
    runtime_set_fiq_registers(registers);
    runtime_install_fiq(CC_MC_INT, packet_ring_fiq);
}

packet_t *packet_ring_next(packet_t *next)
{
    uint32_t registers[5];
    uint cpsr = spin1_int_disable();
    runtime_get_fiq_registers(registers);
    const packet_t *written = (const packet_t *) registers[1];
    while (next != written && *(volatile uint32_t *) &next->key == PACKET_NONE) {
        if (++next == packet_ring.end) {
            next = packet_ring.first;
        }
    }
    spin1_mode_restore(cpsr);
    return next;
}
