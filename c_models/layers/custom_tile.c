/*
 * A tile of a layer kind from outside (custom_layer.h).
 *
 * Forward:  takes what comes in to its place in the tile's image, which is kept; the layer's function makes the tile's value.
 * Backward: adds up the partial errors of those that take the value; the layer's function makes those of what came in.
 * Update:   of parameters, where the layer has any: as of a convolution's tiles (kernel_share.h).
 */
#include "vertex.h"

#include "custom_layer.h"
#include "kernel_share.h"
#include "planes.h"
#include "stream_in.h"
#include "stream_layout.h"
#include "stream_out.h"
#include "words_clear.h"

enum inlets { PARTIAL_ERRORS = 0, ACTIVATIONS = 4 };                      /* one inlet for each input; the others: kernel_share.c */
enum vectors_sent { ACTIVATIONS_OUT = 0, CREDIT_OUT = 1, PARTIAL_ERRORS_OUT = 5 };     /* one vector for each input */

/* vertices/custom_tile_vertex.py writes it; behind it: inputs, planes, options. */
typedef struct shape_t {
    uint32_t n_image;              /* elements that the tile works on */
    uint32_t n_out;                /* elements that go out */
    uint32_t n_inputs;
    uint32_t learns;               /* the value depends on weights */
    uint32_t sends_credit;         /* the network's input comes in */
    uint32_t trains;               /* the layer has parameters */
    uint32_t kept_bytes;           /* of a sample, for the layer's functions; a multiple of 4 */
    image_t in;
    image_t out;
    int32_t corners[6];            /* in: row, column, channel; out: the same */
    uint32_t in_fraction;
    uint32_t out_fraction;
    uint32_t n_weights;            /* rows */
    uint32_t n_options;
    kernel_share_shape_t share;
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

uint32_t layer_clips;
bool layer_overflow;
uint32_t layer_gradient_shift;

static shape_t shape;
static layer_tile_t tile;
static input_t *inputs;
static planes_t planes;
static int16_t *images;            /* [slot][n_image] */
static uint8_t *kept;              /* [slot][kept_bytes] */
static int16_t *values;            /* [n_out] */
static int32_t *errors;            /* [n_out], s7.24 */
static int32_t *image_errors;      /* [n_image], s7.24 */
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

static void describe_tile(const uint32_t *options)
{
    uint32_t *own = vertex_claim((shape.n_options + 1) * sizeof(uint32_t));
    vertex_copy_words(own, options, shape.n_options);
    const int32_t *corners = shape.corners;
    tile = (layer_tile_t) {
        .in = shape.in, .out = shape.out,
        .in_row = corners[0], .in_column = corners[1], .in_channel = corners[2],
        .out_row = corners[3], .out_column = corners[4], .out_channel = corners[5],
        .in_fraction = shape.in_fraction, .out_fraction = shape.out_fraction,
        .n_weights = shape.n_weights, .n_columns = shape.share.n_columns,
        .weights = kernel_share.kernels, .biases = kernel_share.biases,
        .weight_gradient = kernel_share.gradient, .bias_gradient = kernel_share.bias_gradient,
        .n_options = shape.n_options, .options = (const int32_t *) own,
    };
}

static void prepare(void)
{
    const uint32_t *words = vertex_region(REGION_SHAPE);
    vertex_copy_words((uint32_t *) &shape, words, sizeof(shape) / sizeof(uint32_t));
    words += sizeof(shape) / sizeof(uint32_t);
    inputs = vertex_claim(shape.n_inputs * sizeof(input_t) + sizeof(uint32_t));
    uint32_t largest = 1;
    for (uint32_t i = 0; i < shape.n_inputs; i++) {
        words = read_input(&inputs[i], words);
        if (inputs[i].n_elements > largest) {
            largest = inputs[i].n_elements;
        }
    }
    words = planes_read(&planes, words);
    uint32_t n_slots = stream_layout.slot_mask + 1;
    images = vertex_claim(n_slots * shape.n_image * sizeof(int16_t));
    words_clear((uint32_t *) images, n_slots * shape.n_image / 2);
    kept = vertex_claim(n_slots * shape.kept_bytes + sizeof(uint32_t));
    values = vertex_claim(shape.n_out * sizeof(int16_t));
    words_clear((uint32_t *) values, shape.n_out / 2);
    errors = vertex_claim(shape.n_out * sizeof(int32_t));
    image_errors = vertex_claim(shape.n_image * sizeof(int32_t));
    partial_errors = vertex_claim(largest * sizeof(int32_t));
    if (shape.trains) {
        kernel_share_prepare(&shape.share);
    }
    describe_tile(words);
    layer_prepare(&tile);
}

static int16_t *image_of(uint32_t sample)
{
    return images + (sample & stream_layout.slot_mask) * shape.n_image;
}

static void *kept_of(uint32_t sample)
{
    return kept + (sample & stream_layout.slot_mask) * shape.kept_bytes;
}

static void count_clips(void)
{
    result.saturations += layer_clips;
    layer_clips = 0;
}

/* Places that no run covers are zero from the start. */
static void place(const input_t *input, const int16_t *x, int16_t *image)
{
    for (uint32_t r = 0; r < input->n_runs; r++) {
        const run_t *run = &input->runs[r];
        for (uint32_t i = 0; i < run->count; i++) {
            image[run->target + i] = x[run->source + i];
        }
    }
}

static void forward(uint32_t sample)
{
    int16_t *image = image_of(sample);
    for (uint32_t i = 0; i < shape.n_inputs; i++) {
        place(&inputs[i], (const int16_t *) inlet_words(ACTIVATIONS + i, sample), image);
        inlet_free(ACTIVATIONS + i, sample);
    }
    layer_forward(&tile, image, values, kept_of(sample));
    count_clips();
    streams_send_all(ACTIVATIONS_OUT, sample, (const uint32_t *) values);
}

static void send_errors(const input_t *input, uint32_t vector, uint32_t sample)
{
    words_clear((uint32_t *) partial_errors, input->n_elements);
    for (uint32_t r = 0; r < input->n_runs; r++) {
        const run_t *run = &input->runs[r];
        for (uint32_t i = 0; i < run->count; i++) {
            partial_errors[run->source + i] = image_errors[run->target + i];
        }
    }
    streams_send_all(vector, sample, (const uint32_t *) partial_errors);
}

static void pass_back(uint32_t sample)
{
    if (pass.training && shape.learns) {
        planes_sum(&planes, inlet_words(PARTIAL_ERRORS, sample), errors, shape.n_out);
        words_clear((uint32_t *) image_errors, shape.n_image);
        layer_backward(&tile, image_of(sample), kept_of(sample), errors, image_errors);
        count_clips();
    }
    for (uint32_t i = 0; i < shape.n_inputs; i++) {
        if (inputs[i].sends_errors && pass.training) {
            send_errors(&inputs[i], PARTIAL_ERRORS_OUT + i, sample);
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

static void check_sums(void)
{
    if (planes_overflowed() || layer_overflow || kernel_share_overflowed()) {
        result.status = PASS_SUM_OVERFLOW;
    }
    layer_overflow = false;
}

static void update(uint32_t batch)
{
    if (pass.training && shape.trains) {
        kernel_share_update(batch);
    }
}

/* Where the end of the batch has to be awaited: the parameters change there. */
static uint32_t end_of_batch(uint32_t sample)
{
    return shape.trains ? vertex_batch_end(sample) : pass.n_samples;
}

static void run(void)
{
    uint32_t to_forward = 0;
    uint32_t to_backward = 0;
    uint32_t batch = 0;
    uint32_t batch_end = end_of_batch(0);
    uint32_t window = streams_window();

    layer_clips = 0;
    layer_overflow = false;
    layer_gradient_shift = pass.gradient_shift;
    if (shape.trains && pass.load_parameters) {
        kernel_share_load();
    }

    while (to_backward < pass.n_samples) {
        streams_drain();
        if (to_backward < to_forward && inlet_ready(PARTIAL_ERRORS, to_backward)) {
            pass_back(to_backward);
            to_backward++;
            vertex_tick();
            if (to_backward == batch_end) {
                update(batch);
                batch++;
                batch_end = end_of_batch(to_backward);
            }
        } else if (to_forward < batch_end && to_forward - to_backward < window && inputs_ready(to_forward)) {
            forward(to_forward);
            to_forward++;
        } else {
            streams_wait();
        }
    }

    if (shape.trains) {
        for (; batch < pass.n_batches; batch++) {
            update(batch);                     /* of which this replica has no samples */
        }
        if (pass.training) {
            kernel_share_store();
        }
    }
    check_sums();
}

void c_main(void)
{
    vertex_main(prepare, run);
}
