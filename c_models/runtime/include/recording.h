/* SPDX-License-Identifier: Apache-2.0
 * Channels of recorded data, read by the host after a run. */
#ifndef RECORDING_H
#define RECORDING_H

#include "common-typedefs.h"

typedef uint8_t channel_index_t;

/* Allocate the channels that the region at *address describes and move
 * *address behind the description. Bit i of *recording_flags tells that channel
 * i records. False if SDRAM or DTCM is short. */
bool recording_initialize(void **recording_data_address, uint32_t *recording_flags);

/* Append bytes to a channel. False if it is off or full (noted for the host). */
bool recording_record(channel_index_t channel, void *data, size_t size_bytes);

/* Tell the host how much was recorded; call before simulation_ready_to_read(). */
void recording_finalise(void);

/* Empty the channels for the next run. */
void recording_reset(void);

#endif
