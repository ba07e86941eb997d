/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulation interface that the Graph Front End expects of a core: it loads
 * once, runs any number of times, and answers commands on an SDP port.
 *
 * A step-based program:
 *
 *     void c_main(void) {
 *         ... simulation_steps_initialise(...);
 *         simulation_set_uses_timer(false);
 *         simulation_set_start_function(run);
 *         simulation_run();
 *     }
 *     static void run(void) {            // called after the start barrier
 *         ... work ...
 *         simulation_handle_pause_resume(reload);  // reload(): before next run
 *         recording_finalise();
 *         simulation_ready_to_read();
 *     }
 */
#ifndef SIMULATION_H
#define SIMULATION_H

#include "common-typedefs.h"
#include <spin1_api.h>

#define MAX_DMA_CALLBACK_TAG 16

/* System region, written by the host. */
struct simulation_config {
    uint32_t application_magic_number; /* from the name of the binary */
    uint32_t timer_period;             /* us; 0 when run by steps */
    uint32_t control_sdp_port;
};

/* Head of the provenance region. */
struct simulation_provenance {
    uint32_t transmission_event_overflow;
    uint32_t callback_queue_overloads;
    uint32_t dma_queue_overloads;
    uint32_t user_queue_overloads;
    uint32_t timer_tic_has_overrun;
    uint32_t max_num_timer_tic_overrun;
    uint32_t provenance_data_elements[];
};

typedef enum simulation_commands {
    CMD_STOP = 6,
    CMD_RUNTIME = 7,
    PROVENANCE_DATA_GATHERING = 8,
    IOBUF_CLEAR = 9,
    CMD_PAUSE = 10,
    CMD_GET_TIME = 11
} simulation_commands;

typedef void (*prov_callback_t)(address_t);
typedef void (*resume_callback_t)(void);
typedef void (*exit_callback_t)(void);
typedef resume_callback_t start_callback_t;

/* Read the system region and listen to the host. The three pointers are kept:
 * each run sets *simulation_ticks_pointer (end), *infinite_run_pointer and
 * *time_pointer (start - 1). Priority 0 of SDP answers the host even while a
 * long callback runs. A DMA priority below -1 leaves DMA events alone. False if
 * the region was made for another binary. */
bool simulation_initialise(
        address_t address, uint32_t expected_application_magic_number,
        uint32_t *timer_period, uint32_t *simulation_ticks_pointer,
        uint32_t *infinite_run_pointer, uint32_t *time_pointer,
        int sdp_packet_callback_priority, int dma_transfer_complete_priority);

/* The same for programs that count steps and use no timer. */
static inline bool simulation_steps_initialise(
        address_t address, uint32_t expected_application_magic_number,
        uint32_t *simulation_steps_pointer, uint32_t *infinite_steps_pointer,
        uint32_t *step_pointer, int sdp_packet_callback_priority,
        int dma_transfer_complete_priority)
{
    uint32_t timer_period;
    return simulation_initialise(
            address, expected_application_magic_number, &timer_period,
            simulation_steps_pointer, infinite_steps_pointer, step_pointer,
            sdp_packet_callback_priority, dma_transfer_complete_priority);
}

void simulation_set_provenance_data_address(address_t provenance_data_address);

/* Also call a function, with the address behind the six system words. */
void simulation_set_provenance_function(
        prov_callback_t provenance_function, address_t provenance_data_address);

void simulation_set_exit_function(exit_callback_t exit_function);

/* Called in thread mode at the start of every run, after the barrier. */
void simulation_set_start_function(start_callback_t start_function);
void simulation_set_uses_timer(bool sim_uses_timer);
void simulation_set_sync_steps(uint32_t n_steps);

/* Enter the scheduler, paused; returns when the host ends the simulation. */
void simulation_run(void);

/* This run is over: write provenance. `callback` will be called when the next
 * run is set up, before its barrier: read parameters again there, send nothing. */
void simulation_handle_pause_resume(resume_callback_t callback);

/* All results are in SDRAM; the host may read them. */
void simulation_ready_to_read(void);

void simulation_exit(void);

/* True once when the time is up or the host asked to pause. */
bool simulation_is_finished(void);

/* Other SDP ports and DMA tags, each with its own callback. */
bool simulation_sdp_callback_on(uint sdp_port, callback_t sdp_callback);
void simulation_sdp_callback_off(uint sdp_port);
bool simulation_dma_transfer_done_callback_on(uint tag, callback_t callback);
void simulation_dma_transfer_done_callback_off(uint tag);

#endif
