/*
 * Partial errors: several layers, and several cores of each, send some for the values that a core has made.  What one stream
 * brings is a plane: it lies packed in the inlet and belongs to a block of the core's elements.
 */
#ifndef PLANES_H
#define PLANES_H

#include <stdbool.h>
#include <stdint.h>

/* vertices/planes.py writes it. */
typedef struct plane_t {
    uint32_t first;               /* word of the inlet */
    uint32_t element;             /* the first element that it belongs to */
    uint32_t run;                 /* neighbouring elements */
    uint32_t n_runs;
    uint32_t run_stride;
    uint32_t n_outer;
    uint32_t outer_stride;
} plane_t;

typedef struct planes_t {
    uint32_t count;
    plane_t *plane;
} planes_t;

/* Reads count and planes from SDRAM; returns what follows them there. */
const uint32_t *planes_read(planes_t *planes, const uint32_t *words);

/* e[0 .. n_elements) = the sum of the planes, s7.24; remembers if one does not fit 32 bits. */
void planes_sum(const planes_t *planes, const uint32_t *inlet, int32_t *e, uint32_t n_elements);

/* Whether a sum did not fit since the last call. */
bool planes_overflowed(void);

#endif
