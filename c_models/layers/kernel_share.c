#include "kernel_share.h"

#include <stddef.h>

#include "optimisers.h"
#include "stream_in.h"
#include "stream_out.h"
#include "trained.h"
#include "vertex.h"
#include "words_clear.h"

/* As in convolution_tile.c. */
enum inlets { GRADIENTS = 1, WEIGHTS = 2 };
enum vectors_sent { GRADIENTS_OUT = 2, WEIGHTS_OUT = 3 };

kernel_share_t kernel_share;

static kernel_share_shape_t shape;
static int32_t *exchanged;             /* biases' gradients, then kernel_share.gradient */
static int32_t *new_bias_gradient;     /* [n_columns], fraction 28 - sb */
static int32_t *state;                 /* planes of this tile's share of the kernels; behind them of the biases, if it has them */
static bool overflowed;

static uint32_t n_parameters(void)
{
    return shape.n_columns + shape.n_weights;
}

void kernel_share_prepare(const kernel_share_shape_t *given)
{
    shape = *given;
    kernel_share.biases = vertex_claim(n_parameters() * sizeof(int32_t));
    kernel_share.kernels = kernel_share.biases + shape.n_columns;
    uint32_t claimed = (uint32_t) vertex_claim((2 * shape.n_columns + shape.n_weights + 1) * sizeof(int32_t));
    exchanged = (int32_t *) ((claimed + 7) & ~7u);             /* for the doubleword instructions */
    kernel_share.bias_gradient = (int64_t *) exchanged;
    kernel_share.gradient = exchanged + 2 * shape.n_columns;
    new_bias_gradient = vertex_claim(shape.n_columns * sizeof(int32_t));
}

/* This tile's share of the kernels: its first word and number of words. */
static uint32_t first_weight(void)
{
    return shape.start == 0 ? 0 : shape.start - 2 * shape.n_columns;
}

static uint32_t n_own_weights(void)
{
    return shape.stop == 0 ? 0 : shape.stop - 2 * shape.n_columns - first_weight();
}

static bool owns_biases(void)
{
    return shape.start == 0 && shape.stop != 0;
}

/* Between SDRAM, where a plane is as the parameters are, and DTCM, which holds the share only. */
static void copy_state(bool to_sdram)
{
    uint32_t n_planes = optimiser_n_planes(&pass.optimiser);
    uint32_t n_biases = owns_biases() ? shape.n_columns : 0;
    uint32_t n_weights = n_own_weights();
    if (n_planes == 0) {
        return;
    }
    if (state == NULL) {                       /* the optimiser is the same in every pass */
        state = vertex_claim(n_planes * (n_weights + n_biases) * sizeof(int32_t));
    }
    uint32_t *weights = (uint32_t *) state;
    uint32_t *biases = weights + n_planes * n_weights;
    uint32_t *plane = vertex_region(REGION_STATE);
    for (uint32_t i = 0; i < n_planes; i++, weights += n_weights, biases += n_biases, plane += n_parameters()) {
        uint32_t *of_weights = plane + shape.n_columns + first_weight();
        if (to_sdram) {
            vertex_copy_words(of_weights, weights, n_weights);
            vertex_copy_words(plane, biases, n_biases);
        } else {
            vertex_copy_words(weights, of_weights, n_weights);
            vertex_copy_words(biases, plane, n_biases);
        }
    }
}

void kernel_share_load(void)
{
    vertex_copy_words((uint32_t *) kernel_share.biases, vertex_region(REGION_PARAMETERS), n_parameters());
    words_clear((uint32_t *) exchanged, 2 * shape.n_columns + shape.n_weights);
    copy_state(false);
}

void kernel_share_store(void)
{
    vertex_copy_words(vertex_region(REGION_PARAMETERS), (const uint32_t *) kernel_share.biases, n_parameters());
    copy_state(true);
}

/* Samples go on arriving meanwhile. */
static void await(uint32_t inlet, uint32_t batch)
{
    streams_drain();
    while (!inlet_ready(inlet, batch)) {
        streams_wait();
        streams_drain();
    }
}

/* Adds what the other tiles sent for this tile's share. */
static void add_gradients(uint32_t batch)
{
    const int32_t *others = (const int32_t *) inlet_words(GRADIENTS, batch);
    uint32_t n_bias_words = 2 * shape.n_columns;
    for (uint32_t tile = 1; tile < shape.n_tiles; tile++) {
        uint32_t i = shape.start;
        for (; i < n_bias_words && i < shape.stop; i += 2, others += 2) {
            kernel_share.bias_gradient[i / 2] += (int64_t) ((uint64_t) (uint32_t) others[1] << 32 | (uint32_t) others[0]);
        }
        for (; i < shape.stop; i++, others++) {
            if (__builtin_add_overflow(exchanged[i], *others, &exchanged[i])) {
                overflowed = true;
            }
        }
    }
}

static void update_share(uint32_t batch_end)
{
    uint32_t n_weights = n_own_weights();
    if (owns_biases() && shape.use_bias) {
        for (uint32_t j = 0; j < shape.n_columns; j++) {
            new_bias_gradient[j] = (int32_t) (kernel_share.bias_gradient[j] >> pass.bias_shift);
        }
        optimiser_step_t step = trained_step(batch_end, true);
        result.saturations += optimiser_update(&pass.optimiser, &step, kernel_share.biases, new_bias_gradient,
                state + optimiser_n_planes(&pass.optimiser) * n_weights, shape.n_columns);
    }
    optimiser_step_t step = trained_step(batch_end, false);
    result.saturations += optimiser_update(&pass.optimiser, &step, kernel_share.kernels + first_weight(),
            kernel_share.gradient + first_weight(), state, n_weights);
}

/* Takes over what the other tiles updated. */
static void take_parameters(uint32_t batch)
{
    const int32_t *others = (const int32_t *) inlet_words(WEIGHTS, batch);
    uint32_t start = shape.start == 0 ? 0 : shape.start - shape.n_columns;
    uint32_t stop = shape.stop == 0 ? 0 : shape.stop - shape.n_columns;
    for (uint32_t i = 0; i < n_parameters(); i++) {
        if (i < start || i >= stop) {
            kernel_share.biases[i] = others[i];
        }
    }
}

void kernel_share_update(uint32_t batch, uint32_t batch_end)
{
    bool alone = shape.n_tiles == 1;
    bool owns = shape.stop > shape.start;
    if (!alone) {
        streams_send_all(GRADIENTS_OUT, batch, (const uint32_t *) exchanged);
        await(GRADIENTS, batch);
        add_gradients(batch);
        inlet_free(GRADIENTS, batch);
    }
    if (owns) {
        update_share(batch_end);
    }
    if (!alone) {
        streams_send_all(WEIGHTS_OUT, batch, (const uint32_t *) kernel_share.biases);
        await(WEIGHTS, batch);
        take_parameters(batch);
        inlet_free(WEIGHTS, batch);
    }
    words_clear((uint32_t *) exchanged, 2 * shape.n_columns + shape.n_weights);
}

bool kernel_share_overflowed(void)
{
    bool was = overflowed;
    overflowed = false;
    return was;
}
