/*
 * The units of the output layer: adds up the sums of their weight slices, applies the output activation, compares
 * with the target, sends the errors back, counts loss and accuracy, holds the biases.
 */
#include "vertex.h"

#include <stddef.h>

#include "losses.h"
#include "progress.h"
#include "q_flag.h"
#include "stream_in.h"
#include "stream_out.h"
#include "trained.h"
#include "unit_sums.h"

enum inlets { SUMS = 0, GRADIENTS = 1, BIASES = 2 };
enum vectors_sent { ERRORS = 0, GRADIENTS_OUT = 1, BIASES_OUT = 2 };

/* vertices/output_group_vertex.py writes it. */
typedef struct shape_t {
    uint32_t n_units;              /* of this group */
    uint32_t n_sums;
    uint32_t sum_fraction_excess;  /* (12 + fx) - 23, of the sums; two's complement */
    uint32_t use_bias;
    uint32_t ip_tag;               /* for progress messages */
    loss_config_t loss;
    exchange_shape_t exchange;     /* of the biases with those of the other replicas */
} shape_t;

static shape_t shape;
static trained_t biases;           /* [n_units], s8.23; the gradient's fraction is 28 - sb */
static int32_t *pre_activations;   /* [n_units], s8.23 */
static int32_t *outputs;           /* [n_units], fraction 28 or 23 */
static int32_t *targets;           /* [n_units], or [1] label; behind it the sample's weight, where there are any */
static int32_t *errors;            /* [n_units], s3.28 */

static void prepare(void)
{
    vertex_copy_words((uint32_t *) &shape, vertex_region(REGION_SHAPE), sizeof(shape) / sizeof(uint32_t));
    trained_claim(&biases, shape.n_units, &shape.exchange, GRADIENTS, GRADIENTS_OUT);
    pre_activations = vertex_claim(shape.n_units * sizeof(int32_t));
    outputs = vertex_claim(shape.n_units * sizeof(int32_t));
    targets = vertex_claim((shape.n_units + 1) * sizeof(int32_t));
    errors = vertex_claim(shape.n_units * sizeof(int32_t));
}

static void add_loss(int64_t loss)
{
    int64_t sum = (int64_t) ((uint64_t) result.loss_high << 32 | result.loss_low) + loss;
    result.loss_low = (uint32_t) sum;
    result.loss_high = (uint32_t) (sum >> 32);
}

static void keep_outputs(uint32_t sample)
{
    uint32_t *kept = (uint32_t *) vertex_region(REGION_OUTPUTS) + sample * shape.n_units;
    vertex_copy_words(kept, (const uint32_t *) outputs, shape.n_units);
}

static void pass_sample(uint32_t sample)
{
    const int32_t *sums = (const int32_t *) inlet_words(SUMS, sample);
    for (uint32_t j = 0; j < shape.n_units; j++) {
        pre_activations[j] = unit_pre_activation(unit_sum(sums + j, shape.n_sums, shape.n_units),
                (int32_t) shape.sum_fraction_excess, biases.parameters[j], &result.saturations);
    }
    inlet_free(SUMS, sample);

    const int32_t *target = NULL;
    if (pass.has_targets) {
        const uint8_t *samples = (const uint8_t *) vertex_region(REGION_SAMPLES) + pass.samples_offset;
        vertex_copy_words((uint32_t *) targets,
                (const uint32_t *) (samples + vertex_sample_index(sample) * pass.row_bytes), pass.row_bytes / 4);
        target = targets;
    }
    loss_result_t of_sample = loss_evaluate(&shape.loss, shape.n_units, pre_activations, target,
            outputs, pass.training ? errors : NULL, &result.saturations);
    if (pass.has_weights) {
        of_sample.loss = loss_weigh((uint32_t) targets[pass.row_bytes / 4 - 1], of_sample.loss, shape.n_units,
                pass.training ? errors : NULL);
    }
    if (pass.keep_outputs) {
        keep_outputs(sample);
    }
    if (pass.has_targets) {
        add_loss(of_sample.loss);
        result.n_correct += of_sample.n_correct;
    }

    if (pass.training) {
        for (uint32_t j = 0; j < shape.n_units; j++) {
            biases.gradient[j] += errors[j] >> pass.bias_shift;
        }
        streams_send_all(ERRORS, sample, (const uint32_t *) errors);
    } else {
        streams_send_all_zeros(ERRORS, sample);
    }
}

static void run(void)
{
    uint32_t batch = 0;
    uint32_t batch_end = vertex_batch_end(0);
    trained_begin(&biases);
    progress_start(shape.ip_tag, pass.progress_cycles);

    for (uint32_t sample = 0; sample < pass.n_samples; ) {
        streams_drain();
        if (!inlet_ready(SUMS, sample)) {
            streams_wait();
            continue;
        }
        pass_sample(sample);
        sample++;
        vertex_tick();
        progress_tell(sample, &result);
        if (sample == batch_end) {
            if (pass.training && shape.use_bias) {
                trained_update(&biases, batch);
            }
            batch++;
            batch_end = vertex_batch_end(sample);
        }
    }

    if (shape.use_bias) {
        trained_update_rest(&biases, batch);
    }
    if (unit_sums_overflowed()) {
        result.status = PASS_SUM_OVERFLOW;
    }
    trained_end(&biases);
}

void c_main(void)
{
    vertex_main(prepare, run);
}
