/* SPDX-License-Identifier: Apache-2.0
 * The least that the Graph Front End can run: it does nothing for no time. Its
 * size is what the runtime costs. */
#include <data_specification.h>
#include <debug.h>
#include <recording.h>
#include <runtime.h>
#include <simulation.h>

static uint32_t end_step;
static uint32_t infinite;
static uint32_t step;

static void run(void)
{
    simulation_handle_pause_resume(NULL);
    simulation_ready_to_read();
}

void c_main(void)
{
    data_specification_metadata_t *data = data_specification_get_data_address();

    if (!data_specification_read_header(data) ||
            !simulation_steps_initialise(
                    data_specification_get_region(0, data), APPLICATION_NAME_HASH,
                    &end_step, &infinite, &step, 0, -2)) {
        rt_error(RTE_SWERR);
    }
    simulation_set_uses_timer(false);
    simulation_set_start_function(run);
    simulation_run();
}
