/*
 * Datagrams between host and board that come to harm, in either direction, before the bridge does anything with them.
 *
 * They are outside the machine: of datagrams to the board the log holds what got through, so that a replay needs no faults.
 */
#ifndef SPINNEMU_DATAGRAM_FAULTS_H
#define SPINNEMU_DATAGRAM_FAULTS_H

#include "faults.h"
#include <netinet/in.h>

enum DatagramFate { DATAGRAM_PASSES, DATAGRAM_LOST, DATAGRAM_TWICE, DATAGRAM_HELD };
enum DatagramWay { TO_BOARD, TO_HOST, DATAGRAM_WAYS };

enum { DATAGRAM_MAX = 2048, DATAGRAMS_HELD = 16 };

typedef struct Datagram {
    struct sockaddr_in peer;                 /* the host's end */
    uint32_t length;
    bool boot;                               /* of the boot port */
    bool spared;                             /* nothing befalls it */
    uint8_t data[DATAGRAM_MAX];
} Datagram;

typedef struct HeldDatagram { uint64_t until; uint32_t to_pass; Datagram datagram; } HeldDatagram;

typedef struct DatagramFaults {
    unsigned board;                          /* each has numbers of its own */
    uint64_t seed, rate[DATAGRAM_FAULTS];    /* in units of 2**-63 */
    uint64_t spare_commands;
    uint32_t spare_ports;
    uint64_t happened[DATAGRAM_FAULTS];
    struct { uint64_t draws; uint32_t held; HeldDatagram place[DATAGRAMS_HELD]; } way[DATAGRAM_WAYS];
} DatagramFaults;

/* These rates from now on; what happened stays counted, what is held comes in its time. */
void datagram_faults_set(DatagramFaults *f, unsigned board, const FaultSetting *setting);
/* Whether a request to the board, or what an application sends to the host, is to be spared. */
bool datagram_spared(const DatagramFaults *f, enum DatagramWay way, const uint8_t *data, size_t bytes);
/* What becomes of a datagram; one that is held has been copied.  `now`: emulated time, cycles. */
enum DatagramFate datagram_fate(DatagramFaults *f, enum DatagramWay way, const Datagram *datagram, uint64_t now);
/* Takes one that has been held long enough; false: there is none. */
bool datagram_released(DatagramFaults *f, enum DatagramWay way, uint64_t now, Datagram *datagram);

#endif
