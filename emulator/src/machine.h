/*
 * A SpiNNaker machine of one or more boards: chips, their cores and devices, links, and the clock that drives them.
 *
 * Everything in struct Machine is plain data: a snapshot is a copy of it.  The few pointers are
 * set again by machine_wire().
 */
#ifndef SPINNEMU_MACHINE_H
#define SPINNEMU_MACHINE_H

#include "cpu.h"
#include "faults.h"
#include "guard.h"
#include "packet.h"
#include "profile.h"
#include "sizes.h"
#include "timing.h"

/* --- devices of a core -------------------------------------------------------------------- */

enum InterruptSource {
    INT_WATCHDOG = 0, INT_SOFTWARE = 1, INT_TIMER1 = 4, INT_TIMER2 = 5, INT_CC_READY = 6,
    INT_CC_PARITY = 7, INT_CC_TX_FULL = 9, INT_CC_TX_OVERRUN = 10, INT_CC_TX_EMPTY = 11, INT_DMA_DONE = 12,
    INT_DMA_ERROR = 13, INT_DMA_TIMEOUT = 14, INT_ROUTER_DIAGNOSTIC = 15, INT_ROUTER_DUMP = 16,
    INT_ROUTER_ERROR = 17, INT_CPU = 18, INT_ETHERNET_TX = 19, INT_ETHERNET_RX = 20,
    INT_CC_TX_NOT_FULL = 23, INT_CC_MC = 24, INT_CC_P2P = 25, INT_CC_NN = 26, INT_CC_FR = 27
};

typedef struct Vic {                         /* PL190 */
    uint32_t raw, soft, select, enable, default_vector;
    uint32_t vector[16], control[16];
    uint8_t slot_of_source[32];              /* 0-15, or 16 where unvectored */
    uint8_t stack[24], depth;                /* priorities in service */
} Vic;

typedef struct Timer {                       /* half an SP804 */
    uint32_t load, control, value;           /* value: count at `since` */
    bool raised;
    uint64_t since, deadline;
} Timer;

typedef struct CommsController {
    uint32_t tx_control, tx_data, source_address;
    bool tx_data_written, overrun;
    bool held;                               /* a packet waits in the transmit register ... */
    Packet hold;
    uint64_t released;                       /* ... and left it at this time (NEVER: it has not) */
    TimedPacket tx[CORE_TX_SLOTS];           /* in the Comms NoC, with the time at the router */
    uint32_t tx_head, tx_count;
    uint64_t tx_last;
    TimedPacket rx[CORE_RX_SLOTS];           /* towards the core, with the time it can read them */
    uint32_t rx_head, rx_count, rx_pushed;
    uint64_t rx_slot_free[CORE_RX_SLOTS];    /* as the router knows it */
    uint64_t rx_last;
    bool rx_visible;                         /* the head of rx is in the receive register */
    bool parity_error;                       /* a packet with wrong parity came; until software clears it */
    Packet last;                             /* what RXKEY/RXDATA still show afterwards */
} CommsController;

typedef struct DmaTransfer { uint32_t system, tcm, description; } DmaTransfer;

typedef struct Dma {
    DmaTransfer request, active, queued;
    bool busy, has_queued;
    uint8_t done;                            /* completions not cleared yet, 0 to 2 */
    uint32_t errors;                         /* STAT bits 12-17 */
    uint32_t global_control, timeout, statistics_control;
    uint32_t polynomial[32];
    uint64_t end;                            /* of the active transfer */
} Dma;

struct Machine;
struct Chip;

/* What came of trying to run ahead from some addresses: `left` more times it is not tried, which doubles each time in vain. */
typedef struct Hope { uint8_t vain : 3, left : 5; } Hope;
#define HOPES 32u

/* A core that runs ahead of the others; not part of the state.  See ahead.c. */
typedef struct Ahead {
    bool on;                                 /* it is where it will be at cpu.cycles */
    bool rest;                               /* not tried in the next turn, as the last time was in vain */
    uint32_t stride;                         /* how far it is tried, cycles */
    uint64_t reached;                        /* all that it does before is done */
    CpuRetreat *retreat;
    Hope hope[HOPES];
} Ahead;

typedef struct Retreat {
    CpuRetreat cpu;
    uint8_t skew[5 * 64];                    /* as in Tcm */
} Retreat;

/* Of a chip's cores; not part of the state. */
typedef struct Turns {
    struct Core *running;                    /* whose turn it is; NULL between quanta */
    uint32_t again;                          /* cores that have a turn in this quantum after all */
    uint64_t at[CORES];                      /* a core that is awake has no turn before */
} Turns;

typedef struct Core {
    _Alignas(64) Cpu cpu;
    struct Chip *chip;
    struct Machine *machine;
    Turns *turns;                            /* of its chip */
    uint64_t next_local;                     /* next thing that this core's own devices do */
    uint64_t run_until;                      /* end of the slice that runs, or ran last */
    uint8_t id;                              /* physical */
    bool restart_pending;                    /* it reset itself */
    bool parked;                             /* in the boot ROM's idle loop */
    bool slow;                               /* see dead_parts.c */
    bool by_steps;                           /* slow or profiled: its instructions run one by one */
    Ahead ahead;
    Vic vic;
    Timer timer[2];
    CommsController cc;
    Dma dma;
    CoreProfile *profile;                    /* NULL: it is not profiled */
} Core;

/* --- devices of a chip -------------------------------------------------------------------- */

#define ROUTER_ENTRIES 1024u
#define P2P_WORDS 8192u
#define DIAGNOSTIC_COUNTERS 16u

typedef struct LinkInput {                   /* packets on their way from, or waiting for, a router */
    TimedPacket ring[LINK_SLOTS];
    uint32_t head, count;
} LinkInput;

typedef struct LinkOutput {
    uint64_t free_at;                        /* serialiser */
    uint64_t slot_free[LINK_SLOTS];          /* NEVER while a packet has the place */
    uint32_t pushed;
    uint8_t to_chip, to_link;                /* where it ends ... */
    bool connected, fpga;                    /* ... if anywhere; through FPGAs to another board */
    bool dead;                               /* and so not connected */
    uint64_t packets, packets_payload;
} LinkOutput;

typedef struct Router {
    uint32_t control, fixed_route, diversion;
    uint32_t route[ROUTER_ENTRIES], key[ROUTER_ENTRIES], mask[ROUTER_ENTRIES];
    uint32_t p2p[P2P_WORDS];
    uint32_t filter[DIAGNOSTIC_COUNTERS], counter[DIAGNOSTIC_COUNTERS], counter_enable;
    uint32_t timing_control;
    Packet dumped;
    uint32_t dump_header, dump_outputs, dump_status;
    uint64_t dropped_at[OUTPUTS];            /* packets given up while this output was blocked */
    Packet error;                            /* the first with wrong parity */
    uint32_t error_header, error_status;
    /* state of the pipeline */
    LinkInput in[LINKS];
    LinkOutput out[LINKS];
    uint32_t ready;                          /* inputs with a packet at the door: links, cores, HELD_INPUT */
    uint32_t turn;                           /* round robin */
    bool occupied;                           /* a packet is in the output stage ... */
    bool waiting;                            /* ... and some output was not free */
    bool dead;                               /* with its chip */
    Packet current;
    uint32_t wanted;                         /* its outputs */
    bool defaulted;
    uint64_t since, busy_until;
    /* found from the table; made anew after it was written */
    bool table_changed, filters_changed;
    uint16_t filters_of_class[32];
    struct { uint32_t key, route; } cache[1024];
    struct { uint32_t mask; uint16_t first, count; } group[32];
    uint32_t groups, active;
    struct { uint32_t key; uint16_t entry; } sorted[ROUTER_ENTRIES];
    uint16_t active_entry[ROUTER_ENTRIES];
} Router;

typedef struct Ethernet {
    uint8_t tx_ram[0x600];
    GUARD(behind_tx)
    uint8_t rx_ram[0xc00];
    GUARD(behind_rx)
    uint32_t descriptor[64];
    uint32_t control, tx_length, mac_low, mac_high, phy_control;
    uint32_t read_offset, write_offset, read_index, write_index, frames, dropped;
    uint64_t tx_end;
    /* serial management interface of the PHY */
    uint32_t phy_shift, phy_clocks, phy_out, phy_register;
} Ethernet;

typedef struct SystemController {
    uint32_t cpu_disable, cpu_ok, soft_reset, hard_reset, subsystem_reset, monitor_id, misc;
    uint32_t gpio_resistor, gpio_out, gpio_direction, pll1, pll2, flags, clock_mux;
    uint32_t arbiters, locks, link_disable, reset_code;
    /* serial ROM behind the GPIO pins */
    uint32_t rom_shift, rom_bits, rom_address;
    bool rom_output;
} SystemController;

typedef struct Watchdog {                    /* SP805, storage only */
    uint32_t load, control, lock;
} Watchdog;

typedef struct BootRom {
    bool active;                             /* the chip runs its ROM, no image yet */
    uint32_t blocks;                         /* of the image that is coming in */
    uint32_t seen;                           /* bit per block that is complete */
    uint32_t words[32][256 / 32];            /* bit per word of a block */
    uint32_t block_words[32];
} BootRom;

typedef struct Counters {
    uint64_t sent[4];                        /* by cores, per packet type */
    uint64_t delivered[4];                   /* copies to cores */
    uint64_t forwarded[4];                   /* copies to links */
    uint64_t dropped[4];                     /* packets given up by routers */
    uint64_t unconnected[4];                 /* copies sent out of links that end nowhere */
    uint64_t default_routed;
    uint64_t memory_requests;                /* peeks and pokes answered by routers */
    uint64_t frames_in, frames_out, frames_lost;
    uint64_t dma_transfers, dma_bytes;
    uint64_t lost_on_request;                /* packets of any type that vanished by a fault */
} Counters;

typedef struct Chip {
    uint8_t id, x, y;
    uint8_t board;                           /* that it is on */
    bool ethernet_fitted;
    Counters counters;                       /* of what its cores and its Ethernet do */
    uint64_t sdram_free_at;                  /* times 8, see dma.c */
    SystemController sc;
    Watchdog watchdog;
    uint32_t pl340[0x400 / 4];
    BootRom rom;
    Ethernet ethernet;
    Router router;
    uint8_t sysram[SYSRAM_BYTES];
    GUARD(behind_sysram)
    uint64_t sdram_used[SDRAM_BLOCKS / 64];
    Core core[CORES];
} Chip;

/* --- events ------------------------------------------------------------------------------- */

/* Soon: packets.  A node is queued at most once. */
enum { NODE_INPUT = 0, NODE_OUTPUT = OUTPUTS, NODE_ISSUE = 2 * OUTPUTS, NODES_PER_CHIP = 64 };
/* Any time: can be moved and taken away. */
enum { UNIT_CORE = 0, UNIT_ROUTER = CORES, UNIT_ETHERNET, UNIT_HELD,
       UNIT_FAULTS,                          /* of the first chip, for all of them */
       UNITS_PER_CHIP };

#define NODES (MAX_CHIPS * NODES_PER_CHIP)
#define UNITS (MAX_CHIPS * UNITS_PER_CHIP)
#define WHEEL_SLOTS 2048u

typedef struct EventQueue {
    uint64_t now;                            /* nothing is queued before this */
    uint16_t head[WHEEL_SLOTS], tail[WHEEL_SLOTS];   /* node + 1 */
    uint64_t used[WHEEL_SLOTS / 64];
    uint16_t next[NODES];
    bool queued[NODES];
    uint32_t heap_size;
    uint16_t heap[UNITS + 1], place[UNITS];  /* place 0: not in the heap */
    uint64_t due[UNITS];
} EventQueue;

/* --- the outside -------------------------------------------------------------------------- */

#define FRAME_MAX 1520u
#define FRAMES_OUT 64u
#define SERIAL_ROM_BYTES 1024u

typedef struct Frame { uint32_t length; uint8_t data[FRAME_MAX]; } Frame;

/* A size that is no power of two, so that the same address of all cores does not fall into one set
 * of the host's caches. */
typedef struct Tcm {
    uint8_t itcm[ITCM_BYTES];
    GUARD(behind_itcm)
    uint8_t dtcm[DTCM_BYTES];
    GUARD(behind_dtcm)
    uint8_t skew[13 * 64];
} Tcm;

/* BOARD_TRIAD: three SpiNN-5 boards, each linked to the other two.  Mirrored by machine.py. */
enum BoardKind { BOARD_SPINN3 = 3, BOARD_SPINN5 = 5, BOARD_TRIAD = 53, BOARD_ONE_CHIP = 1 };

/* What a board has once: its Ethernet, with the host at the other end of the cable, and its serial ROM. */
typedef struct Board {
    uint8_t chip;                            /* with the Ethernet */
    uint8_t ip_address[4];
    uint8_t serial_rom[SERIAL_ROM_BYTES];
    Frame arriving;                          /* from the host, at the time of UNIT_ETHERNET */
    uint32_t out_head, out_count;
    Frame out[FRAMES_OUT];                   /* to the host, not collected yet */
} Board;

typedef struct Machine {
    uint64_t now;                            /* cycles; cores have run up to here */
    uint32_t kind, chips, boards;
    uint64_t chips_awake[CHIP_WORDS];        /* bit per chip with a core that runs */
    uint32_t awake[MAX_CHIPS];               /* bit per core that runs */
    uint16_t udp_port;
    Board board[MAX_BOARDS];                 /* the first is the one that is booted */
    Counters counters;                       /* of routers */
    EventQueue events;
    Chip chip[MAX_CHIPS];
    Tcm tcm[MAX_CHIPS][CORES];
    Faults faults;
    /* --- not part of the state --- */
    uint8_t *sdram;                          /* chips * SDRAM_BYTES */
    struct Lanes *lanes;                     /* a second host thread; NULL: there is none */
    Profile *profile;                        /* NULL: there is none */
    bool parallel;                           /* cores run on both threads just now */
    uint64_t end, until;                     /* of the quantum, and how far a core may run ahead */
    Turns turns[MAX_CHIPS];
    Retreat retreat[MAX_CHIPS][CORES];       /* of cores that are ahead */
    bool attention;                          /* the Ethernet has something for the bridge to do */
    size_t mapped;
} Machine;

static inline uint8_t *chip_sdram(const Machine *m, const Chip *chip)
{
    return m->sdram + (size_t)chip->id * SDRAM_BYTES;
}
static inline void sdram_touch(Chip *chip, uint32_t offset)
{
    chip->sdram_used[offset >> (SDRAM_BLOCK_SHIFT + 6)] |= 1ull << ((offset >> SDRAM_BLOCK_SHIFT) & 63);
}

/* machine.c */
/* `ip_address`: of the first board; those of the others follow it. */
Machine *machine_new(enum BoardKind kind, const uint8_t ip_address[4]);
void machine_free(Machine *m);
void machine_wire(Machine *m);
void machine_power_on(Machine *m);           /* every chip in its boot ROM */
void machine_run(Machine *m, uint64_t until);
/* As far, or to the end of the quantum with an Ethernet event.  Cores may be ahead: ahead_settle_all() before looking at them. */
void machine_run_to_attention(Machine *m, uint64_t until);
bool machine_idle(const Machine *m);         /* no core runs */
uint64_t machine_next_event(const Machine *m);
void machine_host_frame(Machine *m, unsigned board, uint64_t at, const uint8_t *frame, uint32_t length);
bool machine_host_frame_due(const Machine *m, unsigned board);
void machine_forget_frames(Machine *m);      /* those to the host */
uint64_t machine_hash(const Machine *m);
Counters machine_counters(const Machine *m);
unsigned machine_turns(const Machine *m, uint64_t end, Core **turn);
void machine_run_turns(Core *const *turn, unsigned n, Core *const *after, uint64_t end);

/* ahead.c */
bool ahead_try(Core *core, uint64_t end);    /* run past the end of the quantum if that is possible */
void ahead_join(Core *core);                 /* the core's turn has come */
void ahead_settle(Core *core);               /* before something else changes the core: to where it would be by now */
void ahead_settle_all(Machine *m);
static inline void core_turn_at(Core *core, uint64_t at)
{
    if (at < core->turns->at[core->id])
        core->turns->at[core->id] = at;
}

/* lanes.c */
bool lanes_start(Machine *m);                /* use a second host thread from now on */
void lanes_stop(Machine *m);
/* The turns of a quantum, and two cores more; false: too few for it. */
bool lanes_run_cores(Machine *m, Core *const *turn, unsigned n, uint64_t end);
void lanes_defer_node(Machine *m, uint32_t node, uint64_t at);
void lanes_defer_unit(Machine *m, uint32_t unit, uint64_t due);

/* events.c */
void events_queue_node(Machine *m, uint32_t node, uint64_t at);
void events_set_unit(Machine *m, uint32_t unit, uint64_t due);   /* NEVER takes it away */
uint64_t events_next(const EventQueue *q, uint64_t limit);
void events_process(Machine *m, uint64_t until);

/* core.c */
void core_run(Core *core, uint64_t end);
void core_local_events(Core *core, uint64_t now);
void core_next_local(Core *core);
void core_device_changed(Core *core);        /* by the core itself */
void core_steps_changed(Core *core);         /* it became slow or profiled, or ceased to be */
void core_wake(Core *core, uint64_t at);
void core_lines_changed(Core *core);         /* wakes a sleeping core whose line is up */
void core_restart(Core *core, bool from_reset_vector);
void core_update_halted(Core *core);
extern const CpuBus core_bus;

/* bus.c: what all masters of a chip reach */
uint32_t chip_read(Machine *m, Chip *chip, Core *core, uint32_t address, unsigned bytes);
void chip_write(Machine *m, Chip *chip, Core *core, uint32_t address, uint32_t value, unsigned bytes);

/* vic.c */
void vic_reset(Core *core);
void vic_set(Core *core, enum InterruptSource source, bool level);
void vic_set_many(Core *core, uint32_t sources, uint32_t levels);   /* bits by source */
void vic_set_chip(Chip *chip, enum InterruptSource source, bool level);
void vic_update(Core *core);
uint32_t vic_read(Core *core, uint32_t offset);
void vic_write(Core *core, uint32_t offset, uint32_t value);

/* timer.c */
uint32_t timer_read(Core *core, uint32_t offset);
void timer_write(Core *core, uint32_t offset, uint32_t value);
void timer_event(Core *core, Timer *timer);

/* comms_controller.c */
void cc_reset(Core *core);
uint32_t cc_read(Core *core, uint32_t offset);
void cc_write(Core *core, uint32_t offset, uint32_t value);
void cc_local_event(Core *core, uint64_t now);
uint64_t cc_next_event(const Core *core);
void cc_taken_by_router(Machine *m, Core *core, uint64_t now);
void cc_push(Machine *m, Core *core, const Packet *packet, uint64_t now);

/* dma.c */
uint32_t dma_read(Core *core, uint32_t offset);
void dma_write(Core *core, uint32_t offset, uint32_t value);
void dma_event(Core *core);

/* router.c */
void router_reset(Chip *chip);
uint32_t router_read(Machine *m, Chip *chip, uint32_t offset);
void router_write(Machine *m, Chip *chip, uint32_t offset, uint32_t value);
void router_input(Machine *m, Chip *chip, uint32_t input, uint64_t now);
void router_retry(Machine *m, Chip *chip, uint64_t now);
void router_deadline(Machine *m, Chip *chip, uint64_t now);
void router_core_freed(Machine *m, Core *core, uint64_t at);
uint32_t router_wait_cycles(uint32_t wait);
/* router_errors.c */
void router_error(Chip *chip, const Packet *packet);
bool router_error_pending(const Router *r);
uint32_t router_error_read_status(Chip *chip);
void router_error_control_changed(Chip *chip);
/* router_table.c */
bool router_lookup(Router *r, uint32_t key, uint32_t *route);
/* links.c */
uint64_t link_ready_at(const Machine *m, const LinkOutput *out, uint64_t now, bool payload);
void link_send(Machine *m, LinkOutput *out, const Packet *packet, uint64_t now);
void link_taken(Machine *m, Chip *chip, uint32_t link, uint64_t now);
/* diagnostics.c */
void diagnostics_count(Router *r, const Packet *p, bool defaulted, uint32_t outputs, uint32_t monitor, bool dumped);

/* system_controller.c */
void system_controller_reset(Chip *chip);
uint32_t system_controller_read(Machine *m, Chip *chip, uint32_t offset);
void system_controller_write(Machine *m, Chip *chip, uint32_t offset, uint32_t value);
/* serial_rom.c */
void serial_rom_pins(Machine *m, Chip *chip, uint32_t before, uint32_t after);

/* watchdog.c */
uint32_t watchdog_read(Chip *chip, uint32_t offset);
void watchdog_write(Chip *chip, uint32_t offset, uint32_t value);

/* ethernet.c */
uint32_t ethernet_read(Machine *m, Chip *chip, uint64_t now, uint32_t offset, unsigned bytes);
void ethernet_write(Machine *m, Chip *chip, uint64_t now, uint32_t offset, uint32_t value, unsigned bytes);
bool ethernet_has_room(const Chip *chip, uint32_t length);
void ethernet_receive(Machine *m, Chip *chip, const uint8_t *frame, uint32_t length);
/* phy.c */
void phy_pins(Ethernet *e, uint32_t before, uint32_t after);
uint32_t phy_data(const Ethernet *e);

/* boot_rom.c */
void boot_rom_reset(Chip *chip);
void boot_rom_test_cores(const Machine *m, Chip *chip);      /* those that are dead fail, and another becomes monitor */
void boot_rom_packet(Machine *m, Chip *chip, const Packet *packet, uint64_t now);
void boot_rom_datagram(Machine *m, unsigned board, const uint8_t *data, size_t length);
void boot_rom_image(Machine *m, const uint8_t *image, size_t bytes);

/* board.c */
void board_connect(Machine *m);
Chip *board_chip_at(Machine *m, int x, int y);

#endif
