/* SPDX-License-Identifier: Apache-2.0
 * Not run as a whole: tests/test_c_runtime.py calls single functions of it. The
 * references here keep the linker from dropping them. */
#include <debug.h>
#include <runtime.h>
#include <simulation.h>

static uint32_t end_step, infinite, step, n_starts, n_resumes;

static void start(void) { n_starts++; }
static void resume(void) { n_resumes++; }

uint32_t units_initialise(void *system_region, int command_priority);
uint32_t units_initialise(void *system_region, int command_priority)
{
    simulation_set_uses_timer(false);
    simulation_set_start_function(start);
    return simulation_steps_initialise(
            system_region, APPLICATION_NAME_HASH, &end_step, &infinite, &step,
            command_priority, -2);
}

/* As at the end of a run. */
void units_end_run(void);
void units_end_run(void)
{
    simulation_handle_pause_resume(resume);
    simulation_ready_to_read();
}

void *const units_kept[] = {
    units_initialise, units_end_run, io_printf, runtime_log, sark_io_buf_reset,
    sark_xalloc, sark_xfree, sark_heap_max, sark_heap_init, sark_mem_cpy,
    sark_word_set, spin1_schedule_callback, runtime_stop_requested
};

void c_main(void)
{
    simulation_run();
    rt_error((uint) units_kept[sark_core_id()]);
}
