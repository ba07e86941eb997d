/*
 * What every vertex of a network shares: its regions, the parameters of a pass, and the result of one.
 *
 * A pass is one run of the machine: every vertex takes the samples 0 .. n_samples-1 through its layer, in training
 * backward as well, and ends.  The host reads the result and may rewrite the parameters for the next pass.
 */
#ifndef VERTEX_H
#define VERTEX_H

#include <stdbool.h>
#include <stdint.h>

#include "claim.h"
#include "optimisers.h"

/* Data regions; vertices/regions.py has the same numbers. */
enum region {
    REGION_SYSTEM = 0,
    REGION_STREAMS = 1,           /* streams_initialise */
    REGION_SHAPE = 2,             /* per kind of vertex, fixed when the graph is built */
    REGION_PASS = 3,              /* pass_parameters_t, rewritten before each pass */
    REGION_RESULT = 4,            /* pass_result_t; behind it streams_copy_counts */
    REGION_PARAMETERS = 5,        /* weights or biases: read before a pass, written back after it */
    REGION_SAMPLES = 6,           /* codes, or labels and targets */
    REGION_OUTPUTS = 7,
    REGION_TABLE = 8,             /* input sources: int16_t [256], activation of each code */
    REGION_STATE = 9,             /* what the optimiser keeps of the parameters: read before a pass, written back after it */
    REGION_STEPS = 10,            /* the first words of every batch's optimiser_step_t, where they differ */
    REGION_GRADIENT = 11,         /* sums over the batch, where DTCM does not hold them: the vertex's own */
    REGION_SENT = 12,             /* vectors that were sent, to be sent again: the vertex's own */
    REGION_PACKED = 13,           /* unpack.h: the words of REGION_STREAMS, REGION_SHAPE and REGION_PASS */
    N_REGIONS = 14,
};

#define VERTEX_MAX_OPERATIONS 4

/* dlgraph.vertices.PassParameters writes it. */
typedef struct pass_parameters_t {
    uint32_t training;            /* 1: forward, backward, update; 0: forward only */
    uint32_t load_parameters;     /* enum pass_load, with the address of parameters where they are not in REGION_PARAMETERS */
    uint32_t keep_outputs;        /* output group: write every sample's outputs to SDRAM */
    uint32_t n_samples;           /* in this pass, of this replica of the network; at an input source, of all */
    uint32_t batch_size;          /* nominal, of the same */
    uint32_t n_batches;           /* in this pass: the last may have no sample of this replica */
    uint32_t whole_batch;         /* nominal, of all replicas: they take its samples in turn */
    uint32_t replica;             /* number of this one */
    uint32_t n_replicas;
    uint32_t n_order;             /* samples in the shuffled order; 0: the order given */
    uint32_t first_position;      /* of the pass in the order */
    uint32_t order_half_bits;
    uint32_t order_keys[6];
    uint32_t n_data_order;        /* samples in the shuffled order of the whole data; 0: as given */
    uint32_t data_position;       /* of the pass in the whole data */
    uint32_t seed;
    uint32_t epoch;
    uint32_t samples_offset;      /* bytes into REGION_SAMPLES */
    uint32_t row_bytes;           /* of a sample in REGION_SAMPLES */
    uint32_t code_bytes;          /* input: 1 (indices into table) or 2 (activations) */
    uint32_t has_targets;         /* output group: loss and accuracy are wanted */
    uint32_t has_weights;         /* output group: a row of REGION_SAMPLES ends with the sample's weight, fraction 30 */
    uint32_t progress_cycles;     /* output group: cycles between progress messages; 0: none */
    uint32_t gradient_shift;      /* s: weight slices */
    uint32_t bias_shift;          /* sb: groups */
    uint32_t step_words;          /* words of a batch in REGION_STEPS; 0: there is no table */
    optimiser_t optimiser;
    optimiser_step_t step;        /* of this vertex's parameters, in a full batch */
    optimiser_step_t last_step;   /* in the last batch of the pass */
    optimiser_step_t bias_step;   /* the same for biases beside weights */
    optimiser_step_t last_bias_step;
} pass_parameters_t;

enum pass_load {
    PASS_LOAD = 1,                /* take weights and biases from SDRAM; else go on with those in DTCM */
    PASS_FRESH_STATE = 2,         /* with them, what the optimiser keeps is all zero, and not in REGION_STATE */
    PASS_LOAD_FLAGS = 3,          /* the other bits: the address */
};

enum pass_status {
    PASS_OK = 0,
    PASS_SUM_OVERFLOW = 1,        /* a checked sum did not fit 32 bits */
    PASS_SILENCE = 2,             /* a producer gave no answer */
};

/* dlgraph.vertices.pass_parameters.VertexResult reads it. */
typedef struct pass_result_t {
    uint32_t status;
    uint32_t saturations;
    uint32_t packets_sent;
    uint32_t packets_received;
    uint32_t packets_repeated;
    uint32_t packets_foreign;
    uint32_t cycles_low;          /* from the start of the pass to its end, 200 MHz */
    uint32_t cycles_high;
    uint32_t waiting_low;         /* of these, asleep */
    uint32_t waiting_high;
    uint32_t loss_low;            /* output group: sum of losses, signed 64 bits, fraction 23 */
    uint32_t loss_high;
    uint32_t n_correct;
    uint32_t samples_done;
    uint32_t operation_saturations[VERTEX_MAX_OPERATIONS];     /* of the small layers behind the vertex's own */
    uint32_t packets_resent;
    uint32_t requests;            /* for what had not come */
    uint32_t silent_stream;       /* PASS_SILENCE: which of the incoming streams, and the sample that was waited for */
    uint32_t silent_sample;
} pass_result_t;

extern pass_parameters_t pass;
extern pass_result_t result;

/* The region's address in SDRAM. */
void *vertex_region(enum region region);

/* From where the pass is to take parameters: many vertices on a chip may share what the host left there once. */
const uint32_t *vertex_parameters(void);

/* Everything c_main does: reads the regions, sets up streams, calls `prepare` once, then `run` in every pass. */
void vertex_main(void (*prepare)(void), void (*run)(void));

/* To be called at least once a sample: keeps the 64-bit clock. */
void vertex_tick(void);

/* The end of the batch that holds `sample`: one past its last sample. */
uint32_t vertex_batch_end(uint32_t sample);

/* Which of the stored samples is this vertex's `sample`. */
uint32_t vertex_sample_index(uint32_t sample);

/* The index, in the whole data, of this vertex's `sample`. */
uint32_t vertex_data_index(uint32_t sample);

/* Which replica takes a sample, of `n_replicas` that take the samples of a batch in turn, and as which of its own. */
typedef struct vertex_turn_t {
    uint32_t replica;
    uint32_t sample;
} vertex_turn_t;

vertex_turn_t vertex_turn(uint32_t sample, uint32_t n_replicas);

/* DTCM that lasts; ends the run if there is none left. */
static inline void *vertex_claim(uint32_t bytes)
{
    return claim_dtcm(bytes);
}

/* Words between SDRAM and DTCM. */
void vertex_copy_words(uint32_t *to, const uint32_t *from, uint32_t n_words);

#endif
