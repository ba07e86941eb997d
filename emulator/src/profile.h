/*
 * Where the cycles of cores go: each core's, by groups of code addresses.
 *
 * No part of the state.  A core that is profiled runs by single steps (core.c), with the same results and times.
 */
#ifndef SPINNEMU_PROFILE_H
#define SPINNEMU_PROFILE_H

#include "cpu.h"
#include "sizes.h"

#define PROFILE_GROUPS 32u                   /* group 0: code of no other one, or outside ITCM */
#define PROFILE_PROGRAMS 64u

typedef struct CoreProfile {
    const uint8_t *group_of;                 /* of each halfword of ITCM; NULL: the core is not profiled */
    uint32_t start, stop;                    /* counts from the instruction at the one to that at the other; odd: there is none */
    bool on;
    uint64_t since;                          /* cycles of the core when it last began to count */
    uint64_t span;                           /* cycles until it last ceased to, awake or not */
    uint64_t cycles[PROFILE_GROUPS];         /* awake */
} CoreProfile;

typedef struct Profile {
    uint64_t since;                          /* emulated time */
    CoreProfile core[MAX_CHIPS][CORES];
    uint8_t group_of[PROFILE_PROGRAMS][ITCM_BYTES / 2];
} Profile;

struct Machine;
struct Core;

/*
 * Profile some cores from now on, from zero, instead of those before.  Cores are not ahead (ahead.c).
 *
 *   text     = program { ";" program } "."
 *   program  = { end " " group " " } "|" start " " stop { " " x " " y " " core }
 *
 * A group's code ends before the address `end` and begins where the one before it ends, the first at 0.  `start` and `stop` as in
 * CoreProfile; without `start`, counting begins now.  False: the text is none of that, and the profile stays as it was.
 */
bool profile_start(struct Machine *m, const char *text, const char **why);
void profile_stop(struct Machine *m);

/* Cycles that a core was counted, awake or not: until now, or the end of the instruction that it is in. */
uint64_t profile_span(const struct Machine *m, const struct Core *core);

/* The instruction at `pc` took from one time of the core to another. */
static inline void profile_count(CoreProfile *profile, uint32_t pc, uint64_t before, uint64_t after)
{
    if (pc == profile->start && !profile->on) {
        profile->on = true;
        profile->since = before;
    } else if (pc == profile->stop && profile->on) {
        profile->on = false;
        profile->span += before - profile->since;
    }
    if (profile->on)
        profile->cycles[pc < ITCM_BYTES ? profile->group_of[pc / 2] : 0] += after - before;
}

#endif
