/* SPDX-License-Identifier: Apache-2.0
 * The host's view of a simulation: commands on an SDP port, runs, provenance. */
#include "internal.h"
#include <debug.h>
#include <runtime.h>
#include <simulation.h>

/* A host that got no answer sends its command again, for this long. */
#define REPEAT_WINDOW_MS 15000u

#define SHORT_REPLY_BYTES 12u /* SDP header, code and sequence number */
#define TIME_REPLY_BYTES 16u

static uint32_t *end_time;
static uint32_t *infinite_run;
static uint32_t *current_time;

static struct simulation_provenance *provenance;
static prov_callback_t provenance_function;
static exit_callback_t exit_function;
static resume_callback_t resume_function;
static start_callback_t start_function;

static callback_t sdp_callbacks[NUM_SDP_PORTS];
static callback_t dma_callbacks[MAX_DMA_CALLBACK_TAG];

static bool uses_timer = true;
static uint32_t sync_steps;
static uint32_t next_sync_step;

/* A run is under way from its RUNTIME command to simulation_handle_pause_resume(). */
static volatile bool run_under_way;
static volatile bool pause_requested;

/* ---- provenance ---------------------------------------------------------------- */

static void store_provenance(void)
{
    if (provenance == NULL) {
        return;
    }
    provenance->transmission_event_overflow = diagnostics.tx_packet_queue_full;
    provenance->callback_queue_overloads = diagnostics.task_queue_full;
    provenance->dma_queue_overloads = diagnostics.dma_queue_full;
    provenance->user_queue_overloads = diagnostics.user_event_queue_full;
    provenance->timer_tic_has_overrun = diagnostics.total_times_tick_tic_callback_overran;
    provenance->max_num_timer_tic_overrun =
            diagnostics.largest_number_of_concurrent_timer_tic_overruns;
    if (provenance_function != NULL) {
        provenance_function(provenance->provenance_data_elements);
    }
}

/* ---- runs ------------------------------------------------------------------------ */

/* The task that waits here keeps queued commands waiting, so they are obeyed in the
 * interrupt meanwhile. The host starts nobody before it has every core's answer: if
 * one is lost, its command comes again while the core sleeps. */
static void wait_for_start(void)
{
    event_callback_t *message = &event_callbacks[SDP_PACKET_RX];
    int priority = message->priority;

    if (priority > 0) {
        message->priority = 0;
    }
    runtime_pass_barrier();
    message->priority = priority;
}

static void start_run(uint unused0, uint unused1)
{
    use(unused0);
    use(unused1);
    wait_for_start();
    if (runtime_exit_requested()) {
        return;
    }
    if (start_function != NULL) {
        start_function();
    }
    if (uses_timer && run_under_way) {
        spin1_resume(SYNC_NOWAIT);
    }
}

static void set_times(uint32_t end, uint32_t infinite, uint32_t start, uint32_t steps)
{
    *end_time = end;
    *infinite_run = infinite;
    *current_time = start - 1; /* programs count up before they do a step */
    sync_steps = steps;
    next_sync_step = steps > 0 ? start + steps : 0;
}

static void prepare_run(const sdp_msg_t *msg)
{
    const uint32_t *data = (const uint32_t *) msg->data;
    resume_callback_t resume = resume_function;

    set_times(msg->arg1, msg->arg2, msg->arg3, data[0]);
    resume_function = NULL;
    pause_requested = false;
    run_under_way = true;
    if (resume != NULL) {
        resume();
    }
    spin1_schedule_callback(start_run, 0, 0, 1);
    runtime_show_barrier();
}

void simulation_run(void)
{
    spin1_start_paused();
}

void simulation_handle_pause_resume(resume_callback_t callback)
{
    run_under_way = false;
    spin1_pause();
    resume_function = callback;
    store_provenance();
}

void simulation_exit(void)
{
    simulation_handle_pause_resume(NULL);
}

void simulation_ready_to_read(void)
{
    sark_cpu_state(CPU_STATE_WAIT);
}

bool runtime_stop_requested(void)
{
    return pause_requested || runtime_exit_requested();
}

/* ---- commands ---------------------------------------------------------------------- */

static void reply(sdp_msg_t *msg, uint length)
{
    msg->cmd_rc = RC_OK;
    msg->length = (ushort) length;
    runtime_turn_round(msg);
    sark_msg_send(msg, 10);
}

static void leave(uint code)
{
    if (exit_function != NULL) {
        exit_function();
    }
    spin1_exit(code);
}

/* RUNTIME must be obeyed once though it may come twice: it opens and counts the
 * barrier. The same sequence number again within the window is the same command. */
static bool is_repeated(const sdp_msg_t *msg)
{
    static bool any;
    static uint last_seq;
    static uint last_ms;
    uint now_ms = (uint) sv->clock_ms;
    bool repeated = any && msg->seq == last_seq && now_ms - last_ms < REPEAT_WINDOW_MS;

    any = true;
    last_seq = msg->seq;
    last_ms = now_ms;
    return repeated;
}

static void obey(sdp_msg_t *msg)
{
    switch (msg->cmd_rc) {
    case CMD_RUNTIME:
        if (!is_repeated(msg) && !run_under_way) {
            prepare_run(msg);
        }
        reply(msg, SHORT_REPLY_BYTES);
        break;
    case CMD_STOP:
        leave(0);
        break;
    case PROVENANCE_DATA_GATHERING:
        store_provenance();
        leave(1);
        break;
    case IOBUF_CLEAR:
        sark_io_buf_reset();
        if (msg->arg3 == 1) {
            reply(msg, SHORT_REPLY_BYTES);
        }
        break;
    case CMD_PAUSE:
        pause_requested = true;
        reply(msg, SHORT_REPLY_BYTES);
        break;
    case CMD_GET_TIME:
        msg->arg1 = *current_time;
        reply(msg, TIME_REPLY_BYTES);
        break;
    default:
        log_error("unknown command %u on the control port", msg->cmd_rc);
        break;
    }
}

static void control_callback(uint message, uint port)
{
    use(port);
    obey((sdp_msg_t *) message);
    sark_msg_free((sdp_msg_t *) message);
}

static void sdp_callback(uint message, uint port)
{
    if (sdp_callbacks[port] != NULL) {
        sdp_callbacks[port](message, port);
    } else {
        sark_msg_free((sdp_msg_t *) message);
    }
}

static void dma_callback(uint id, uint tag)
{
    if (tag < MAX_DMA_CALLBACK_TAG && dma_callbacks[tag] != NULL) {
        dma_callbacks[tag](id, tag);
    }
}

/* ---- set-up --------------------------------------------------------------------------- */

bool simulation_initialise(
        address_t address, uint32_t expected_application_magic_number,
        uint32_t *timer_period, uint32_t *simulation_ticks_pointer,
        uint32_t *infinite_run_pointer, uint32_t *time_pointer,
        int sdp_packet_callback_priority, int dma_transfer_complete_priority)
{
    const struct simulation_config *config = (const struct simulation_config *) address;

    if (config->application_magic_number != expected_application_magic_number) {
        log_error("data is for binary 0x%08x, this is 0x%08x (was it renamed?)",
                  config->application_magic_number, expected_application_magic_number);
        return false;
    }
    *timer_period = config->timer_period;
    end_time = simulation_ticks_pointer;
    infinite_run = infinite_run_pointer;
    current_time = time_pointer;

    spin1_callback_on(SDP_PACKET_RX, sdp_callback, sdp_packet_callback_priority);
    if (dma_transfer_complete_priority >= -1) {
        spin1_callback_on(DMA_TRANSFER_DONE, dma_callback, dma_transfer_complete_priority);
    }
    return simulation_sdp_callback_on(config->control_sdp_port, control_callback);
}

void simulation_set_provenance_data_address(address_t provenance_data_address)
{
    provenance = (struct simulation_provenance *) provenance_data_address;
}

void simulation_set_provenance_function(
        prov_callback_t function, address_t provenance_data_address)
{
    provenance_function = function;
    simulation_set_provenance_data_address(provenance_data_address);
}

void simulation_set_exit_function(exit_callback_t function)
{
    exit_function = function;
}

void simulation_set_start_function(start_callback_t function)
{
    start_function = function;
}

void simulation_set_uses_timer(bool sim_uses_timer)
{
    uses_timer = sim_uses_timer;
}

void simulation_set_sync_steps(uint32_t n_steps)
{
    sync_steps = n_steps;
    next_sync_step = n_steps > 0 ? *current_time + n_steps + 1 : 0;
}

/* Every `sync_steps` steps the host lines all cores up again. */
static void wait_for_others(void)
{
    if (uses_timer) {
        spin1_pause();
    }
    runtime_show_barrier();
    wait_for_start();
    next_sync_step += sync_steps;
    if (uses_timer) {
        spin1_resume(SYNC_NOWAIT);
    }
}

bool simulation_is_finished(void)
{
    if (pause_requested) {
        pause_requested = false;
        return true;
    }
    if (*infinite_run != 1 && (int32_t) (*current_time - *end_time) >= 0) {
        return true;
    }
    if (sync_steps > 0 && *current_time >= next_sync_step) {
        wait_for_others();
    }
    return false;
}

bool simulation_sdp_callback_on(uint sdp_port, callback_t callback)
{
    if (sdp_port >= NUM_SDP_PORTS || sdp_callbacks[sdp_port] != NULL) {
        log_error("SDP port %u is not free", sdp_port);
        return false;
    }
    sdp_callbacks[sdp_port] = callback;
    return true;
}

void simulation_sdp_callback_off(uint sdp_port)
{
    sdp_callbacks[sdp_port] = NULL;
}

bool simulation_dma_transfer_done_callback_on(uint tag, callback_t callback)
{
    if (tag >= MAX_DMA_CALLBACK_TAG || dma_callbacks[tag] != NULL) {
        log_error("DMA tag %u is not free", tag);
        return false;
    }
    dma_callbacks[tag] = callback;
    return true;
}

void simulation_dma_transfer_done_callback_off(uint tag)
{
    dma_callbacks[tag] = NULL;
}
