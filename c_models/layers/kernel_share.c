#include "kernel_share.h"

#include <stddef.h>

#include "optimisers.h"
#include "trained.h"
#include "vertex.h"
#include "words_clear.h"

/* As in convolution_tile.c. */
enum inlets { GRADIENTS = 1, GRADIENT_SUMS = 2 };
enum vectors_sent { GRADIENTS_OUT = 2, GRADIENT_SUMS_OUT = 3 };

kernel_share_t kernel_share;

static kernel_share_shape_t shape;
static exchange_t tiles;
static exchange_t replicas;
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

static own_t own_of(uint32_t segment)
{
    share_t share = exchange_share(&replicas, segment, n_words());
    uint32_t middle = share.first > n_bias_words() ? share.first : share.stop < n_bias_words() ? share.stop : n_bias_words();
    return (own_t) {share.first / 2, (middle - share.first) / 2, middle - n_bias_words(), share.stop - middle};
}

static uint32_t n_planes(void)
{
    return optimiser_n_planes(&pass.optimiser);
}

static int32_t *state_of(uint32_t segment)
{
    return state + segment * (replicas.shape.stop - replicas.shape.start) * n_planes();
}

void kernel_share_prepare(const kernel_share_shape_t *given)
{
    shape = *given;
    tiles = (exchange_t) {shape.tiles, GRADIENTS, GRADIENTS_OUT};
    replicas = (exchange_t) {shape.replicas, GRADIENT_SUMS, GRADIENT_SUMS_OUT};
    uint32_t bytes = exchange_words(&replicas) * sizeof(int32_t);
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
    for (uint32_t segment = 0; segment < replicas.shape.n_segments; segment++) {
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
    vertex_copy_words((uint32_t *) parameters, vertex_parameters(), n_words());
    words_clear((uint32_t *) gradients, exchange_words(&replicas));
    take_biases();
    if (n_planes() != 0) {
        uint32_t n_state = n_planes() * replicas.shape.n_segments * (replicas.shape.stop - replicas.shape.start);
        if (state == NULL) {                   /* the optimiser is the same in every pass */
            state = vertex_claim(n_state * sizeof(int32_t));
        }
        if (pass.load_parameters & PASS_FRESH_STATE) {
            words_clear((uint32_t *) state, n_state);
        } else {
            copy_state(false);
        }
    }
}

void kernel_share_store(void)
{
    vertex_copy_words(vertex_region(REGION_PARAMETERS), (const uint32_t *) parameters, n_words());
    if (n_planes() != 0) {
        copy_state(true);
    }
}

/* Adds what others have gathered of this tile's share of a segment. */
static void add_gradients(const exchange_t *others, uint32_t segment, uint32_t number)
{
    if (others->shape.n_cores == 1) {
        return;
    }
    uint32_t first = segment * others->shape.segment;
    const int32_t *words = exchange_gradients(others, number, gradients + first);
    for (uint32_t core = 1; core < others->shape.n_cores; core++) {
        uint32_t i = first + others->shape.start;
        uint32_t stop = first + others->shape.stop;
        for (; i < n_bias_words() && i < stop; i += 2, words += 2) {
            kernel_share.bias_gradient[i / 2] += (int64_t) ((uint64_t) (uint32_t) words[1] << 32 | (uint32_t) words[0]);
        }
        if (!exchange_add(gradients + i, words, stop - i)) {
            overflowed = true;
        }
        words += stop - i;
    }
    exchange_gradients_taken(others, number);
}

static void update_share(uint32_t segment, uint32_t batch)
{
    own_t own = own_of(segment);
    int32_t *kept = state_of(segment);
    if (own.n_weights != 0) {
        optimiser_step_t step = trained_step(batch, false);
        result.saturations += optimiser_update(&pass.optimiser, &step, kernel_share.kernels + own.first_weight,
                kernel_share.gradient + own.first_weight, kept, own.n_weights);
    }
    if (own.n_biases != 0 && shape.use_bias) {
        optimiser_step_t step = trained_step(batch, true);
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

void kernel_share_update(uint32_t batch)
{
    for (uint32_t segment = 0; segment < replicas.shape.n_segments; segment++) {
        uint32_t number = exchange_number(&replicas, batch, segment);
        bool exchanges = tiles.shape.n_cores + replicas.shape.n_cores > 2;
        if (exchanges) {
            exchange_begin(&replicas, number);
        }
        add_gradients(&tiles, segment, number);
        add_gradients(&replicas, segment, number);
        update_share(segment, batch);
        if (exchanges) {
            exchange_parameters(&replicas, number, parameters + segment * replicas.shape.segment);
        }
    }
    take_biases();
    words_clear((uint32_t *) gradients, exchange_words(&replicas));
}

bool kernel_share_overflowed(void)
{
    bool was = overflowed;
    overflowed = false;
    return was;
}
