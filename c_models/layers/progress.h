/* Progress inside a pass: a few messages per second from the output group to the host, over its IP tag. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdint.h>

#include "vertex.h"

/* What a message holds, little-endian; dlgraph/gfe/progress_listener.py reads it. */
typedef struct progress_t {
    uint32_t samples_done;
    uint32_t loss_low;             /* signed 64 bits, fraction 23 */
    uint32_t loss_high;
    uint32_t n_correct;
} progress_t;

/* Begins a pass; `interval` in cycles between messages, 0 for none; `tag` is the IP tag. */
void progress_start(uint32_t tag, uint32_t interval);

/* Sends a message if it is time for one. */
void progress_tell(uint32_t samples_done, const pass_result_t *so_far);

#endif
