/*
 * Parameters that a vertex trains: they live in DTCM with their gradient and with what the optimiser keeps of them.
 *
 * A vertex has one trained_t.  It calls trained_claim once, trained_begin and trained_end around every pass, and trained_update at
 * the end of every batch in training.
 */
#ifndef TRAINED_H
#define TRAINED_H

#include <stdbool.h>
#include <stdint.h>

#include "optimisers.h"

/* Room in REGION_STEPS for one array; vertices/trained_vertex.py has the same. */
#define TRAINED_STEPS_BYTES (64 << 10)

typedef struct trained_t {
    int32_t *parameters;
    int32_t *gradient;             /* sums over the batch; zero after an update */
    int32_t *state;                /* planes of `count` words */
    uint32_t count;
} trained_t;

/* The step of the batch that ends at `batch_end`: of the vertex's parameters, or of its biases where it has both. */
optimiser_step_t trained_step(uint32_t batch_end, bool biases);

/* Memory for `count` parameters. */
void trained_claim(trained_t *trained, uint32_t count);

/* At the start of a pass: takes parameters and state from SDRAM, where the pass says so; the gradient is zero then. */
void trained_begin(trained_t *trained);

/* The update after the batch that ends at `batch_end`; counts clips in the result. */
void trained_update(trained_t *trained, uint32_t batch_end);

/* At the end of a pass: in training, parameters and state go to SDRAM. */
void trained_end(const trained_t *trained);

#endif
