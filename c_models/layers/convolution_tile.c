/*
 * A tile of a convolution: a rectangle of the image that goes out, a block of its channels, all channels of what comes in.
 *
 * Forward:  sums at every position, bias, activation, the small layers behind it; to all that take the value.
 * Backward: adds up the partial errors of these, back through the small layers and the activation; partial errors to
 *           whoever made what came in (unless that depends on no weights); gathers the gradient.
 * Update:   the tiles that share kernels add up their gradients at the end of a batch.  Each sums and updates a share of the
 *           biases and kernels, and tells the others.
 *
 * Number formats: docs/arithmetic.rst.
 */
#include "vertex.h"

#include <stddef.h>

#include "convolution.h"
#include "dense.h"
#include "kernel_share.h"
#include "planes.h"
#include "q_flag.h"
#include "stream_in.h"
#include "stream_layout.h"
#include "stream_out.h"
#include "unit_chain.h"
#include "unit_ops.h"
#include "words_clear.h"

enum inlets { PARTIAL_ERRORS = 0, GRADIENTS = 1, GRADIENT_SUMS = 2, WEIGHTS = 3, ACTIVATIONS = 4 };
enum vectors_sent {
    ACTIVATIONS_OUT = 0, CREDIT_OUT = 1, GRADIENTS_OUT = 2, GRADIENT_SUMS_OUT = 3, WEIGHTS_OUT = 4, PARTIAL_ERRORS_OUT = 5
};

/* vertices/convolution_tile_vertex.py writes it; behind it: planes, operations. */
typedef struct shape_t {
    uint32_t in_rows;
    uint32_t in_width;
    uint32_t in_pitch;
    uint32_t kernel_rows;
    uint32_t kernel_columns;
    uint32_t stride_rows;
    uint32_t stride_columns;
    uint32_t out_rows;
    uint32_t out_columns;
    uint32_t n_channels;           /* of this tile */
    uint32_t n_columns;            /* the same to a multiple of 4 */
    uint32_t out_width;            /* of the value's image in memory, before the small layers */
    uint32_t out_pitch;
    uint32_t n_out;                /* elements behind the small layers */
    uint32_t activation;
    uint32_t negative_slope;
    uint32_t sum_fraction_excess;  /* (12 + fx) - 23, of the sums; two's complement */
    uint32_t fraction;             /* of the activations */
    uint32_t sends_errors;         /* some of what comes in depends on weights */
    uint32_t sends_credit;         /* some of it is the network's input */
    kernel_share_shape_t share;
} shape_t;

static shape_t shape;
static convolution_t convolution;
static planes_t planes;
static int32_t *sums;              /* [position][n_columns], fraction 12 + fx; on the way back errors, s3.28 */
static int16_t *activations;       /* [out_rows][out_width][out_pitch] */
static uint16_t *derivatives;      /* [slot], as the activations, fraction 15 */
static image_t sums_image;         /* of the sums */
static image_t image;              /* of the activations */
static int32_t *errors;            /* [n_out], s7.24 */
static int32_t *partial_errors;    /* [in_rows][in_width][in_pitch], s7.24 */

static uint32_t n_positions(void)
{
    return shape.out_rows * shape.out_columns;
}

/* shift_errors works on eight at a time. */
static uint32_t n_sums(void)
{
    return (n_positions() * shape.n_columns + 7) & ~7u;
}

static uint32_t n_values(void)
{
    return shape.out_rows * shape.out_width * shape.out_pitch;
}

static uint32_t n_in(void)
{
    return shape.in_rows * shape.in_width * shape.in_pitch;
}

static void prepare(void)
{
    const uint32_t *words = vertex_region(REGION_SHAPE);
    vertex_copy_words((uint32_t *) &shape, words, sizeof(shape) / sizeof(uint32_t));
    words = planes_read(&planes, words + sizeof(shape) / sizeof(uint32_t));
    chain_prepare(words);

    convolution = (convolution_t) {shape.in_rows, shape.in_width, shape.in_pitch, shape.kernel_rows, shape.kernel_columns,
            shape.stride_rows, shape.stride_columns, shape.out_rows, shape.out_columns, shape.n_columns, shape.n_channels, NULL};
    if (shape.in_pitch == 1) {
        convolution.shifted = vertex_claim(n_in() * sizeof(int16_t));
    }
    sums_image = (image_t) {shape.out_rows, shape.out_columns, shape.n_channels, shape.n_columns,
            shape.out_columns * shape.n_columns};
    image = (image_t) {shape.out_rows, shape.out_columns, shape.n_channels, shape.out_pitch, shape.out_width * shape.out_pitch};
    sums = vertex_claim(n_sums() * sizeof(int32_t));
    activations = vertex_claim(n_values() * sizeof(int16_t));
    words_clear((uint32_t *) activations, n_values() / 2);
    derivatives = vertex_claim((stream_layout.slot_mask + 1) * n_values() * sizeof(uint16_t));
    errors = vertex_claim(shape.n_out * sizeof(int32_t));
    if (shape.sends_errors) {
        partial_errors = vertex_claim(n_in() * sizeof(int32_t));
    }
    kernel_share_prepare(&shape.share);
}

static uint16_t *derivatives_of(uint32_t sample)
{
    return derivatives + (sample & stream_layout.slot_mask) * n_values();
}

static void forward(uint32_t sample)
{
    convolution_forward(&convolution, sums, kernel_share.kernels, (const int16_t *) inlet_words(ACTIVATIONS, sample));
    activate_sums(shape.activation, shape.negative_slope, sums, &sums_image, kernel_share.biases,
            (int32_t) shape.sum_fraction_excess, shape.fraction, activations, derivatives_of(sample), &image,
            &result.saturations);
    streams_send_all(ACTIVATIONS_OUT, sample, (const uint32_t *) chain_forward(sample, activations));
}

/* From partial errors of the values to errors of the pre-activations, in `sums`; adds to the biases' gradient. */
static void find_errors(uint32_t sample)
{
    planes_sum(&planes, inlet_words(PARTIAL_ERRORS, sample), errors, shape.n_out);
    words_clear((uint32_t *) sums, n_sums());
    unit_errors_image(shape.activation, chain_backward(sample, errors), derivatives_of(sample), &image, sums, &sums_image,
            &result.saturations);
    const int32_t *d = sums;
    for (uint32_t position = 0; position < n_positions(); position++, d += shape.n_columns) {
        for (uint32_t j = 0; j < shape.n_channels; j++) {
            kernel_share.bias_gradient[j] += d[j];
        }
    }
}

static void backward(uint32_t sample)
{
    find_errors(sample);
    if (shape.sends_errors) {
        convolution_backward(&convolution, partial_errors, kernel_share.kernels, sums);
    }
    streams_send_all(PARTIAL_ERRORS_OUT, sample, (const uint32_t *) partial_errors);
    shift_errors(sums, sums, n_sums(), pass.gradient_shift);
    convolution_gradient(&convolution, kernel_share.gradient, (const int16_t *) inlet_words(ACTIVATIONS, sample), sums);
}

static void pass_back(uint32_t sample)
{
    if (pass.training) {
        backward(sample);
    } else {
        streams_send_all_zeros(PARTIAL_ERRORS_OUT, sample);
    }
    inlet_free(PARTIAL_ERRORS, sample);
    inlet_free(ACTIVATIONS, sample);
    if (shape.sends_credit) {
        streams_send_all_credit(CREDIT_OUT, sample + 1);
    }
}

/* The kernels' sums raise the sticky Q flag where they leave 32 bits. */
static void check_sums(void)
{
    if (q_flag_read_and_clear() || planes_overflowed() || chain_overflowed() || kernel_share_overflowed()) {
        result.status = PASS_SUM_OVERFLOW;
    }
}

static void update(uint32_t batch)
{
    if (pass.training) {
        check_sums();                      /* saturating arithmetic in the update may raise the flag too */
        kernel_share_update(batch);
        (void) q_flag_read_and_clear();
    }
}

static void run(void)
{
    uint32_t to_forward = 0;
    uint32_t to_backward = 0;
    uint32_t batch = 0;
    uint32_t batch_end = vertex_batch_end(0);
    uint32_t window = streams_window();

    if (pass.load_parameters) {
        kernel_share_load();
    }
    (void) q_flag_read_and_clear();

    while (to_backward < pass.n_samples) {
        streams_drain();
        if (to_backward < to_forward && inlet_ready(PARTIAL_ERRORS, to_backward)) {
            pass_back(to_backward);
            to_backward++;
            vertex_tick();
            if (to_backward == batch_end) {
                update(batch);
                batch++;
                batch_end = vertex_batch_end(to_backward);
            }
        } else if (to_forward < batch_end && to_forward - to_backward < window
                && inlet_ready(ACTIVATIONS, to_forward)) {
            forward(to_forward);
            to_forward++;
        } else {
            streams_wait();
        }
    }

    for (; batch < pass.n_batches; batch++) {
        update(batch);                     /* of which this replica has no samples */
    }
    check_sums();
    if (pass.training) {
        kernel_share_store();
    }
}

void c_main(void)
{
    vertex_main(prepare, run);
}
