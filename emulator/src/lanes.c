/*
 * Cores on two host threads.
 *
 * In the part of a quantum in which cores run, a chip's cores reach nothing of another chip but the
 * queue of events.  So chips are dealt out to two threads; what they put into the queue is written
 * down, and entered in the order of chips when both are done.  That is the order of one thread, and
 * so the result is the same to the bit.
 */
#define _GNU_SOURCE
#include "machine.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * A second thread helps only while the host has a processor for it.  So now and then a few quanta
 * are timed on one thread and on two, and the better is kept for a while.
 */
#define TRIAL 40u
#define WARM_UP 20u                          /* quanta of a trial that are not timed */
#define KEPT 10000u

/* Fewer cores than this are not worth the two meetings of the threads, some 2 us. */
#define WORTH_IT 40u
#define SPINS 4000

typedef struct Lane {
    Core *turn[MAX_CHIPS * CORES + 2];
    unsigned turns;
    uint32_t nodes, units;
    uint32_t node[NODES], unit[UNITS];
    uint64_t node_at[NODES], unit_due[UNITS];        /* unit_due: by number of the unit */
    bool unit_noted[UNITS];
} Lane;

typedef struct Lanes {
    Lane lane[2];
    pthread_t thread;
    uint64_t end;                            /* of the quantum */
    _Alignas(64) uint32_t wanted;            /* quanta given to the thread */
    _Alignas(64) uint32_t done;              /* quanta finished by it */
    _Alignas(64) uint32_t asleep;
    bool stop;
    enum { TRY_ONE, TRY_TWO, USE_ONE, USE_TWO } mode;
    uint32_t left;                           /* quanta in this mode */
    uint64_t work, one_work;                 /* turns of cores in a trial */
    int64_t time, one_time;                  /* ns */
} Lanes;

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void wait_for_work(Lanes *l, uint32_t seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (__atomic_load_n(&l->wanted, __ATOMIC_ACQUIRE) != seen)
            return;
        relax();
    }
    __atomic_store_n(&l->asleep, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&l->wanted, __ATOMIC_SEQ_CST) == seen)
        syscall(SYS_futex, &l->wanted, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    __atomic_store_n(&l->asleep, 0, __ATOMIC_SEQ_CST);
}

static void *work(void *argument)
{
    Lanes *l = argument;
    uint32_t seen = 0;
    for (;;) {
        wait_for_work(l, seen);
        seen++;
        if (l->stop)
            return NULL;
        machine_run_turns(l->lane[1].turn, l->lane[1].turns, l->end);
        __atomic_store_n(&l->done, seen, __ATOMIC_RELEASE);
    }
}

static void give(Lanes *l)
{
    __atomic_fetch_add(&l->wanted, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&l->asleep, __ATOMIC_SEQ_CST))
        syscall(SYS_futex, &l->wanted, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void wait_until_done(const Lanes *l)
{
    for (int i = 0; __atomic_load_n(&l->done, __ATOMIC_ACQUIRE) != l->wanted; i++) {
        relax();
        if (i > SPINS)
            sched_yield();                   /* the host has other work for its cores */
    }
}

bool lanes_start(Machine *m)
{
    if (m->lanes)
        return true;
    Lanes *l = aligned_alloc(64, (sizeof *l + 63) & ~(size_t)63);
    if (!l)
        return false;
    __builtin_memset(l, 0, sizeof *l);
    l->left = TRIAL;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);     /* signals are for the first thread */
    bool good = pthread_create(&l->thread, NULL, work, l) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (good)
        m->lanes = l;
    else
        free(l);
    return good;
}

void lanes_stop(Machine *m)
{
    Lanes *l = m->lanes;
    if (!l)
        return;
    l->stop = true;
    give(l);
    pthread_join(l->thread, NULL);
    free(l);
    m->lanes = NULL;
}

static Lane *lane_of(Machine *m, uint32_t chip) { return &m->lanes->lane[chip >= m->split]; }

void lanes_defer_node(Machine *m, uint32_t node, uint64_t at)
{
    Lane *lane = lane_of(m, node / NODES_PER_CHIP);
    m->events.queued[node] = true;           /* a second time is ignored, as it would be */
    lane->node[lane->nodes] = node;
    lane->node_at[lane->nodes++] = at;
}

void lanes_defer_unit(Machine *m, uint32_t unit, uint64_t due)
{
    Lane *lane = lane_of(m, unit / UNITS_PER_CHIP);
    lane->unit_due[unit] = due;
    if (!lane->unit_noted[unit]) {
        lane->unit_noted[unit] = true;
        lane->unit[lane->units++] = unit;
    }
}

static void enter(Machine *m, Lane *lane)
{
    for (uint32_t i = 0; i < lane->nodes; i++) {
        m->events.queued[lane->node[i]] = false;
        events_queue_node(m, lane->node[i], lane->node_at[i]);
    }
    for (uint32_t i = 0; i < lane->units; i++) {
        lane->unit_noted[lane->unit[i]] = false;
        events_set_unit(m, lane->unit[i], lane->unit_due[lane->unit[i]]);
    }
    lane->nodes = lane->units = 0;
}

static int64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void next_mode(Lanes *l)
{
    switch (l->mode) {
    case TRY_ONE:
        l->one_time = l->time;
        l->one_work = l->work;
        l->mode = TRY_TWO;
        break;
    case TRY_TWO:
        l->mode = (double)l->time * (double)l->one_work < 0.9 * (double)l->one_time * (double)l->work
                ? USE_TWO : USE_ONE;
        break;
    default:
        l->mode = TRY_ONE;
    }
    l->left = l->mode >= USE_ONE ? KEPT : TRIAL;
    l->time = 0;
    l->work = 0;
}

bool lanes_run_cores(Machine *m, Core *const *turn, unsigned n, uint64_t end)
{
    if (n < WORTH_IT)
        return false;
    Lanes *l = m->lanes;
    Lane *lane = &l->lane[0];
    m->split = MAX_CHIPS;
    l->lane[0].turns = l->lane[1].turns = 0;
    for (unsigned i = 0; i < n; i++) {
        bool new_chip = i == 0 || turn[i]->chip != turn[i - 1]->chip;
        if (new_chip && lane == &l->lane[0] && lane->turns * 2 >= n) {
            m->split = turn[i]->chip->id;
            lane = &l->lane[1];
        }
        lane->turn[lane->turns++] = turn[i];
    }
    bool trial = l->mode < USE_ONE && l->left <= TRIAL - WARM_UP;
    int64_t started = trial ? wall_ns() : 0;
    if (l->mode == TRY_ONE || l->mode == USE_ONE) {
        machine_run_turns(l->lane[0].turn, l->lane[0].turns, end);
        machine_run_turns(l->lane[1].turn, l->lane[1].turns, end);
    } else {
        l->end = end;
        m->parallel = true;
        give(l);
        machine_run_turns(l->lane[0].turn, l->lane[0].turns, end);
        wait_until_done(l);
        m->parallel = false;
        enter(m, &l->lane[0]);
        enter(m, &l->lane[1]);
    }
    if (trial) {
        l->time += wall_ns() - started;
        l->work += n;
    }
    if (--l->left == 0)
        next_mode(l);
    return true;
}
