/* SPDX-License-Identifier: Apache-2.0
 * Recording channels: each is one flat buffer in SDRAM, filled during a run. */
#include <debug.h>
#include <recording.h>
#include <runtime.h>

/* Of the host's region; size and data are for the host to read. */
typedef struct {
    uint32_t space;
    uint32_t size : 31;
    uint32_t missing : 1;
    uchar *data;
} channel_region_t;

typedef struct {
    uint32_t n_channels;
    channel_region_t channels[];
} recording_region_t;

typedef struct {
    uint32_t used;
    bool open;
    bool missing;
} channel_t;

static recording_region_t *region;
static channel_t *channels;

bool recording_initialize(void **recording_data_address, uint32_t *recording_flags)
{
    uint32_t flags = 0;

    region = *recording_data_address;
    channels = sark_alloc(region->n_channels, sizeof(channel_t));
    if (channels == NULL) {
        log_error("no DTCM for %u recording channels", region->n_channels);
        return false;
    }
    for (uint32_t i = 0; i < region->n_channels; i++) {
        channel_region_t *channel = &region->channels[i];
        if (channel->space == 0) {
            continue;
        }
        channel->data = sark_xalloc(sv->sdram_heap, channel->space, 0, ALLOC_LOCK);
        if (channel->data == NULL) {
            log_error("no SDRAM for recording channel %u of %u bytes", i, channel->space);
            return false;
        }
        flags |= 1u << i;
    }
    *recording_data_address = &region->channels[region->n_channels];
    if (recording_flags != NULL) {
        *recording_flags = flags;
    }
    recording_reset();
    return true;
}

bool recording_record(channel_index_t channel, void *data, size_t size_bytes)
{
    channel_t *state = &channels[channel];
    channel_region_t *description = &region->channels[channel];

    if (!state->open) {
        return false;
    }
    if (size_bytes > description->space - state->used) {
        if (!state->missing) {
            log_warning("recording channel %u is full", channel);
        }
        state->missing = true;
        return false;
    }
    sark_mem_cpy(description->data + state->used, data, size_bytes);
    state->used += size_bytes;
    return true;
}

void recording_finalise(void)
{
    for (uint32_t i = 0; region != NULL && i < region->n_channels; i++) {
        if (channels[i].open) {
            region->channels[i].size = channels[i].used;
            region->channels[i].missing = channels[i].missing;
            channels[i].open = false;
        }
    }
}

void recording_reset(void)
{
    for (uint32_t i = 0; region != NULL && i < region->n_channels; i++) {
        channels[i].used = 0;
        channels[i].missing = false;
        channels[i].open = region->channels[i].space > 0;
    }
}
