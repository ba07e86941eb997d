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
static int32_t *gradients;             /* the vector: [n_words()] and what fills up the last segment */
static int32_t *parameters;            /* the same */
static int32_t *small_gradient;        /* [n_columns], of biases, fraction 28 - sb */
static int32_t *state;                 /* of each segment: planes of the kernels in this tile's share, then of the biases */
static bool overflowed;

/* What of a segment is this tile's: a range of biases and one of kernel words, either of which may be empty. */
typedef struct own_t {
    uint32_t first_bias;
    uint32_t n_biases;
    uint32_t first_weight;
    uint32_t n_weights;
} own_t;

static uint32_t n_bias_words(void)
{
    return 2 * shape.n_columns;
}

static uint32_t n_words(void)
{
    return n_bias_words() + shape.n_weights;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static own_t own_of(uint32_t segment)
{
    uint32_t start = smaller(segment * shape.segment + shape.start, n_words());
    uint32_t stop = smaller(segment * shape.segment + shape.stop, n_words());
    uint32_t middle = start > n_bias_words() ? start : smaller(stop, n_bias_words());
    return (own_t) {start / 2, (middle - start) / 2, middle - n_bias_words(), stop - middle};
}

static uint32_t n_planes(void)
{
    return optimiser_n_planes(&pass.optimiser);
}

static int32_t *state_of(uint32_t segment)
{
    return state + segment * (shape.stop - shape.start) * n_planes();
}

void kernel_share_prepare(const kernel_share_shape_t *given)
{
    shape = *given;
    uint32_t bytes = shape.n_segments * shape.segment * sizeof(int32_t);
    uint32_t claimed = (uint32_t) vertex_claim(bytes + sizeof(int32_t));
    gradients = (int32_t *) ((claimed + 7) & ~7u);             /* for the doubleword instructions */
    parameters = vertex_claim(bytes);
    small_gradient = vertex_claim(shape.n_columns * sizeof(int32_t));
    kernel_share.biases = vertex_claim(shape.n_columns * sizeof(int32_t));
    kernel_share.kernels = parameters + n_bias_words();
    kernel_share.bias_gradient = (int64_t *) gradients;
    kernel_share.gradient = gradients + n_bias_words();
}

static void take_biases(void)
{
    for (uint32_t j = 0; j < shape.n_columns; j++) {
        kernel_share.biases[j] = parameters[2 * j];
    }
}

/* Between SDRAM, where a plane is as the parameters are, and DTCM, which holds this tile's share only. */
static void copy_state(bool to_sdram)
{
    for (uint32_t segment = 0; segment < shape.n_segments; segment++) {
        own_t own = own_of(segment);
        int32_t *here = state_of(segment);
        int32_t *plane = vertex_region(REGION_STATE);
        for (uint32_t i = 0; i < n_planes(); i++, plane += n_words(), here += own.n_weights) {
            int32_t *there = plane + n_bias_words() + own.first_weight;
            vertex_copy_words((uint32_t *) (to_sdram ? there : here), (uint32_t *) (to_sdram ? here : there), own.n_weights);
        }
        plane = vertex_region(REGION_STATE);
        for (uint32_t i = 0; i < n_planes(); i++, plane += n_words(), here += own.n_biases) {
            for (uint32_t j = 0; j < own.n_biases; j++) {
                int32_t *there = plane + 2 * (own.first_bias + j);
                *(to_sdram ? there : here + j) = *(to_sdram ? here + j : there);
            }
        }
    }
}

void kernel_share_load(void)
{
    vertex_copy_words((uint32_t *) parameters, vertex_region(REGION_PARAMETERS), n_words());
    words_clear((uint32_t *) gradients, shape.n_segments * shape.segment);
    take_biases();
    if (n_planes() != 0) {
        if (state == NULL) {                   /* the optimiser is the same in every pass */
            state = vertex_claim(n_planes() * shape.n_segments * (shape.stop - shape.start) * sizeof(int32_t));
        }
        copy_state(false);
    }
}

void kernel_share_store(void)
{
    vertex_copy_words(vertex_region(REGION_PARAMETERS), (const uint32_t *) parameters, n_words());
    if (n_planes() != 0) {
        copy_state(true);
    }
}

/* Samples go on arriving meanwhile. */
static void await(uint32_t inlet, uint32_t number)
{
    streams_drain();
    while (!inlet_ready(inlet, number)) {
        streams_wait();
        streams_drain();
    }
}

/* Adds what the other tiles sent for this tile's share of a segment. */
static void add_gradients(uint32_t segment, uint32_t number)
{
    const int32_t *others = (const int32_t *) inlet_words(GRADIENTS, number);
    uint32_t first = segment * shape.segment;
    for (uint32_t tile = 1; tile < shape.n_tiles; tile++) {
        uint32_t i = first + shape.start;
        uint32_t stop = first + shape.stop;
        for (; i < n_bias_words() && i < stop; i += 2, others += 2) {
            kernel_share.bias_gradient[i / 2] += (int64_t) ((uint64_t) (uint32_t) others[1] << 32 | (uint32_t) others[0]);
        }
        for (; i < stop; i++, others++) {
            if (__builtin_add_overflow(gradients[i], *others, &gradients[i])) {
                overflowed = true;
            }
        }
    }
}

static void update_share(uint32_t segment, uint32_t batch_end)
{
    own_t own = own_of(segment);
    int32_t *kept = state_of(segment);
    if (own.n_weights != 0) {
        optimiser_step_t step = trained_step(batch_end, false);
        result.saturations += optimiser_update(&pass.optimiser, &step, kernel_share.kernels + own.first_weight,
                kernel_share.gradient + own.first_weight, kept, own.n_weights);
    }
    if (own.n_biases != 0 && shape.use_bias) {
        optimiser_step_t step = trained_step(batch_end, true);
        for (uint32_t j = 0; j < own.n_biases; j++) {
            small_gradient[j] = (int32_t) (kernel_share.bias_gradient[own.first_bias + j] >> pass.bias_shift);
        }
        int32_t *biases = kernel_share.biases + own.first_bias;
        result.saturations += optimiser_update(&pass.optimiser, &step, biases, small_gradient,
                kept + n_planes() * own.n_weights, own.n_biases);
        for (uint32_t j = 0; j < own.n_biases; j++) {
            parameters[2 * (own.first_bias + j)] = biases[j];
        }
    }
}

/* Takes over what the other tiles updated of a segment. */
static void take_parameters(uint32_t segment, uint32_t number)
{
    const int32_t *others = (const int32_t *) inlet_words(WEIGHTS, number);
    int32_t *own = parameters + segment * shape.segment;
    for (uint32_t i = 0; i < shape.segment; i++) {
        if (i < shape.start || i >= shape.stop) {
            own[i] = others[i];
        }
    }
}

void kernel_share_update(uint32_t batch, uint32_t batch_end)
{
    bool alone = shape.n_tiles == 1;
    for (uint32_t segment = 0; segment < shape.n_segments; segment++) {
        uint32_t number = batch * shape.n_segments + segment;
        uint32_t first = segment * shape.segment;
        if (!alone) {
            streams_send_all(GRADIENTS_OUT, number, (const uint32_t *) gradients + first);
            await(GRADIENTS, number);
            add_gradients(segment, number);
            inlet_free(GRADIENTS, number);
        }
        update_share(segment, batch_end);
        if (!alone) {
            streams_send_all(WEIGHTS_OUT, number, (const uint32_t *) parameters + first);
            await(WEIGHTS, number);
            take_parameters(segment, number);
            inlet_free(WEIGHTS, number);
        }
    }
    take_biases();
    words_clear((uint32_t *) gradients, shape.n_segments * shape.segment);
}

bool kernel_share_overflowed(void)
{
    bool was = overflowed;
    overflowed = false;
    return was;
}
