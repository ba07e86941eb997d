/* SPDX-License-Identifier: Apache-2.0
 * The start barrier. SC&MP clears the core's flag for SYNC0 and sets it for
 * SYNC1; the two alternate, and the flag is set when a program is loaded. */
#include "internal.h"
#include <runtime.h>

static bool waiting_for_sync1;

void runtime_show_barrier(void)
{
    sark_cpu_state(waiting_for_sync1 ? CPU_STATE_SYNC1 : CPU_STATE_SYNC0);
}

bool runtime_barrier_is_closed(void)
{
    bool flag = (sc[SC_FLAG] >> sark.virt_cpu & 1) != 0;
    return flag != waiting_for_sync1;
}

void runtime_pass_barrier(void)
{
    runtime_sleep_while(runtime_barrier_is_closed() && !runtime_exit_requested());
    waiting_for_sync1 = !waiting_for_sync1;
    sark_cpu_state(CPU_STATE_RUN);
}
