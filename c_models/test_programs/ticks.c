/* SPDX-License-Identifier: Apache-2.0
 * Test program in the style of timed simulations: everything hangs on the timer
 * and on queued callbacks, commands of the host included. */
#include <data_specification.h>
#include <debug.h>
#include <simulation.h>

enum { SYSTEM_REGION, PARAMETER_REGION, SDRAM_REGION, PROVENANCE_REGION };
enum { COMMANDS_AND_DMA_PRIORITY = 1, PACKET_PRIORITY = 2, TICK_PRIORITY = 3 };
enum { DMA_TAG = 3, DMA_WORDS = 4 };

typedef struct {
    uint32_t ticks;
    uint32_t packets;
    uint32_t packets_without_payload;
    uint32_t wrong_payloads;
    uint32_t user_events;
    uint32_t transfers;
    uint32_t wrong_transfers;
    uint32_t resumes;
} counts_t;

static uint32_t period;
static uint32_t end_time;
static uint32_t infinite;
static uint32_t now = UINT32_MAX;
static uint32_t key;
static uint32_t *sdram;
static uint32_t words[DMA_WORDS];
static counts_t counts;

static void transfer_done(uint id, uint tag)
{
    use(id);
    counts.transfers++;
    counts.wrong_transfers += tag != DMA_TAG || sdram[0] > counts.ticks;
}

static void user_event(uint arg0, uint arg1)
{
    counts.user_events += arg1 - arg0;
}

static void packet(uint packet_key, uint payload)
{
    counts.packets++;
    counts.wrong_payloads += (packet_key & 0xff) != (payload & 0xff);
}

static void packet_without_payload(uint packet_key, uint payload)
{
    use(packet_key);
    counts.packets_without_payload++;
    counts.wrong_payloads += payload != 0;
}

static void resume(void)
{
    counts.resumes++;
}

static void tick(uint ticks, uint unused)
{
    use(ticks);
    use(unused);
    now++;
    if (simulation_is_finished()) {
        log_info("paused at %u", now);
        now--;
        simulation_handle_pause_resume(resume);
        simulation_ready_to_read();
        return;
    }
    counts.ticks++;
    words[0] = counts.ticks;
    spin1_dma_transfer(DMA_TAG, sdram, words, DMA_WRITE, sizeof(words));
    spin1_trigger_user_event(counts.ticks, counts.ticks + 1);
    spin1_send_mc_packet(key | (now & 0xff), now, WITH_PAYLOAD);
    spin1_send_mc_packet(key | (now & 0xff), now, NO_PAYLOAD);
}

static void store_provenance(address_t address)
{
    sark_mem_cpy(address, &counts, sizeof(counts));
}

void c_main(void)
{
    data_specification_metadata_t *data = data_specification_get_data_address();

    if (!data_specification_read_header(data) ||
            !simulation_initialise(
                    data_specification_get_region(SYSTEM_REGION, data),
                    APPLICATION_NAME_HASH, &period, &end_time, &infinite, &now,
                    COMMANDS_AND_DMA_PRIORITY, COMMANDS_AND_DMA_PRIORITY)) {
        rt_error(RTE_SWERR);
    }
    simulation_set_provenance_function(
            store_provenance, data_specification_get_region(PROVENANCE_REGION, data));
    key = *(uint32_t *) data_specification_get_region(PARAMETER_REGION, data);
    sdram = data_specification_get_region(SDRAM_REGION, data);
    simulation_dma_transfer_done_callback_on(DMA_TAG, transfer_done);
    spin1_callback_on(USER_EVENT, user_event, 0);
    spin1_callback_on(MCPL_PACKET_RECEIVED, packet, PACKET_PRIORITY);
    spin1_callback_on(MC_PACKET_RECEIVED, packet_without_payload, PACKET_PRIORITY);
    spin1_callback_on(TIMER_TICK, tick, TICK_PRIORITY);
    spin1_set_timer_tick(period);
    simulation_run();
}
