/*
 * A group of units of a hidden dense layer: adds up the sums of its weight slices, holds biases and activations.
 *
 * Forward:  pre-activation, activation, to the next layer's slices.
 * Backward: adds up the partial errors of the next layer's slices, times the activation's derivative, to its own
 *           slices; gathers the biases' gradient; at the end of a batch the biases are updated.
 */
#include "vertex.h"

#include "planes.h"
#include "q_flag.h"
#include "stream_in.h"
#include "stream_layout.h"
#include "stream_out.h"
#include "trained.h"
#include "unit_chain.h"
#include "unit_ops.h"
#include "unit_sums.h"

enum inlets { SUMS = 0, PARTIAL_ERRORS = 1, GRADIENTS = 2, BIASES = 3 };
enum vectors_sent { ACTIVATIONS = 0, ERRORS = 1, GRADIENTS_OUT = 2, BIASES_OUT = 3 };

/* vertices/neuron_group_vertex.py writes it; behind it: planes, operations. */
typedef struct shape_t {
    uint32_t n_units;
    uint32_t n_sums;               /* blocks of rows of this layer: sums to add for every unit */
    uint32_t activation;
    uint32_t sum_fraction_excess;  /* (12 + fx) - 23, of the sums; two's complement */
    uint32_t output_fraction;      /* fx of what is sent */
    uint32_t use_bias;
    uint32_t negative_slope;
    exchange_shape_t exchange;     /* of the biases with those of the other replicas */
} shape_t;

static shape_t shape;
static trained_t biases;           /* [n_units], s8.23; the gradient's fraction is 28 - sb */
static int16_t *activations;       /* [n_units, padded to even], fraction output_fraction */
static uint16_t *derivatives;      /* [slot][n_units], fraction 15 */
static int32_t *errors;            /* [n_units, padded to even]: pre-activations; on the way back s7.24, then s3.28 */
static planes_t planes;

static void prepare(void)
{
    const uint32_t *words = vertex_region(REGION_SHAPE);
    vertex_copy_words((uint32_t *) &shape, words, sizeof(shape) / sizeof(uint32_t));
    words = planes_read(&planes, words + sizeof(shape) / sizeof(uint32_t));
    chain_prepare(words);
    uint32_t n_padded = (shape.n_units + 1) & ~1u;
    trained_claim(&biases, shape.n_units, &shape.exchange, GRADIENTS, GRADIENTS_OUT);
    activations = vertex_claim(n_padded * sizeof(int16_t));
    derivatives = vertex_claim((stream_layout.slot_mask + 1) * shape.n_units * sizeof(uint16_t));
    errors = vertex_claim(n_padded * sizeof(int32_t));
    activations[n_padded - 1] = 0;
}

static uint16_t *derivatives_of(uint32_t sample)
{
    return derivatives + (sample & stream_layout.slot_mask) * shape.n_units;
}

static void forward(uint32_t sample)
{
    const int32_t *sums = (const int32_t *) inlet_words(SUMS, sample);
    for (uint32_t j = 0; j < shape.n_units; j++) {
        errors[j] = unit_pre_activation(unit_sum(sums + j, shape.n_sums, shape.n_units),
                (int32_t) shape.sum_fraction_excess, biases.parameters[j], &result.saturations);
    }
    activate_all(shape.activation, shape.negative_slope, errors, shape.n_units, shape.output_fraction, activations,
            derivatives_of(sample), &result.saturations);
    inlet_free(SUMS, sample);
    streams_send_all(ACTIVATIONS, sample, (const uint32_t *) chain_forward(sample, activations));
}

static void backward(uint32_t sample)
{
    planes_sum(&planes, inlet_words(PARTIAL_ERRORS, sample), errors, (shape.n_units + 1) & ~1u);
    unit_errors_all(shape.activation, chain_backward(sample, errors), derivatives_of(sample), shape.n_units, errors,
            &result.saturations);
    for (uint32_t j = 0; j < shape.n_units; j++) {
        biases.gradient[j] += errors[j] >> pass.bias_shift;
    }
    streams_send_all(ERRORS, sample, (const uint32_t *) errors);
}

static void run(void)
{
    uint32_t to_forward = 0;
    uint32_t to_backward = 0;
    uint32_t batch = 0;
    uint32_t batch_end = vertex_batch_end(0);
    uint32_t window = streams_window();

    trained_begin(&biases);

    while (to_backward < pass.n_samples) {
        streams_drain();
        if (to_backward < to_forward && inlet_ready(PARTIAL_ERRORS, to_backward)) {
            if (pass.training) {
                backward(to_backward);
            } else {
                streams_send_all_zeros(ERRORS, to_backward);
            }
            inlet_free(PARTIAL_ERRORS, to_backward);
            to_backward++;
            vertex_tick();
            if (to_backward == batch_end) {
                if (pass.training && shape.use_bias) {
                    trained_update(&biases, batch);
                }
                batch++;
                batch_end = vertex_batch_end(to_backward);
            }
        } else if (to_forward < batch_end && to_forward - to_backward < window
                && inlet_ready(SUMS, to_forward)) {
            forward(to_forward);
            to_forward++;
        } else {
            streams_wait();
        }
    }

    if (shape.use_bias) {
        trained_update_rest(&biases, batch);
    }
    if (unit_sums_overflowed() || planes_overflowed() || chain_overflowed()) {
        result.status = PASS_SUM_OVERFLOW;
    }
    trained_end(&biases);
}

void c_main(void)
{
    vertex_main(prepare, run);
}
