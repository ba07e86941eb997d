#include "vertex.h"

#include "data_specification.h"
#include "order.h"
#include "q_flag.h"
#include "runtime.h"
#include "simulation.h"
#include "stream_in.h"
#include "stream_layout.h"
#include "stream_recovery.h"
#include "unpack.h"

#define SDP_PRIORITY 1
#define DMA_PRIORITY 0

pass_parameters_t pass;
pass_result_t result;

static data_specification_metadata_t *data;
static void (*run_pass)(void);
static uint32_t time;              /* step of the simulation interface: passes so far */
static uint32_t clock_before;

/* While a core waits, timer 1 lets it look now and then at what does not come: stream_recovery.h. */
static void look(uint unused0, uint unused1)
{
    (void) unused0;
    (void) unused1;
    streams_look_later();
}

/* Without time steps nothing else starts the timer. */
static void looks_start(void)
{
    tc[T1_CONTROL] = 0;
    tc[T1_INT_CLR] = 1;
    tc[T1_LOAD] = stream_layout.look_cycles;
    tc[T1_BG_LOAD] = stream_layout.look_cycles;
    vic[VIC_ENABLE] = 1u << TIMER1_INT;
    tc[T1_CONTROL] = 0xe2;                 /* enabled, periodic, interrupt, 32 bits */
}

static void looks_stop(void)
{
    vic[VIC_DISABLE] = 1u << TIMER1_INT;
    tc[T1_CONTROL] = 0;
    tc[T1_INT_CLR] = 1;
}

static void *regions[N_REGIONS];    /* their addresses: looking them up costs SDRAM accesses */

void *vertex_region(enum region region)
{
    return regions[region];
}

const uint32_t *vertex_parameters(void)
{
    uint32_t address = pass.load_parameters & ~(uint32_t) PASS_LOAD_FLAGS;
    return address != 0 ? (const uint32_t *) address : vertex_region(REGION_PARAMETERS);
}

void vertex_tick(void)
{
    uint32_t now = runtime_cycles();
    uint32_t passed = now - clock_before;
    clock_before = now;
    uint32_t low = result.cycles_low + passed;
    result.cycles_high += low < passed;
    result.cycles_low = low;

    result.samples_done++;
    streams_answer();
    uint32_t waited = stream_counts.waiting_cycles;
    stream_counts.waiting_cycles = 0;
    low = result.waiting_low + waited;
    result.waiting_high += low < waited;
    result.waiting_low = low;
}

uint32_t vertex_batch_end(uint32_t sample)
{
    uint32_t end = (sample / pass.batch_size + 1) * pass.batch_size;      /* no %: its library function is one more */
    return end < pass.n_samples ? end : pass.n_samples;
}

/* Where the samples of a pass have this vertex's `sample`. */
static uint32_t position_of(uint32_t sample)
{
    if (pass.n_replicas == 1) {
        return sample;
    }
    uint32_t batch = sample / pass.batch_size;
    return batch * pass.whole_batch + pass.replica + (sample - batch * pass.batch_size) * pass.n_replicas;
}

uint32_t vertex_sample_index(uint32_t sample)
{
    uint32_t k = pass.first_position + position_of(sample);
    if (pass.n_order == 0) {
        return k;
    }
    return order_sample(k, pass.n_order, pass.order_half_bits, pass.order_keys);
}

uint32_t vertex_data_index(uint32_t sample)
{
    uint32_t k = pass.data_position + position_of(sample);
    if (pass.n_data_order == 0) {
        return k;
    }
    return order_sample(k, pass.n_data_order, pass.order_half_bits, pass.order_keys);
}

vertex_turn_t vertex_turn(uint32_t sample, uint32_t n_replicas)
{
    if (n_replicas == 1) {
        return (vertex_turn_t) {0, sample};
    }
    uint32_t batch = sample / pass.batch_size;
    uint32_t position = sample - batch * pass.batch_size;
    uint32_t round = position / n_replicas;
    uint32_t replica = position - round * n_replicas;
    uint32_t of_batch = (pass.batch_size - replica + n_replicas - 1) / n_replicas;
    return (vertex_turn_t) {replica, batch * of_batch + round};
}

static void store_result(void)
{
    result.packets_sent = streams_sent();
    result.packets_received = streams_received();
    result.packets_repeated = stream_counts.repeated;
    result.packets_foreign = stream_counts.foreign;
    result.packets_resent = stream_counts.resent;
    result.requests = stream_counts.requests;
    vertex_copy_words(vertex_region(REGION_RESULT), (const uint32_t *) &result,
            sizeof(result) / sizeof(uint32_t));
}

static void on_silence(uint32_t stream, uint32_t sample)
{
    result.status = PASS_SILENCE;
    result.silent_stream = stream;
    result.silent_sample = sample;
    store_result();
    runtime_fail("stream %u is silent, sample %u", stream, sample);
}

/* The start callback: one whole pass, in thread mode. */
static void start(void)
{
    vertex_copy_words((uint32_t *) &pass, vertex_region(REGION_PASS), sizeof(pass) / sizeof(uint32_t));
    result = (pass_result_t) {0};
    (void) q_flag_read_and_clear();
    clock_before = runtime_cycles();

    streams_begin();
    looks_start();
    run_pass();
    looks_stop();

    vertex_tick();
    result.samples_done = pass.n_samples;
    store_result();

    /* Nothing of the next pass can come before the host has let all cores go on.  Others may still ask for what this core has
     * sent: it answers while it is idle. */
    streams_reset();
    streams_copy_counts((uint32_t *) ((pass_result_t *) vertex_region(REGION_RESULT) + 1));
    time++;
    simulation_handle_pause_resume(NULL);
    simulation_ready_to_read();
}

void vertex_main(void (*prepare)(void), void (*run)(void))
{
    static uint32_t timer_period, simulation_ticks, infinite_run;

    data = data_specification_get_data_address();
    if (!data_specification_read_header(data)) {
        runtime_fail("no data regions");
    }
    for (uint32_t region = 0; region < N_REGIONS; region++) {
        regions[region] = data_specification_get_region(region, data);
    }
    const uint8_t *bytes = vertex_region(REGION_PACKED);
    for (uint32_t region = REGION_STREAMS; region <= REGION_PASS; region++) {
        bytes = unpack(bytes, vertex_region(region));
    }
    if (!simulation_initialise(vertex_region(REGION_SYSTEM), APPLICATION_NAME_HASH, &timer_period,
            &simulation_ticks, &infinite_run, &time, SDP_PRIORITY, DMA_PRIORITY)) {
        runtime_fail("no simulation");
    }
    run_pass = run;
    streams_on_silence = on_silence;
    streams_initialise(vertex_region(REGION_STREAMS), vertex_region(REGION_SENT));
    prepare();
    spin1_callback_on(TIMER_TICK, look, 0);
    runtime_timer_interval(stream_layout.look_cycles);
    runtime_while_idle(streams_serve);
    simulation_set_start_function(start);
    simulation_set_uses_timer(false);
    simulation_run();
}
