/*
 * A fuzzer of the engine: it feeds made-up input to everything that takes bytes from outside.
 *
 * Built with sanitisers, which end it at the first access out of bounds and at undefined behaviour; what else must hold is
 * asked by MUST().  Input is made with knowledge of its format, and then damaged.  All of it depends on the seed alone: input
 * number k of a target is made from (seed, target, k), and the state that it meets from the inputs before it in its round.
 */
#ifndef FUZZ_H
#define FUZZ_H
#include "machine.h"

enum { INPUT_MAX = 8192 };

typedef struct Input {
    uint32_t length;
    uint8_t data[INPUT_MAX];
} Input;

/* --- choices (choices.c) --- */

typedef struct Choices { uint64_t state; } Choices;
uint64_t any(Choices *c);
uint32_t below(Choices *c, uint32_t n);              /* 0 .. n-1 */
bool one_in(Choices *c, uint32_t n);
uint32_t edge(Choices *c);                           /* numbers at which parsers go wrong, or any number */
void add_bytes(Input *in, const void *data, uint32_t length);        /* as far as there is room */
void add_any(Input *in, Choices *c, uint32_t length);
static inline void add8(Input *in, uint32_t v) { uint8_t b = (uint8_t)v; add_bytes(in, &b, 1); }
static inline void add16(Input *in, uint32_t v) { uint16_t h = (uint16_t)v; add_bytes(in, &h, 2); }
static inline void add32(Input *in, uint32_t v) { add_bytes(in, &v, 4); }

/* --- damage (mutate.c) --- */

void mutate_forget(void);                            /* the inputs that are spliced: at the start of a round */
void mutate_remember(const Input *in);
/* Once or a few times: bits, bytes, words at the edges, cuts, repeats, splices with earlier inputs; from `keep` on. */
void mutate(Choices *c, Input *in, uint32_t keep);

/* --- formats (datagrams.c) --- */

/* Adds a datagram for port 17893 or 54321: SCP, SDP, EIEIO, boot protocol, or nothing of it. */
void add_datagram(Choices *c, Input *in);
void add_boot_datagram(Choices *c, Input *in);
/* A length that parsers look at. */
uint32_t datagram_length(Choices *c);

/* --- programs (instructions.c) --- */

uint32_t any_arm(Choices *c);
uint16_t any_thumb(Choices *c);
/* Code of `bytes` bytes, with the sequences that the interpreter executes as one. */
void add_code(Choices *c, Input *in, uint32_t bytes, bool thumb);

/* --- targets (target_*.c) --- */

typedef struct Target {
    const char *name, *what;
    uint32_t weight;                                 /* of 10,000 inputs of all targets */
    uint32_t round;                                  /* inputs from one fresh state */
    void (*begin)(void);                             /* makes that; may be called again */
    void (*make)(Choices *c, Input *in);             /* `in` is empty */
    void (*feed)(const uint8_t *data, uint32_t length);
    void (*end)(void);
} Target;

extern const Target boot_rom_target, boot_packets_target, host_target, board_frames_target, log_target, devices_target,
    programs_target, scamp_target, snapshot_target, code_pages_target, mistake_target;

/* --- main.c --- */

/* Says what was found and where, keeps the inputs, and ends the process. */
__attribute__((noreturn)) void finding(const char *what, const char *file, int line);
#define MUST(CONDITION) ((CONDITION) ? (void)0 : finding(#CONDITION, __FILE__, __LINE__))

extern const char *boot_image_path;                  /* NULL: none was given */

/* direct.c */
bool direct_start(Machine *m, int x, int y, unsigned number, const uint8_t *code, uint32_t bytes);

#endif
