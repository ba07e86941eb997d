/*
 * Between UDP sockets of the host and the Ethernet of an emulated board; a machine of several boards has one for each.
 *
 * Datagrams become frames and the other way round; nothing is answered here but ARP.  The bridge
 * only holds datagrams back (until the receive buffer is empty, and to the next multiple of
 * HOST_ADMISSION_INTERVAL) and drops the repeat of a request that is still being worked on.
 * What comes to harm on request does so at the sockets (datagram_faults.h).
 */
#ifndef SPINNEMU_BRIDGE_H
#define SPINNEMU_BRIDGE_H
#include "datagram_faults.h"
#include "datagram_log.h"
#include "machine.h"
#include <netinet/in.h>

enum { SCP_PORT = 17893, BOOT_PORT = 54321 };
enum { BRIDGE_QUEUE = 1024, BRIDGE_REQUESTS = 1024 };

typedef struct Request {
    uint32_t address;
    uint16_t port, sequence;
    bool answered;
    bool spared;                             /* by faults; so is its answer */
    uint64_t since;                          /* in work, or answered; NEVER while it waits in the queue */
} Request;

typedef struct Bridge {
    unsigned board;                          /* of the machine */
    int scp_socket, boot_socket;
    bool loopback;                           /* datagrams come from, and answers go to, loopback addresses only */
    Frame queue[BRIDGE_QUEUE];
    uint32_t queue_head, queue_count;
    Request request[BRIDGE_REQUESTS];
    uint32_t requests;
    uint64_t datagrams_in, datagrams_out, repeats_dropped, refused;
    FILE *log;
    DatagramFaults faults;
} Bridge;

/* Bind the two ports at the address of a board; on failure the port that could not be bound, else 0. */
int bridge_open(Bridge *b, unsigned board, const uint8_t address[4]);
void bridge_close(Bridge *b);
void bridge_collect(Bridge *b, Machine *m);  /* from the sockets into the queue */
/* One datagram for `port`, either of the two: to the boot ROM, into the queue, or refused. */
void bridge_datagram(Bridge *b, Machine *m, const struct sockaddr_in *from, unsigned port, const uint8_t *data, size_t bytes);
void bridge_admit(Bridge *b, Machine *m);    /* the head of the queue, if it may */
void bridge_deliver(Bridge *b, Machine *m);  /* frames of the board to the sockets */
bool bridge_working(Bridge *b, const Machine *m);   /* a request is unanswered, or waits */
#endif
