/*
 * Cores on two host threads.
 *
 * In the part of a quantum in which cores run, a chip's cores reach nothing of another chip but the
 * queue of events.  So two threads take chips, one from the front and one from the back until none is
 * left: how long a chip's cores take is not known before.  What they put into the queue is written
 * down by chip, and entered in the order of chips when both are done.  That is the order of one
 * thread, and so the result is the same to the bit.
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

/* Fewer cores than this are not worth the two meetings of the threads: by trial, on LeNet-5, where 25 have a turn on average. */
#define WORTH_IT 6u
#define SPINS 4000

/* What the cores of a chip put into the queue of events. */
typedef struct Notes {
    uint32_t nodes, units;
    uint32_t node[NODES_PER_CHIP], unit[UNITS_PER_CHIP];
    uint64_t node_at[NODES_PER_CHIP], unit_due[UNITS_PER_CHIP];      /* unit_due: by number of the unit */
    bool unit_noted[UNITS_PER_CHIP];
} Notes;

/* The turns of a chip's cores: turn[0] to turn[n - 1]. */
typedef struct Share { Core *const *turn; unsigned n; } Share;

typedef struct Lanes {
    Notes notes[MAX_CHIPS];
    Share share[MAX_CHIPS];                  /* of the quantum */
    pthread_t thread;
    unsigned shares;
    uint64_t end;                            /* of the quantum */
    _Alignas(64) uint32_t taken;             /* shares that one of the two has begun */
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

static bool take(Lanes *l) { return __atomic_fetch_add(&l->taken, 1, __ATOMIC_RELAXED) < l->shares; }

static void run_from_front(Lanes *l)
{
    for (const Share *share = l->share; take(l); share++)
        machine_run_turns(share->turn, share->n, share->turn + share->n, l->end);
}

static void run_from_back(Lanes *l)
{
    for (const Share *share = l->share + l->shares - 1; take(l); share--)
        machine_run_turns(share->turn, share->n, share == l->share ? share->turn : share[-1].turn, l->end);
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
        run_from_back(l);
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

void lanes_defer_node(Machine *m, uint32_t node, uint64_t at)
{
    Notes *notes = &m->lanes->notes[node / NODES_PER_CHIP];
    m->events.queued[node] = true;           /* a second time is ignored, as it would be */
    notes->node[notes->nodes] = node;
    notes->node_at[notes->nodes++] = at;
}

void lanes_defer_unit(Machine *m, uint32_t unit, uint64_t due)
{
    Notes *notes = &m->lanes->notes[unit / UNITS_PER_CHIP];
    uint32_t n = unit % UNITS_PER_CHIP;
    notes->unit_due[n] = due;
    if (!notes->unit_noted[n]) {
        notes->unit_noted[n] = true;
        notes->unit[notes->units++] = unit;
    }
}

static void enter(Machine *m, Notes *notes)
{
    for (uint32_t i = 0; i < notes->nodes; i++) {
        m->events.queued[notes->node[i]] = false;
        events_queue_node(m, notes->node[i], notes->node_at[i]);
    }
    for (uint32_t i = 0; i < notes->units; i++) {
        uint32_t n = notes->unit[i] % UNITS_PER_CHIP;
        notes->unit_noted[n] = false;
        events_set_unit(m, notes->unit[i], notes->unit_due[n]);
    }
    notes->nodes = notes->units = 0;
}

static void run_on_two(Machine *m, Lanes *l, Core *const *turn, unsigned n, uint64_t end)
{
    l->shares = 0;
    for (unsigned i = 0; i < n; ) {
        unsigned first = i;
        while (i < n && turn[i]->chip == turn[first]->chip)
            i++;
        l->share[l->shares++] = (Share){turn + first, i - first};
    }
    l->end = end;
    l->taken = 0;
    m->parallel = true;
    give(l);
    run_from_front(l);
    wait_until_done(l);
    m->parallel = false;
    for (unsigned i = 0; i < l->shares; i++)
        enter(m, &l->notes[l->share[i].turn[0]->chip->id]);
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
    bool trial = l->mode < USE_ONE && l->left <= TRIAL - WARM_UP;
    int64_t started = trial ? wall_ns() : 0;
    if (l->mode == TRY_ONE || l->mode == USE_ONE)
        machine_run_turns(turn, n, turn + n, end);
    else
        run_on_two(m, l, turn, n, end);
    if (trial) {
        l->time += wall_ns() - started;
        l->work += n;
    }
    if (--l->left == 0)
        next_mode(l);
    return true;
}
