#include "stream_pause.h"

#include "runtime.h"
#include "stream_in.h"
#include "stream_state.h"

/* Estimate: to set the timer and set it back are some ten accesses to devices, of about 6 cycles each (runtime.h). */
#define LEAST_PAUSE 150

void streams_pause(uint32_t due)
{
    uint32_t before = runtime_cycles();
    int32_t left;
    while ((left = (int32_t) (due - runtime_cycles())) > 0 && streams_idle()) {
        if (left < LEAST_PAUSE || tc[T1_CONTROL] == 0) {
            continue;
        }
        uint interrupts = spin1_int_disable();
        if (streams_idle()) {
            uint32_t interval = tc[T1_LOAD];
            tc[T1_LOAD] = (uint32_t) left;
            wait_for_interrupt();
            tc[T1_INT_CLR] = 1;
            tc[T1_LOAD] = interval;
        }
        spin1_mode_restore(interrupts);
    }
    stream_counts.waiting_cycles += runtime_cycles() - before;
}

void streams_keep_apart(uint32_t spacing)
{
    static uint32_t last;
    while (runtime_cycles() - last < spacing) {
        streams_drain();
        streams_pause(last + spacing);
    }
    last = runtime_cycles();
}
