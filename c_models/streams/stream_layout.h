/* How keys are cut up; shared by the two ends of a stream, set once by streams_initialise. */
#ifndef STREAM_LAYOUT_H
#define STREAM_LAYOUT_H

#include <stdint.h>

typedef struct stream_layout_t {
    uint32_t slot_bits;
    uint32_t index_bits;
    uint32_t slot_mask;           /* of a sample number */
    uint32_t index_mask;          /* of a key; also the index of the marker */
    uint32_t window;
} stream_layout_t;

extern stream_layout_t stream_layout;

#endif
