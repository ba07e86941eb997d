/* How keys are cut up: stream number | slot | index.  dlgraph/mapping/plan.py has the same numbers. */
#ifndef STREAM_LAYOUT_H
#define STREAM_LAYOUT_H

#define STREAM_INDEX_BITS 12       /* a word of the vector, or one of those at the end of this list */
#define STREAM_SLOT_BITS 4
#define STREAM_KEY_BITS (STREAM_INDEX_BITS + STREAM_SLOT_BITS)

#define STREAM_MARKER_INDEX ((1 << STREAM_INDEX_BITS) - 1)     /* the end of a sample: stream_in.h */
#define STREAM_REQUEST_INDEX (STREAM_MARKER_INDEX - 1)         /* a stream that leads here is asked for: stream_recovery.h */
#define STREAM_ALIVE_INDEX (STREAM_MARKER_INDEX - 2)           /* what was asked for has not been sent yet */
#define STREAM_ZEROS_INDEX (STREAM_MARKER_INDEX - 3)           /* words that are zero: first index | number << 12 */

#ifndef __ASSEMBLER__
#include <stdint.h>

typedef struct stream_layout_t {
    uint32_t slot_mask;            /* of a sample number; slots - 1, at most 15 */
    uint32_t window;               /* samples in flight */
    uint32_t look_cycles;          /* between looks at what is waited for */
    uint32_t patient_looks;        /* before a stream is asked for of which nothing has come: there may have been nothing to send */
    uint32_t last_looks;           /* without a sign of life before a producer is gone */
} stream_layout_t;

extern stream_layout_t stream_layout;
#endif

#endif
