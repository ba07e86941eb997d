/*
 * Parameters that a vertex trains: they live in DTCM with their gradient and with what the optimiser keeps of them.
 *
 * A vertex has one trained_t.  It calls trained_claim once, trained_begin and trained_end around every pass, and trained_update at
 * the end of every batch in training.  Where replicas of the network hold the same parameters, the update is theirs together
 * (exchange.h), and the optimiser's state is kept by whose share it is.
 */
#ifndef TRAINED_H
#define TRAINED_H

#include <stdbool.h>
#include <stdint.h>

#include "exchange.h"
#include "optimisers.h"

/* Room in REGION_STEPS for one array; vertices/trained_vertex.py has the same. */
#define TRAINED_STEPS_BYTES (64 << 10)

typedef struct trained_t {
    int32_t *parameters;
    int32_t *gradient;             /* sums over the batch; zero after an update */
    int32_t *state;                /* of each segment: planes of this core's share */
    uint32_t count;
    exchange_t exchange;
} trained_t;

/* The step of a batch of the pass: of the vertex's parameters, or of its biases where it has both. */
optimiser_step_t trained_step(uint32_t batch, bool biases);

/* Memory for `count` parameters; inlets and vectors as in exchange_t. */
void trained_claim(trained_t *trained, uint32_t count, const exchange_shape_t *shape, uint32_t inlets, uint32_t vectors);

/* At the start of a pass: takes parameters and state from SDRAM, where the pass says so; the gradient is zero then. */
void trained_begin(trained_t *trained);

/* The update after a batch of the pass; counts clips in the result, and says there if a gradient does not fit. */
void trained_update(trained_t *trained, uint32_t batch);

/* The same for the batches of the pass from `batch` on, of which this replica has no samples. */
void trained_update_rest(trained_t *trained, uint32_t batch);

/* At the end of a pass: in training, parameters and state go to SDRAM. */
void trained_end(const trained_t *trained);

#endif
