/*
 * A tile of units without weights: pooling, activation, dropout, addition, padding, or values laid out anew.
 *
 * Forward:  takes what comes in to its place in the tile's image, adding where several values come for a place; the
 *           layers of the tile follow each other on that image (unit_chain.h).
 * Backward: adds up the partial errors of those that take the value, back through the layers, to whoever made what came in.
 *           Where the value depends on no weights there are no errors.
 */
#include "vertex.h"

#include "planes.h"
#include "stream_in.h"
#include "stream_out.h"
#include "unit_chain.h"
#include "words_clear.h"

enum inlets { PARTIAL_ERRORS = 0, ACTIVATIONS = 4 };                      /* one inlet for each input */
enum vectors_sent { ACTIVATIONS_OUT = 0, CREDIT_OUT = 1, PARTIAL_ERRORS_OUT = 5 };     /* one vector for each input */

/* vertices/unit_tile_vertex.py writes it; behind it: inputs, planes, operations. */
typedef struct shape_t {
    uint32_t n_image;              /* elements that the tile works on */
    uint32_t n_out;                /* elements that go out */
    uint32_t n_inputs;
    uint32_t adds;                 /* several values for a place */
    uint32_t learns;               /* the value depends on weights */
    uint32_t sends_credit;         /* the network's input comes in */
} shape_t;

/* Neighbours that go together. */
typedef struct run_t {
    uint16_t source;               /* element of the input */
    uint16_t target;               /* element of the image */
    uint16_t count;
} run_t;

typedef struct input_t {
    uint32_t n_elements;
    uint32_t sends_errors;         /* it depends on weights */
    uint32_t n_runs;
    run_t *runs;
} input_t;

static shape_t shape;
static input_t *inputs;
static planes_t planes;
static int16_t *image;             /* [n_image] */
static int32_t *sums;              /* [n_image], where values are added */
static int32_t *errors;            /* [n_out], s7.24 */
static int32_t *partial_errors;    /* of one input, s7.24 */

static const uint32_t *read_input(input_t *input, const uint32_t *words)
{
    vertex_copy_words((uint32_t *) input, words, 3);
    words += 3;
    input->runs = vertex_claim((input->n_runs * sizeof(run_t) + 3) & ~3u);
    for (uint32_t i = 0; i < input->n_runs; i++, words += 3) {
        input->runs[i] = (run_t) {(uint16_t) words[0], (uint16_t) words[1], (uint16_t) words[2]};
    }
    return words;
}

static void prepare(void)
{
    const uint32_t *words = vertex_region(REGION_SHAPE);
    vertex_copy_words((uint32_t *) &shape, words, sizeof(shape) / sizeof(uint32_t));
    words += sizeof(shape) / sizeof(uint32_t);
    inputs = vertex_claim(shape.n_inputs * sizeof(input_t));
    uint32_t largest = 1;
    for (uint32_t i = 0; i < shape.n_inputs; i++) {
        words = read_input(&inputs[i], words);
        if (inputs[i].n_elements > largest) {
            largest = inputs[i].n_elements;
        }
    }
    words = planes_read(&planes, words);
    chain_prepare(words);
    image = vertex_claim(shape.n_image * sizeof(int16_t));
    sums = shape.adds ? vertex_claim(shape.n_image * sizeof(int32_t)) : 0;
    errors = vertex_claim(shape.n_out * sizeof(int32_t));
    partial_errors = vertex_claim(largest * sizeof(int32_t));
}

static void place(const input_t *input, const int16_t *x)
{
    for (uint32_t r = 0; r < input->n_runs; r++) {
        const run_t *run = &input->runs[r];
        for (uint32_t i = 0; i < run->count; i++) {
            image[run->target + i] = x[run->source + i];
        }
    }
}

static void add(const input_t *input, const int16_t *x)
{
    for (uint32_t r = 0; r < input->n_runs; r++) {
        const run_t *run = &input->runs[r];
        for (uint32_t i = 0; i < run->count; i++) {
            sums[run->target + i] += x[run->source + i];
        }
    }
}

static void finish_sums(void)
{
    for (uint32_t i = 0; i < shape.n_image; i++) {
        int32_t x = sums[i];
        if (x != (int16_t) x) {
            result.saturations++;
            x = x > 0 ? INT16_MAX : INT16_MIN;
        }
        image[i] = (int16_t) x;
    }
}

static void forward(uint32_t sample)
{
    words_clear((uint32_t *) image, shape.n_image / 2);
    if (shape.adds) {
        words_clear((uint32_t *) sums, shape.n_image);
    }
    for (uint32_t i = 0; i < shape.n_inputs; i++) {
        const int16_t *x = (const int16_t *) inlet_words(ACTIVATIONS + i, sample);
        if (shape.adds) {
            add(&inputs[i], x);
        } else {
            place(&inputs[i], x);
        }
        inlet_free(ACTIVATIONS + i, sample);
    }
    if (shape.adds) {
        finish_sums();
    }
    streams_send_all(ACTIVATIONS_OUT, sample, (const uint32_t *) chain_forward(sample, image));
}

static void send_errors(const input_t *input, uint32_t vector, uint32_t sample, const int32_t *e)
{
    words_clear((uint32_t *) partial_errors, input->n_elements);
    for (uint32_t r = 0; r < input->n_runs; r++) {
        const run_t *run = &input->runs[r];
        for (uint32_t i = 0; i < run->count; i++) {
            partial_errors[run->source + i] = e[run->target + i];
        }
    }
    streams_send_all(vector, sample, (const uint32_t *) partial_errors);
}

static void pass_back(uint32_t sample)
{
    int32_t *e = errors;
    if (pass.training && shape.learns) {
        planes_sum(&planes, inlet_words(PARTIAL_ERRORS, sample), errors, shape.n_out);
        e = chain_backward(sample, errors);
    }
    for (uint32_t i = 0; i < shape.n_inputs; i++) {
        if (inputs[i].sends_errors && pass.training) {
            send_errors(&inputs[i], PARTIAL_ERRORS_OUT + i, sample, e);
        } else {
            streams_send_all_zeros(PARTIAL_ERRORS_OUT + i, sample);
        }
    }
    inlet_free(PARTIAL_ERRORS, sample);
    if (shape.sends_credit) {
        streams_send_all_credit(CREDIT_OUT, sample + 1);
    }
}

static bool inputs_ready(uint32_t sample)
{
    for (uint32_t i = 0; i < shape.n_inputs; i++) {
        if (!inlet_ready(ACTIVATIONS + i, sample)) {
            return false;
        }
    }
    return true;
}

static void run(void)
{
    uint32_t to_forward = 0;
    uint32_t to_backward = 0;
    uint32_t window = streams_window();

    while (to_backward < pass.n_samples) {
        streams_drain();
        if (to_backward < to_forward && inlet_ready(PARTIAL_ERRORS, to_backward)) {
            pass_back(to_backward);
            to_backward++;
            vertex_tick();
        } else if (to_forward < pass.n_samples && to_forward - to_backward < window && inputs_ready(to_forward)) {
            forward(to_forward);
            to_forward++;
        } else {
            streams_wait();
        }
    }
    if (planes_overflowed() || chain_overflowed()) {
        result.status = PASS_SUM_OVERFLOW;
    }
}

void c_main(void)
{
    vertex_main(prepare, run);
}
