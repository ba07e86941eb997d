/* What travels between cores. */
#ifndef SPINNEMU_PACKET_H
#define SPINNEMU_PACKET_H

#include <stdbool.h>
#include <stdint.h>

enum PacketType { PACKET_MC, PACKET_P2P, PACKET_NN, PACKET_FR, PACKET_TYPES };

#define CONTROL_WRONG_PARITY 0x01u           /* the header's parity bit: nothing sets it but a fault on request */
#define CONTROL_PAYLOAD 0x02u
#define CONTROL_NN_MEMORY 0x20u              /* nearest neighbour: peek or poke */
#define FROM_CORE 7u                         /* "link" a packet of this chip's cores came by */

typedef struct Packet {
    uint32_t key, payload;
    uint16_t source;                         /* P2P: address of the sending chip */
    uint8_t control;                         /* as in the header: type in bits 7:6 */
    uint8_t arrival;                         /* link it came by, or FROM_CORE */
} Packet;

static inline enum PacketType packet_type(const Packet *p) { return (enum PacketType)(p->control >> 6); }
static inline bool packet_has_payload(const Packet *p) { return p->control & CONTROL_PAYLOAD; }

typedef struct TimedPacket { uint64_t at; Packet packet; } TimedPacket;

#endif
