/* SPDX-License-Identifier: Apache-2.0
 * Timer 1 ticks, timer 2 counts cycles. The drift between the clocks of boards
 * is not corrected: what we run on ticks needs no common time. */
#include "internal.h"

#define TIMER_PERIODIC_WITH_INTERRUPT 0xe2u
#define TIMER_FREE_RUNNING 0x82u

static uint period_us;
static uint phase_us;
static uint ticks;

void runtime_timers_init(void)
{
    tc[T1_CONTROL] = 0;
    tc[T1_INT_CLR] = 1;
    tc[T2_CONTROL] = 0;
    tc[T2_INT_CLR] = 1;
    tc[T2_LOAD] = 0xffffffffu;
    tc[T2_CONTROL] = TIMER_FREE_RUNNING;
    sark_vic_set(SLOT_TIMER, TIMER1_INT, 0, runtime_irq_timer);
}

void spin1_set_timer_tick_and_phase(uint time, uint phase)
{
    period_us = time;
    phase_us = phase;
}

/* Without a period or a callback there is nothing to tick for. */
void runtime_timer_start(void)
{
    if (period_us == 0 || event_callbacks[TIMER_TICK].function == NULL) {
        return;
    }
    tc[T1_CONTROL] = 0;
    tc[T1_INT_CLR] = 1;
    tc[T1_LOAD] = sark.cpu_clk * (period_us + phase_us);
    tc[T1_BG_LOAD] = sark.cpu_clk * period_us;
    vic[VIC_ENABLE] = 1u << TIMER1_INT;
    tc[T1_CONTROL] = TIMER_PERIODIC_WITH_INTERRUPT;
}

void runtime_timer_stop(void)
{
    vic[VIC_DISABLE] = 1u << TIMER1_INT;
    tc[T1_CONTROL] = 0;
    tc[T1_INT_CLR] = 1;
}

void runtime_timer_tick(void)
{
    tc[T1_INT_CLR] = 1;
    vic[VIC_SOFT_CLR] = 1u << TIMER1_INT; /* SIG_TIMER raises it by software */
    ticks++;
    if (diagnostics.in_timer_callback) {
        diagnostics.total_times_tick_tic_callback_overran++;
        if (diagnostics.number_timer_tic_in_queue >
                diagnostics.largest_number_of_concurrent_timer_tic_overruns) {
            diagnostics.largest_number_of_concurrent_timer_tic_overruns =
                    diagnostics.number_timer_tic_in_queue;
        }
    }
    runtime_event(TIMER_TICK, ticks, 0);
}

uint spin1_get_simulation_time(void)
{
    return ticks;
}
