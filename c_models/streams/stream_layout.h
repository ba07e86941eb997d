/* How keys are cut up: stream number | slot | index.  dlgraph/mapping/plan.py has the same numbers. */
#ifndef STREAM_LAYOUT_H
#define STREAM_LAYOUT_H

#define STREAM_INDEX_BITS 12       /* a word of the vector; all ones is the marker */
#define STREAM_SLOT_BITS 4
#define STREAM_KEY_BITS (STREAM_INDEX_BITS + STREAM_SLOT_BITS)
#define STREAM_MARKER_INDEX ((1 << STREAM_INDEX_BITS) - 1)

#ifndef __ASSEMBLER__
#include <stdint.h>

typedef struct stream_layout_t {
    uint32_t slot_mask;            /* of a sample number; slots - 1, at most 15 */
    uint32_t window;               /* samples in flight */
} stream_layout_t;

extern stream_layout_t stream_layout;
#endif

#endif
