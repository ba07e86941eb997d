/* SPDX-License-Identifier: Apache-2.0
 *
 * Measures what the runtime costs, in cycles. Core A runs a fixed loop while
 * core B sends it packets; how much longer the loop takes, divided by the packets
 * that came, is the cost of receiving one. The results go to provenance.
 */
#include <data_specification.h>
#include <debug.h>
#include <runtime.h>
#include <simulation.h>

#define N_PACKETS 500u
#define LOOPS 60000u /* of 4 cycles: longer than N_PACKETS take to come */
#define RING_WORDS 1024u

enum { SYSTEM_REGION, PARAMETER_REGION, SDRAM_REGION, PROVENANCE_REGION };
enum { RECEIVER, SENDER };
enum { FIQ_ASSEMBLY, FIQ_IN_C, FIQ_CALLBACK, IRQ_CALLBACK, N_WAYS };

extern void costs_fiq(void);
extern uint costs_loop(uint loops);

typedef struct {
    uint32_t key;
    uint32_t role;
} parameters_t;

typedef struct {
    uint32_t receive_x10[N_WAYS];
    uint32_t send;
    uint32_t send_with_callback_interface;
    uint32_t read_cycle_counter;
    uint32_t dma_256_bytes;
    uint32_t log_line;
    uint32_t lost;
} costs_t;

static uint32_t end_step;
static uint32_t infinite;
static uint32_t step;
static data_specification_metadata_t *data;
static parameters_t parameters; /* a copy: SDRAM is slow */
static costs_t costs;

static volatile uint32_t n_received;
static uint32_t ring[RING_WORDS];
static uint32_t buffer[64];

static RUNTIME_FIQ_HANDLER fiq_in_c(void)
{
    uint32_t payload = cc[CC_RXDATA];
    uint32_t key = cc[CC_RXKEY];

    ring[n_received & (RING_WORDS / 2 - 1)] = key ^ payload;
    n_received++;
}

static void callback(uint key, uint payload)
{
    ring[n_received & (RING_WORDS / 2 - 1)] = key ^ payload;
    n_received++;
}

static void receive_by(uint way)
{
    n_received = 0;
    spin1_callback_off(MCPL_PACKET_RECEIVED);
    runtime_remove_fiq();
    if (way == FIQ_ASSEMBLY) {
        const uint32_t registers[5] = {CC_BASE, (uint32_t) ring, 0, 0, 0};
        runtime_set_fiq_registers(registers);
        runtime_install_fiq(CC_MC_INT, costs_fiq);
    } else if (way == FIQ_IN_C) {
        runtime_install_fiq(CC_MC_INT, fiq_in_c);
    } else {
        spin1_callback_on(MCPL_PACKET_RECEIVED, callback, way == FIQ_CALLBACK ? -1 : 0);
    }
}

static uint32_t count_received(uint way)
{
    if (way != FIQ_ASSEMBLY) {
        return n_received;
    }
    uint32_t registers[5];
    runtime_get_fiq_registers(registers);
    return (registers[1] - (uint32_t) ring) / 8;
}

static void measure_receiving(void)
{
    for (uint way = FIQ_ASSEMBLY; way <= IRQ_CALLBACK; way++) {
        receive_by(way);
        uint32_t alone = costs_loop(LOOPS);
        runtime_send(parameters.key, way); /* B sends now */
        uint32_t disturbed = costs_loop(LOOPS);
        uint32_t received = count_received(way);
        costs.receive_x10[way] = received == 0 ? 0 : 10 * (disturbed - alone) / received;
        costs.lost += N_PACKETS - received;
        spin1_delay_us(1000);
    }
    receive_by(FIQ_IN_C);
}

static void measure_the_rest(void)
{
    uint32_t start = runtime_cycles();
    uint32_t end = runtime_cycles();
    costs.read_cycle_counter = end - start;

    receive_by(FIQ_IN_C);
    start = runtime_cycles();
    runtime_send(parameters.key, N_WAYS);
    costs.send = runtime_cycles() - start - costs.read_cycle_counter;
    start = runtime_cycles();
    spin1_send_mc_packet(parameters.key, N_WAYS, WITH_PAYLOAD);
    costs.send_with_callback_interface = runtime_cycles() - start - costs.read_cycle_counter;

    start = runtime_cycles();
    runtime_dma_wait(spin1_dma_transfer(
            0, data_specification_get_region(SDRAM_REGION, data), buffer, DMA_READ, 256));
    costs.dma_256_bytes = runtime_cycles() - start;

    log_info("the first line also makes the buffer");
    start = runtime_cycles();
    log_info("a line with %u numbers, %08x", 2, start);
    costs.log_line = runtime_cycles() - start;
}

static volatile bool asked;

static RUNTIME_FIQ_HANDLER be_asked(void)
{
    uint32_t way = cc[CC_RXDATA];
    (void) cc[CC_RXKEY];
    asked = way < N_WAYS;
}

static void send_when_asked(void)
{
    for (uint way = FIQ_ASSEMBLY; way <= IRQ_CALLBACK; way++) {
        runtime_sleep_while(!asked);
        asked = false;
        spin1_delay_us(5);
        for (uint i = 0; i < N_PACKETS; i++) {
            runtime_send(parameters.key, i);
            spin1_delay_us(1);
        }
    }
}

static void run(void)
{
    if (parameters.role == RECEIVER) {
        spin1_delay_us(1000);
        measure_receiving();
        measure_the_rest();
    } else {
        send_when_asked();
    }
    simulation_handle_pause_resume(NULL);
    simulation_ready_to_read();
}

static void store_provenance(address_t words)
{
    sark_mem_cpy(words, &costs, sizeof(costs));
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
    parameters = *(parameters_t *) data_specification_get_region(PARAMETER_REGION, data);
    simulation_set_provenance_function(
            store_provenance, data_specification_get_region(PROVENANCE_REGION, data));
    runtime_install_fiq(CC_MC_INT, be_asked);
    simulation_set_uses_timer(false);
    simulation_set_start_function(run);
    simulation_run();
}
