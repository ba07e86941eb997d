/*
 * Faults on request: packets that come to harm, parts that die, cores that slow down.
 *
 * All of it happens where routers take packets and where events are processed, which one host thread does, and is part of
 * the machine's state.  So what happens is a function of the rules, the seed and the machine's own course.
 */
#ifndef SPINNEMU_FAULTS_H
#define SPINNEMU_FAULTS_H

#include "packet.h"
#include "sizes.h"

struct Machine;
struct Chip;
struct Core;

#define MAX_FAULT_RULES 64u
#define MAX_HELD 8192u                       /* packets that all faults together hold back */
#define HELD_INPUT OUTPUTS                   /* a router takes what was held back from an input of its own */

/* In the order in which they are tried on a packet.  Mirrored by faults.py. */
enum FaultKind { FAULT_LOSE, FAULT_DROP, FAULT_CORRUPT, FAULT_DUPLICATE, FAULT_REORDER, FAULT_DELAY,
                 FAULT_KILL_LINK, FAULT_KILL_CORE, FAULT_KILL_CHIP, FAULT_SLOW_CORE, FAULT_KINDS };

/* Of datagrams between host and board; see datagram_faults.h.  Mirrored by faults.py. */
enum DatagramFault { DATAGRAM_LOSS, DATAGRAM_DUPLICATE, DATAGRAM_REORDER, DATAGRAM_FAULTS };

/* Where a rule of packets applies: to all that routers take, to those that left a chip by a link, to those that a core
 * sent, or to copies on their way from the router to a core. */
enum FaultPlace { FAULT_ANYWHERE, FAULT_ON_LINK, FAULT_FROM_CORE, FAULT_TO_CORE, FAULT_PLACES };

#define CERTAIN (1ull << 63)                 /* probabilities are in units of 2**-63 */
#define SLOW_UNIT 256u                       /* factors of slow cores in 1/256 */

typedef struct FaultRule {
    uint8_t kind;
    uint8_t place;
    uint8_t x, y, part;                      /* of the place, or of what dies: a link, or a physical core */
    uint8_t types;                           /* bit per packet type */
    uint8_t system_too;                      /* also SC&MP's own multicast signals */
    uint8_t both_ways;                       /* of a link that dies */
    uint32_t key, mask;
    uint32_t every, seen;                    /* one in so many, if not 0 */
    uint32_t amount;                         /* reorder: longest number of packets; slow: factor, in 1/256 */
    uint32_t hold;                           /* longest time that a packet is held back, cycles */
    uint64_t rate;                           /* probability, if `every` is 0 */
    uint64_t from, until;                    /* emulated time, cycles */
    uint64_t after;                          /* multicast packets sent before */
    uint64_t left;                           /* so many packets more; NEVER: any number */
    uint8_t chip, input;                     /* found from the place */
} FaultRule;

typedef struct FaultSetting {
    uint64_t seed;
    /* for the bridge, and nothing to the machine */
    uint64_t datagram_rate[DATAGRAM_FAULTS];
    uint64_t spare_commands;                 /* bit per command of SCP to SC&MP */
    uint32_t spare_ports;                    /* bit per port of SDP */
    uint32_t rules;
    FaultRule rule[MAX_FAULT_RULES];
} FaultSetting;

typedef struct DeadParts {
    uint64_t chips[CHIP_WORDS];              /* bit per chip */
    uint32_t cores[MAX_CHIPS];               /* bit per physical core */
    uint8_t links[MAX_CHIPS];                /* bit per link by which nothing leaves the chip any more */
} DeadParts;

typedef struct HeldPacket {
    uint64_t due;                            /* when the router may take it */
    Packet packet;
    uint8_t input;                           /* where it came from */
    bool overtaken;
    uint16_t to_pass;                        /* so many later ones of that input go first; 0: only time counts */
    uint16_t next;                           /* of the same chip, by `due`: place + 1 */
} HeldPacket;

typedef struct HeldPackets {
    uint32_t count, used;                    /* packets, and places that were ever used */
    uint16_t free;                           /* list of places; + 1 */
    uint16_t first[MAX_CHIPS];               /* + 1 */
    uint16_t waiting[MAX_CHIPS];             /* packets that wait for others to pass */
    HeldPacket place[MAX_HELD];
} HeldPackets;

/* What happened, for the multicast packets' balance.  A delivery is a copy that a core gets. */
typedef struct FaultCounts {
    uint64_t happened[FAULT_KINDS];
    uint64_t not_held;                       /* packets that were to be held back while MAX_HELD were */
    uint64_t deliveries_lost;                /* by faults other than a drop */
    uint64_t deliveries_dropped;             /* by routers, asked to or not */
    uint64_t deliveries_added;               /* by duplicates */
    uint64_t vanished_at[MAX_CHIPS][OUTPUTS];        /* packets, by the router's port: links, then cores */
} FaultCounts;

typedef struct Faults {
    bool watch;                              /* routers ask what becomes of a packet that they take ... */
    bool copies;                             /* ... and of copies to cores */
    bool ever;                               /* there was a rule, ever */
    FaultSetting setting;
    uint64_t draws;                          /* random numbers since the rules were given */
    uint64_t sent;                           /* multicast packets that routers took from cores since, without SC&MP's signals */
    uint64_t next_after;                     /* something dies when there were so many */
    DeadParts dead;
    uint32_t slow[MAX_CHIPS][CORES];         /* factor in 1/256, 0: as fast as ever */
    uint8_t slow_rest[MAX_CHIPS][CORES];     /* of a cycle, likewise */
    FaultCounts counts;
    HeldPackets held;
} Faults;

enum PacketFate { FATE_PASSES, FATE_DROPPED, FATE_GONE };

/* faults.c */
/* These rules instead of those before.  Whatever died stays dead. */
void faults_set(struct Machine *m, const FaultSetting *setting);
void faults_add(struct Machine *m, const FaultRule *rule);
void faults_due(struct Machine *m, uint64_t now);    /* the event of UNIT_FAULTS */
/* The packet that `chip`'s router has just taken into its output stage. */
enum PacketFate faults_of_taken(struct Machine *m, struct Chip *chip, uint32_t input, uint64_t now);
/* A copy on its way to a core; true: it does not come as it is. */
bool faults_of_copy(struct Machine *m, struct Core *core, const Packet *packet, uint64_t now);
void faults_refresh(struct Machine *m);      /* `watch` and `copies` */
void faults_vanished(struct Machine *m, struct Chip *chip, uint32_t port, const Packet *packet, uint64_t deliveries);

/* fault_text.c */
/* "seed N", "datagrams N N N", "spare N N" and "rule N ...", parted by semicolons; false with `*why` set where it is wrong. */
bool fault_text_read(const char *text, FaultSetting *setting, uint64_t now, const char **why);
/* Whether a rule can be one of this machine; finds what is to be found from its place. */
bool fault_rule_place(struct Machine *m, FaultRule *rule, const char **why);
bool fault_setting_place(struct Machine *m, FaultSetting *setting, const char **why);

/* held_packets.c */
bool held_put(struct Machine *m, struct Chip *chip, uint32_t input, const Packet *packet, uint64_t now, uint64_t due,
              uint32_t to_pass);
Packet held_take(struct Machine *m, struct Chip *chip, uint64_t now);        /* one that is due; there is one */
void held_due(struct Machine *m, struct Chip *chip, uint64_t now);   /* the event of UNIT_HELD */
void held_passed(struct Machine *m, struct Chip *chip, uint32_t input, uint64_t now);        /* by a later packet */
void held_forget(struct Machine *m, struct Chip *chip);      /* with the chip; they vanish */

/* dead_parts.c */
bool dead_at_start(const FaultRule *rule);   /* dies before there is power */
void dead_add(struct Machine *m, DeadParts *dead, const FaultRule *rule);
void dead_parts_die(struct Machine *m, const DeadParts *dead);
void slow_core(struct Machine *m, const FaultRule *rule);
void slow_core_lags(struct Core *core, uint64_t before);      /* behind one instruction that began at `before` */

/* deliveries.c */
/* Copies that cores would get of a packet that a router has just taken, or that leaves it by `outputs`. */
uint64_t deliveries_of(struct Machine *m, struct Chip *chip, const Packet *packet);
uint64_t deliveries_by(struct Machine *m, struct Chip *chip, const Packet *packet, uint32_t outputs);

#endif
