/* SPDX-License-Identifier: Apache-2.0
 * Callbacks of events, and the scheduler that runs the queued ones. */
#include "internal.h"
#include <runtime.h>

#define N_PRIORITIES 4u
#define QUEUE_SIZE 16u /* a power of two; one place stays empty */
#define USER_QUEUE_SIZE 4u

typedef struct {
    callback_t function;
    uint arg0;
    uint arg1;
} task_t;

typedef struct {
    uint first;
    uint end;
    task_t tasks[QUEUE_SIZE];
} task_queue_t;

event_callback_t event_callbacks[NUM_EVENTS];
diagnostics_t diagnostics;

static task_queue_t queues[N_PRIORITIES];
static volatile bool exit_requested;
static bool paused;
static volatile bool resume_at_barrier;
static void (*idle_function)(void);

static struct {
    uint first;
    uint end;
    uint arg0[USER_QUEUE_SIZE];
    uint arg1[USER_QUEUE_SIZE];
} user_events;

/* ---- callbacks ------------------------------------------------------------ */

static bool is_multicast(uint event_id)
{
    return event_id == MC_PACKET_RECEIVED || event_id == MCPL_PACKET_RECEIVED;
}

void spin1_callback_on(uint event_id, callback_t cback, int priority)
{
    if (event_id >= NUM_EVENTS || priority < -1 || priority > (int) N_PRIORITIES) {
        rt_error(RTE_API, event_id, priority);
    }
    event_callbacks[event_id].function = cback;
    event_callbacks[event_id].priority = priority;
    if (is_multicast(event_id) && priority < 0) {
        sark_vic_set(SLOT_FIQ, CC_MC_INT, 1, runtime_fiq_multicast);
    } else if (event_id == USER_EVENT) {
        sark_vic_set(SLOT_USER, SOFTWARE_INT, 1, runtime_irq_user);
    }
}

void spin1_callback_off(uint event_id)
{
    event_callbacks[event_id].function = NULL;
}

static bool push(uint priority, callback_t function, uint arg0, uint arg1)
{
    task_queue_t *queue = &queues[priority - 1];
    uint next = (queue->end + 1) % QUEUE_SIZE;

    if (next == queue->first) {
        diagnostics.task_queue_full++;
        return false;
    }
    queue->tasks[queue->end] = (task_t) {function, arg0, arg1};
    queue->end = next;
    return true;
}

void runtime_event(uint event_id, uint arg0, uint arg1)
{
    callback_t function = event_callbacks[event_id].function;
    int priority = event_callbacks[event_id].priority;

    if (function == NULL) {
        return;
    }
    if (priority <= 0) {
        function(arg0, arg1);
    } else if (push((uint) priority, function, arg0, arg1) && event_id == TIMER_TICK) {
        diagnostics.number_timer_tic_in_queue++;
    }
}

uint spin1_schedule_callback(callback_t cback, uint arg0, uint arg1, uint priority)
{
    if (priority < 1 || priority > N_PRIORITIES) {
        return FAILURE;
    }
    uint cpsr = spin1_irq_disable();
    bool queued = push(priority, cback, arg0, arg1);
    spin1_mode_restore(cpsr);
    return queued ? SUCCESS : FAILURE;
}

uint spin1_trigger_user_event(uint arg0, uint arg1)
{
    uint cpsr = spin1_irq_disable();
    uint next = (user_events.end + 1) % USER_QUEUE_SIZE;
    bool queued = next != user_events.first;

    if (queued) {
        user_events.arg0[user_events.end] = arg0;
        user_events.arg1[user_events.end] = arg1;
        user_events.end = next;
        vic[VIC_SOFT_SET] = 1u << SOFTWARE_INT;
    } else {
        diagnostics.user_event_queue_full++;
    }
    spin1_mode_restore(cpsr);
    return queued ? SUCCESS : FAILURE;
}

void runtime_user_event(void)
{
    uint first = user_events.first;

    if (first == user_events.end) {
        vic[VIC_SOFT_CLR] = 1u << SOFTWARE_INT;
        return;
    }
    user_events.first = (first + 1) % USER_QUEUE_SIZE;
    if (user_events.first == user_events.end) {
        vic[VIC_SOFT_CLR] = 1u << SOFTWARE_INT;
    }
    runtime_event(USER_EVENT, user_events.arg0[first], user_events.arg1[first]);
}

void spin1_flush_rx_packet_queue(void)
{
    uint cpsr = spin1_irq_disable();
    for (uint event_id = 0; event_id < NUM_EVENTS; event_id++) {
        if (!is_multicast(event_id) || event_callbacks[event_id].priority <= 0) {
            continue;
        }
        task_queue_t *queue = &queues[event_callbacks[event_id].priority - 1];
        for (uint i = queue->first; i != queue->end; i = (i + 1) % QUEUE_SIZE) {
            if (queue->tasks[i].function == event_callbacks[event_id].function) {
                queue->tasks[i].function = NULL;
            }
        }
    }
    spin1_mode_restore(cpsr);
}

/* ---- scheduler -------------------------------------------------------------- */

/* Interrupts are masked. */
static bool pop(task_t *task)
{
    for (uint i = 0; i < N_PRIORITIES; i++) {
        task_queue_t *queue = &queues[i];
        if (queue->first != queue->end) {
            *task = queue->tasks[queue->first];
            queue->first = (queue->first + 1) % QUEUE_SIZE;
            return true;
        }
    }
    return false;
}

static void run_task(const task_t *task)
{
    bool is_tick = task->function == event_callbacks[TIMER_TICK].function;

    if (task->function == NULL) {
        return;
    }
    if (!is_tick) {
        task->function(task->arg0, task->arg1);
        return;
    }
    diagnostics.in_timer_callback = 1;
    if (!paused) { /* ticks that were queued when the run ended are void */
        task->function(task->arg0, task->arg1);
    }
    diagnostics.in_timer_callback = 0;
    if (diagnostics.number_timer_tic_in_queue > 0) {
        diagnostics.number_timer_tic_in_queue--;
    }
}

static void resume(void)
{
    paused = false;
    sark_cpu_state(CPU_STATE_RUN);
    runtime_timer_start();
}

void runtime_while_idle(void (*function)(void))
{
    idle_function = function;
}

static void schedule_until_exit(void)
{
    while (!exit_requested) {
        task_t task;
        if (idle_function != NULL) {
            idle_function();
        }
        uint cpsr = spin1_int_disable();
        bool found = pop(&task);

        if (!found && !exit_requested) {
            if (resume_at_barrier && !runtime_barrier_is_closed()) {
                spin1_mode_restore(cpsr);
                resume_at_barrier = false;
                runtime_pass_barrier();
                resume();
                continue;
            }
            wait_for_interrupt();
        }
        spin1_mode_restore(cpsr);
        if (found) {
            run_task(&task);
        }
    }
}

static uint run(bool start_paused)
{
    exit_requested = false;
    paused = start_paused;
    if (paused) {
        sark_cpu_state(CPU_STATE_PAUSE);
    } else {
        resume();
    }
    schedule_until_exit();
    runtime_timer_stop();
    return diagnostics.exit_code;
}

uint spin1_start(sync_bool sync)
{
    if (sync == SYNC_WAIT) {
        runtime_show_barrier();
        runtime_pass_barrier();
    }
    return run(false);
}

uint spin1_start_paused(void)
{
    return run(true);
}

void spin1_exit(uint error)
{
    diagnostics.exit_code = error;
    exit_requested = true;
}

bool runtime_exit_requested(void)
{
    return exit_requested;
}

void spin1_pause(void)
{
    runtime_timer_stop();
    paused = true;
    sark_cpu_state(CPU_STATE_PAUSE);
}

void spin1_resume(sync_bool sync)
{
    if (sync == SYNC_NOWAIT) {
        resume();
    } else {
        runtime_show_barrier();
        resume_at_barrier = true;
    }
}
