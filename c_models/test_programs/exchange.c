/* SPDX-License-Identifier: Apache-2.0
 *
 * Test program: two cores exchange vectors of words by multicast packets for a
 * number of steps. In each step a core sends its vector, waits for the partner's
 * and sets x[i] = 3 x[i] + partner[i] + i. It uses each part of the runtime once:
 * DMA in and out, packets in both directions, a bare FIQ handler, recording,
 * provenance, IOBUF, and reloaded parameters in the second run.
 */
#include <data_specification.h>
#include <debug.h>
#include <recording.h>
#include <runtime.h>
#include <simulation.h>

#define MAX_VALUES 64u

enum { SYSTEM_REGION, PARAMETER_REGION, INPUT_REGION, RESULT_REGION,
       PROVENANCE_REGION, RECORDING_REGION };

/* What this core does; written by the host. */
enum { DO_EXCHANGE, DO_FAIL, DO_CRASH, DO_IDLE };

typedef struct {
    uint32_t key;          /* of my packets: | parity of step << 6 | index */
    uint32_t n_values;
    uint32_t n_steps;
    uint32_t task;
    uint32_t spin_us;      /* busy time at the end, to watch a long callback */
} parameters_t;

static uint32_t end_step;
static uint32_t infinite;
static uint32_t step;

static data_specification_metadata_t *data;
static parameters_t parameters;
static uint32_t recording_flags;
static uint32_t runs;
static uint32_t cycles;

static uint32_t vector[MAX_VALUES];
static volatile uint32_t received[2][MAX_VALUES];
static volatile uint32_t n_received[2];

/* The whole receive path: store by index, count. */
static RUNTIME_FIQ_HANDLER receive(void)
{
    uint32_t payload = cc[CC_RXDATA];
    uint32_t key = cc[CC_RXKEY];
    uint32_t parity = key >> 6 & 1;

    received[parity][key & (MAX_VALUES - 1)] = payload;
    n_received[parity]++;
}

static void read_parameters(void)
{
    parameters = *(parameters_t *) data_specification_get_region(PARAMETER_REGION, data);
}

static void move_vector(uint direction, uint region)
{
    void *address = data_specification_get_region(region, data);
    uint id = spin1_dma_transfer(0, address, vector, direction,
                                 parameters.n_values * sizeof(uint32_t));
    if (id == 0) {
        runtime_fail("no room for a DMA transfer");
    }
    runtime_dma_wait(id);
}

static void exchange(uint32_t parity)
{
    uint32_t key = parameters.key | parity << 6;

    /* Slower than a link: two cores that saturate a link in both directions make
     * the routers at its ends wait for each other until they drop a packet. */
    for (uint32_t i = 0; i < parameters.n_values; i++) {
        runtime_send(key | i, vector[i]);
        spin1_delay_us(1);
    }
    runtime_sleep_while(n_received[parity] < parameters.n_values);
    n_received[parity] = 0;
    for (uint32_t i = 0; i < parameters.n_values; i++) {
        vector[i] = 3 * vector[i] + received[parity][i] + i;
    }
}

static void before_next_run(void)
{
    read_parameters();
    if (recording_flags != 0) {
        recording_reset();
    }
}

static void run(void)
{
    uint32_t start = runtime_cycles();

    if (parameters.task == DO_FAIL) {
        runtime_fail("asked to fail in run %u", runs);
    }
    if (parameters.task == DO_CRASH) {
        __asm__ volatile(".word 0xe7f000f0"); /* an undefined instruction */
    }
    if (parameters.task == DO_EXCHANGE) {
        move_vector(DMA_READ, INPUT_REGION);
        for (step = 0; step < parameters.n_steps; step++) {
            exchange(step & 1);
        }
        move_vector(DMA_WRITE, RESULT_REGION);
    }
    cycles = runtime_cycles() - start;
    spin1_delay_us(parameters.spin_us);
    runs++;
    log_info("run %u: %u steps of %u values in %u cycles, x[0] = 0x%08x", runs,
             parameters.n_steps, parameters.n_values, cycles, vector[0]);
    if (recording_flags != 0) {
        recording_record(0, vector, parameters.n_values * sizeof(uint32_t));
    }
    simulation_handle_pause_resume(before_next_run);
    recording_finalise();
    simulation_ready_to_read();
}

static void store_provenance(address_t words)
{
    words[0] = runs;
    words[1] = cycles;
    words[2] = runtime_stack_free();
    words[3] = sark.pkt_count;
}

void c_main(void)
{
    data = data_specification_get_data_address();
    if (!data_specification_read_header(data) ||
            !simulation_steps_initialise(
                    data_specification_get_region(SYSTEM_REGION, data),
                    APPLICATION_NAME_HASH, &end_step, &infinite, &step, 0, -2)) {
        rt_error(RTE_SWERR);
    }
    simulation_set_provenance_function(
            store_provenance, data_specification_get_region(PROVENANCE_REGION, data));
    void *recording = data_specification_get_region(RECORDING_REGION, data);
    if (recording != NULL && !recording_initialize(&recording, &recording_flags)) {
        rt_error(RTE_SWERR);
    }
    read_parameters();
    runtime_install_fiq(CC_MC_INT, receive);
    simulation_set_uses_timer(false);
    simulation_set_start_function(run);
    log_info("core %u of chip 0x%04x is ready", spin1_get_core_id(), spin1_get_chip_id());
    simulation_run();
}
