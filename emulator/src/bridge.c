#define _GNU_SOURCE
#include "bridge.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAC_BYTES = 6, ETHERNET_HEADER = 14, IP_HEADER = 20, UDP_HEADER = 8, HEADERS = 42 };
enum { TYPE_IP = 0x0800, TYPE_ARP = 0x0806, PROTOCOL_UDP = 17 };
enum { MINIMUM_FRAME = 60, PAYLOAD_MAX = 1472 };
/* SDP over UDP: two bytes of padding, then the header, then SCP's command and sequence number. */
enum { SDP_FLAGS = 2, SDP_REPLY_EXPECTED = 0x87, SCP_SEQUENCE = 12, SCP_MINIMUM = 14 };

/* A request that found no answer in this time will not get one: its repeat is let through.  Answers take a few ms; hosts give up
 * after some ten repeats, a second apart by their own clock, in which a machine of hundreds of busy cores gets on by 0.1 s. */
#define REQUEST_LIFETIME (30ull * CYCLES_PER_MILLISECOND)
/* SC&MP has this many transient IP tags, and drops a request for which there is none. */
#define REQUESTS_AT_ONCE 8u
/* It frees the tag a while after the answer went to the Ethernet: 5 us, and what interrupts take.
 * A real host's reaction is never that fast. */
#define TAG_RELEASE (40ull * CYCLES_PER_MICROSECOND)
/* Waiting for an answer is a reason to run fast only this long. */
#define REQUEST_URGENT (100ull * CYCLES_PER_MILLISECOND)
/* Datagrams taken from a socket at once: a host that never stops sending must not keep the machine from running. */
enum { COLLECTED_AT_ONCE = BRIDGE_QUEUE };

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static void put16(uint8_t *p, unsigned v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }

static int bind_port(const uint8_t address[4], int port)
{
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    memcpy(&a.sin_addr, address, 4);
    int bytes = 4 << 20;
    if (s >= 0) {
        setsockopt(s, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
        setsockopt(s, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
    if (s >= 0 && bind(s, (struct sockaddr *)&a, sizeof a) < 0) {
        close(s);
        s = -1;
    }
    return s;
}

int bridge_open(Bridge *b, unsigned board, const uint8_t address[4])
{
    memset(b, 0, sizeof *b);
    b->board = board;
    b->loopback = address[0] == 127;
    b->boot_socket = -1;
    b->scp_socket = bind_port(address, SCP_PORT);
    if (b->scp_socket < 0)
        return SCP_PORT;
    b->boot_socket = bind_port(address, BOOT_PORT);
    return b->boot_socket < 0 ? BOOT_PORT : 0;
}

void bridge_close(Bridge *b)
{
    if (b->scp_socket >= 0)
        close(b->scp_socket);
    if (b->boot_socket >= 0)
        close(b->boot_socket);
    b->scp_socket = b->boot_socket = -1;
}

/* --- host to board ------------------------------------------------------------------------ */

static void host_mac(uint8_t *mac, const uint8_t address[4])
{
    mac[0] = 0x02;
    mac[1] = 0x00;
    memcpy(mac + 2, address, 4);
}

static uint16_t checksum(const uint8_t *p, size_t bytes)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < bytes; i += 2)
        sum += get16(p + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void ethernet_header(Frame *f, const uint8_t *to, const uint8_t *from, unsigned type)
{
    memcpy(f->data, to, MAC_BYTES);
    memcpy(f->data + 6, from, MAC_BYTES);
    put16(f->data + 12, type);
}

/* The chip at the other end of the cable. */
static Chip *chip_of(const Bridge *b, Machine *m) { return &m->chip[m->board[b->board].chip]; }

static void board_mac(const Chip *chip, uint8_t *mac)
{
    memcpy(mac, chip->sysram + 0x7fe2, MAC_BYTES);          /* as the boot ROM was told */
}

static void udp_frame(const Bridge *b, Machine *m, Frame *f, const struct sockaddr_in *from, unsigned to_port,
                      const uint8_t *data, size_t bytes)
{
    uint8_t board[MAC_BYTES], host[MAC_BYTES], address[4];
    memcpy(address, &from->sin_addr, 4);
    board_mac(chip_of(b, m), board);
    host_mac(host, address);
    memset(f->data, 0, MINIMUM_FRAME);
    ethernet_header(f, board, host, TYPE_IP);
    uint8_t *ip = f->data + ETHERNET_HEADER, *udp = ip + IP_HEADER;
    ip[0] = 0x45;
    ip[1] = 0;
    put16(ip + 2, (unsigned)(IP_HEADER + UDP_HEADER + bytes));
    memset(ip + 4, 0, 8);
    ip[8] = 64;
    ip[9] = PROTOCOL_UDP;
    memcpy(ip + 12, address, 4);
    memcpy(ip + 16, m->board[b->board].ip_address, 4);
    put16(ip + 10, checksum(ip, IP_HEADER));
    put16(udp, ntohs(from->sin_port));
    put16(udp + 2, to_port);
    put16(udp + 4, (unsigned)(UDP_HEADER + bytes));
    put16(udp + 6, 0);                       /* no checksum */
    memcpy(udp + UDP_HEADER, data, bytes);
    f->length = (uint32_t)(HEADERS + bytes);
    if (f->length < MINIMUM_FRAME)
        f->length = MINIMUM_FRAME;
}

static bool wants_answer(const uint8_t *data, size_t bytes)
{
    return bytes >= SCP_MINIMUM && data[SDP_FLAGS] == SDP_REPLY_EXPECTED;
}

static Request *find(Bridge *b, uint32_t address, uint16_t port, uint16_t sequence)
{
    for (uint32_t i = 0; i < b->requests; i++)
        if (b->request[i].address == address && b->request[i].port == port
            && b->request[i].sequence == sequence && !b->request[i].answered)
            return &b->request[i];
    return NULL;
}

static void forget(Bridge *b, Request *r) { *r = b->request[--b->requests]; }

static void forget_old(Bridge *b, const Machine *m)
{
    for (uint32_t i = b->requests; i-- > 0;)
        if (b->request[i].since != NEVER
            && m->now > b->request[i].since + (b->request[i].answered ? TAG_RELEASE : REQUEST_LIFETIME))
            forget(b, &b->request[i]);
}

static Frame *queue_place(Bridge *b)
{
    return b->queue_count == BRIDGE_QUEUE ? NULL
         : &b->queue[(b->queue_head + b->queue_count++) % BRIDGE_QUEUE];
}

static bool is_loopback(const void *address) { return *(const uint8_t *)address == 127; }

/* Nobody on the board will ever take a frame. */
static bool nobody_there(const Bridge *b, const Machine *m)
{
    const Chip *chip = chip_of(b, (Machine *)m);
    return m->faults.dead.cores[chip->id] >> (chip->sc.monitor_id & 31) & 1;
}

/* Nothing but the boot ROM listens. */
static void boot_datagram(Bridge *b, Machine *m, unsigned port, const uint8_t *data, size_t bytes)
{
    if (port != BOOT_PORT)
        return;
    log_write(b->log, LOG_BOOT, b->board, m->now, data, (uint32_t)bytes);
    boot_rom_datagram(m, b->board, data, bytes);
}

/* A request is taken again while it is worked on only if a fault made two of it. */
static void accept_datagram(Bridge *b, Machine *m, const struct sockaddr_in *from, unsigned port,
                            const uint8_t *data, size_t bytes, bool again)
{
    b->datagrams_in++;
    if (bytes > PAYLOAD_MAX || from->sin_port == 0 || b->queue_count == BRIDGE_QUEUE
        || (b->loopback && !is_loopback(&from->sin_addr))) {
        b->refused++;
        return;
    }
    const Chip *chip = chip_of(b, m);
    if (chip->rom.active) {
        boot_datagram(b, m, port, data, bytes);
        return;
    }
    enum { RECEIVER_ON = 2 };
    if (!(chip->ethernet.control & RECEIVER_ON) || nobody_there(b, m))
        return;                              /* start-up is not that far, or ...: the frame would be lost */
    if (port == SCP_PORT && wants_answer(data, bytes)) {
        uint16_t sequence = (uint16_t)(data[SCP_SEQUENCE] | data[SCP_SEQUENCE + 1] << 8);
        if (!again && find(b, from->sin_addr.s_addr, from->sin_port, sequence)) {
            b->repeats_dropped++;
            return;
        }
        if (b->requests < BRIDGE_REQUESTS)
            b->request[b->requests++] = (Request){
                .address = from->sin_addr.s_addr, .port = from->sin_port, .sequence = sequence,
                .spared = datagram_spared(&b->faults, TO_BOARD, data, bytes), .since = NEVER};
    }
    udp_frame(b, m, queue_place(b), from, port, data, bytes);
}

void bridge_datagram(Bridge *b, Machine *m, const struct sockaddr_in *from, unsigned port, const uint8_t *data, size_t bytes)
{
    accept_datagram(b, m, from, port, data, bytes, false);
}

static void take_in(Bridge *b, Machine *m, const Datagram *d, bool again)
{
    accept_datagram(b, m, &d->peer, d->boot ? BOOT_PORT : SCP_PORT, d->data, d->length, again);
}

static void take_in_released(Bridge *b, Machine *m)
{
    Datagram d;
    while (b->queue_count < BRIDGE_QUEUE && datagram_released(&b->faults, TO_BOARD, m->now, &d))
        take_in(b, m, &d, false);
}

void bridge_collect(Bridge *b, Machine *m)
{
    Datagram d;
    forget_old(b, m);
    take_in_released(b, m);
    for (int which = 0; which < 2; which++) {
        int s = which ? b->boot_socket : b->scp_socket;
        d.boot = which;
        for (int i = 0; s >= 0 && i < COLLECTED_AT_ONCE && b->queue_count < BRIDGE_QUEUE; i++) {
            socklen_t size = sizeof d.peer;
            ssize_t n = recvfrom(s, d.data, sizeof d.data, 0, (struct sockaddr *)&d.peer, &size);
            if (n < 0)
                break;
            d.length = (uint32_t)n;
            d.spared = !which && datagram_spared(&b->faults, TO_BOARD, d.data, d.length);
            enum DatagramFate fate = datagram_fate(&b->faults, TO_BOARD, &d, m->now);
            if (fate == DATAGRAM_PASSES || fate == DATAGRAM_TWICE)
                take_in(b, m, &d, false);
            if (fate == DATAGRAM_TWICE && b->queue_count < BRIDGE_QUEUE)
                take_in(b, m, &d, true);
            take_in_released(b, m);
        }
    }
}

static void admitted(Bridge *b, const Frame *f, uint64_t at)
{
    const uint8_t *udp = f->data + ETHERNET_HEADER + IP_HEADER;
    /* by the length of the datagram: a short one's frame is filled up */
    if (get16(f->data + 12) != TYPE_IP || !wants_answer(udp + UDP_HEADER, (size_t)get16(udp + 4) - UDP_HEADER))
        return;
    uint32_t address;
    uint16_t port;
    memcpy(&address, f->data + ETHERNET_HEADER + 12, 4);
    memcpy(&port, udp, 2);
    const uint8_t *s = udp + UDP_HEADER + SCP_SEQUENCE;
    Request *r = find(b, address, port, (uint16_t)(s[0] | s[1] << 8));
    if (r)
        r->since = at;
}

/* Requests that hold one of SC&MP's tags. */
static uint32_t being_worked_on(const Bridge *b)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->requests; i++)
        n += b->request[i].since != NEVER;
    return n;
}

void bridge_admit(Bridge *b, Machine *m)
{
    forget_old(b, m);
    if (!b->queue_count || machine_host_frame_due(m, b->board) || chip_of(b, m)->ethernet.frames
        || being_worked_on(b) >= REQUESTS_AT_ONCE)
        return;
    const Frame *f = &b->queue[b->queue_head];
    uint64_t at = (m->now / HOST_ADMISSION_INTERVAL + 1) * HOST_ADMISSION_INTERVAL;
    log_write(b->log, LOG_FRAME, b->board, at, f->data, f->length);
    machine_host_frame(m, b->board, at, f->data, f->length);
    admitted(b, f, at);
    b->queue_head = (b->queue_head + 1) % BRIDGE_QUEUE;
    b->queue_count--;
}

/* --- board to host ------------------------------------------------------------------------ */

/* The board asks for the MAC of a host: every host is there. */
static void answer_arp(Bridge *b, const Frame *f)
{
    enum { OPERATION = 6, SENDER_MAC = 8, SENDER_IP = 14, TARGET_MAC = 18, TARGET_IP = 24, ARP_BYTES = 28 };
    const uint8_t *arp = f->data + ETHERNET_HEADER;
    if (f->length < ETHERNET_HEADER + ARP_BYTES || get16(arp + OPERATION) != 1)
        return;
    Frame *reply = queue_place(b);
    if (!reply)
        return;
    uint8_t mac[MAC_BYTES];
    host_mac(mac, arp + TARGET_IP);
    memset(reply->data, 0, MINIMUM_FRAME);
    reply->length = MINIMUM_FRAME;
    ethernet_header(reply, arp + SENDER_MAC, mac, TYPE_ARP);
    uint8_t *r = reply->data + ETHERNET_HEADER;
    memcpy(r, arp, OPERATION);
    put16(r + OPERATION, 2);
    memcpy(r + SENDER_MAC, mac, MAC_BYTES);
    memcpy(r + SENDER_IP, arp + TARGET_IP, 4);
    memcpy(r + TARGET_MAC, arp + SENDER_MAC, MAC_BYTES + 4);
}

static void send_out(const Bridge *b, const Datagram *d)
{
    while (b->scp_socket >= 0
           && sendto(b->scp_socket, d->data, d->length, 0, (const struct sockaddr *)&d->peer, sizeof d->peer) < 0
           && errno == EINTR)
        ;
}

static void send_released(Bridge *b, const Machine *m)
{
    Datagram d;
    while (datagram_released(&b->faults, TO_HOST, m->now, &d))
        send_out(b, &d);
}

static void send_udp(Bridge *b, const Machine *m, const Frame *f)
{
    const uint8_t *ip = f->data + ETHERNET_HEADER;
    if (f->length < HEADERS || ip[0] != 0x45 || ip[9] != PROTOCOL_UDP)
        return;
    const uint8_t *udp = ip + IP_HEADER;
    size_t bytes = get16(udp + 4);
    if (bytes < UDP_HEADER || bytes > f->length - ETHERNET_HEADER - IP_HEADER)
        return;
    bytes -= UDP_HEADER;
    Datagram d;
    d.peer = (struct sockaddr_in){.sin_family = AF_INET};
    d.length = (uint32_t)bytes;
    d.boot = false;
    memcpy(d.data, udp + UDP_HEADER, bytes);
    d.spared = datagram_spared(&b->faults, TO_HOST, d.data, bytes);
    memcpy(&d.peer.sin_addr, ip + 16, 4);
    memcpy(&d.peer.sin_port, udp + 2, 2);
    if (bytes >= SCP_MINIMUM) {
        Request *r = find(b, d.peer.sin_addr.s_addr, d.peer.sin_port,
                          (uint16_t)(d.data[SCP_SEQUENCE] | d.data[SCP_SEQUENCE + 1] << 8));
        if (r) {
            r->answered = true;
            r->since = m->now;
            d.spared |= r->spared;
        }
    }
    if (b->loopback && !is_loopback(ip + 16)) {
        b->refused++;
        return;
    }
    b->datagrams_out++;
    enum DatagramFate fate = datagram_fate(&b->faults, TO_HOST, &d, m->now);
    for (unsigned copies = fate == DATAGRAM_PASSES ? 1 : fate == DATAGRAM_TWICE ? 2 : 0; copies; copies--)
        send_out(b, &d);
}

void bridge_deliver(Bridge *b, Machine *m)
{
    Board *board = &m->board[b->board];
    while (board->out_count) {
        const Frame *f = &board->out[board->out_head];
        board->out_head = (board->out_head + 1) % FRAMES_OUT;
        board->out_count--;
        if (get16(f->data + 12) == TYPE_ARP)
            answer_arp(b, f);
        else if (get16(f->data + 12) == TYPE_IP)
            send_udp(b, m, f);
        send_released(b, m);
    }
    send_released(b, m);
}

bool bridge_working(Bridge *b, const Machine *m)
{
    if (nobody_there(b, m))
        return false;
    if (b->queue_count || machine_host_frame_due(m, b->board))
        return true;
    for (uint32_t i = 0; i < b->requests; i++)
        if (!b->request[i].answered && m->now < b->request[i].since + REQUEST_URGENT)
            return true;
    return false;
}
