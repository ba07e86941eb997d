/*
 * A rectangle of a dense layer's weight matrix: rows are inputs, columns are units.
 *
 * Forward:  sums of products for its columns go to the neuron group.
 * Backward: errors of its columns come back; sums of products for its rows go to the groups before (unless this is
 *           the first layer), and the gradient is gathered; at the end of a batch the weights are updated.
 *
 * Number formats: docs/arithmetic.rst.
 */
#include "vertex.h"

#include "dense.h"
#include "q_flag.h"
#include "stream_in.h"
#include "stream_out.h"
#include "packet_list.h"
#include "trained.h"

/* Activations, and the partial errors that answer them: one inlet and vector for each replica of what comes in. */
enum inlets { ERRORS = 0, GRADIENTS = 1, WEIGHTS = 2, ACTIVATIONS = 3 };
enum vectors_sent { SUMS = 0, CREDIT = 1, GRADIENTS_OUT = 2, WEIGHTS_OUT = 3, PARTIAL_ERRORS = 4 };

/* vertices/weight_slice_vertex.py writes it. */
typedef struct shape_t {
    uint32_t n_rows;
    uint32_t n_columns;
    uint32_t n_padded_columns;     /* to a multiple of 8; what is beyond n_columns stays zero */
    uint32_t sends_errors;         /* 0 where what comes in depends on no weights */
    uint32_t n_turns;              /* replicas of what comes in: they take the samples of a batch in turn */
    exchange_shape_t exchange;     /* of the weights with those of the other replicas */
} shape_t;

static shape_t shape;
static trained_t weights;          /* [n_rows][n_padded_columns], s3.28; the gradient's fraction is 12 + fx - s */
static int32_t *sums;              /* [n_padded_columns], fraction 12 + fx */
static int32_t *partial_errors;    /* [n_rows], s7.24 */
static uint32_t credit_mask;       /* credit is told every so many samples (a power of two) less 1 */
static int32_t *shifted_errors;    /* [n_padded_columns], s3.28 >> s */

/* Products of a kernel call while packets are waiting to be sent: about twice as many cycles, more for few rows. */
#define CHUNK_PRODUCTS 256
static uint32_t chunk_rows;
static packet_list_t sums_list;
/* Of partial errors: those of samples before may still be on their way.  What goes to replicas takes other ways, each slowly: more
 * of them may be under way. */
#define MOST_LISTS 4
static packet_list_t errors_lists[MOST_LISTS];
static const packet_list_t *errors_sent = &errors_lists[0];      /* the last one: of what partial_errors holds */
static uint32_t list_mask;         /* a power of two less 1: dlgraph/mapping/memory.py has the same */

static void prepare(void)
{
    vertex_copy_words((uint32_t *) &shape, vertex_region(REGION_SHAPE), sizeof(shape) / sizeof(uint32_t));
    trained_claim(&weights, shape.n_rows * shape.n_padded_columns, &shape.exchange, GRADIENTS, GRADIENTS_OUT);
    sums = vertex_claim(shape.n_padded_columns * sizeof(int32_t));
    list_mask = shape.n_turns > 1 ? MOST_LISTS - 1 : 1;
    partial_errors = vertex_claim(shape.n_rows * sizeof(int32_t));
    packet_list_claim(&sums_list, SUMS, 1, PACKET_LIST_BURST);
    for (uint32_t i = 0; i <= list_mask; i++) {
        packet_list_claim(&errors_lists[i], PARTIAL_ERRORS, shape.n_turns, PACKET_LIST_BURST);
    }
    shifted_errors = vertex_claim(shape.n_padded_columns * sizeof(int32_t));
    credit_mask = streams_window() >= 8 ? 1 : 0;
    chunk_rows = (CHUNK_PRODUCTS / shape.n_padded_columns + 2) & ~1u;
}

/* Sends what is due; how many rows to go on with, of those that are left. */
static uint32_t next_rows(uint32_t left)
{
    return packet_lists_go_on() && left > chunk_rows ? chunk_rows : left;
}

static void forward(uint32_t sample)
{
    vertex_turn_t turn = vertex_turn(sample, shape.n_turns);
    const int16_t *x = (const int16_t *) inlet_words(ACTIVATIONS + turn.replica, turn.sample);
    packet_list_let_go(&sums_list);
    for (uint32_t j = 0; j < shape.n_padded_columns; j++) {
        sums[j] = 0;
    }
    for (uint32_t row = 0, n; row < shape.n_rows; row += n) {
        n = next_rows(shape.n_rows - row);
        dense_forward(sums, weights.parameters + row * shape.n_padded_columns, x + row, n, shape.n_padded_columns);
    }
    packet_list_send(&sums_list, SUMS, sample, (const uint32_t *) sums);
}

static void backward(uint32_t sample, vertex_turn_t turn)
{
    int32_t *e = partial_errors;
    packet_list_t *list = &errors_lists[sample & list_mask];
    packet_list_let_go(errors_sent);
    const int16_t *x = (const int16_t *) inlet_words(ACTIVATIONS + turn.replica, turn.sample);
    const int32_t *d = (const int32_t *) inlet_words(ERRORS, sample);
    if (shape.sends_errors) {
        for (uint32_t row = 0, n; row < shape.n_rows; row += n) {
            n = next_rows(shape.n_rows - row);
            dense_backward(e + row, weights.parameters + row * shape.n_padded_columns, d, n, shape.n_padded_columns);
        }
    }
    packet_list_send(list, PARTIAL_ERRORS + turn.replica, turn.sample, (const uint32_t *) e);
    errors_sent = list;
    shift_errors(shifted_errors, d, shape.n_padded_columns, pass.gradient_shift);
    for (uint32_t row = 0, n; row < shape.n_rows; row += n) {
        n = next_rows(shape.n_rows - row);
        dense_gradient(weights.gradient + row * shape.n_padded_columns, x + row, shifted_errors, n, shape.n_padded_columns);
    }
}

static void pass_back(uint32_t sample)
{
    vertex_turn_t turn = vertex_turn(sample, shape.n_turns);
    if (pass.training) {
        backward(sample, turn);
    } else {
        streams_send_all_zeros(PARTIAL_ERRORS + turn.replica, turn.sample);
    }
    inlet_free(ERRORS, sample);
    inlet_free(ACTIVATIONS + turn.replica, turn.sample);
    if (((sample + 1) & credit_mask) == 0 || sample + 1 == pass.n_samples) {
        streams_send_all_credit(CREDIT, sample + 1);
    }
}

static bool activations_ready(uint32_t sample)
{
    vertex_turn_t turn = vertex_turn(sample, shape.n_turns);
    return inlet_ready(ACTIVATIONS + turn.replica, turn.sample);
}

/* The kernels' sums raise the sticky Q flag where they leave 32 bits. */
static void check_sums(void)
{
    if (q_flag_read_and_clear()) {
        result.status = PASS_SUM_OVERFLOW;
    }
}

static void run(void)
{
    uint32_t to_forward = 0;
    uint32_t to_backward = 0;
    uint32_t batch = 0;
    uint32_t batch_end = vertex_batch_end(0);
    uint32_t window = streams_window();

    trained_begin(&weights);
    (void) q_flag_read_and_clear();

    while (to_backward < pass.n_samples) {
        streams_drain();
        if (to_backward < to_forward && inlet_ready(ERRORS, to_backward)) {
            pass_back(to_backward);
            to_backward++;
            vertex_tick();
            if (to_backward == batch_end) {
                if (pass.training) {
                    packet_lists_finish();
                    trained_update(&weights, batch);
                }
                batch++;
                batch_end = vertex_batch_end(to_backward);
            }
        } else if (to_forward < batch_end && to_forward - to_backward < window
                && activations_ready(to_forward)) {
            forward(to_forward);
            to_forward++;
        } else {
            packet_lists_wait();
        }
    }

    packet_lists_finish();
    trained_update_rest(&weights, batch);
    check_sums();
    trained_end(&weights);
}

void c_main(void)
{
    vertex_main(prepare, run);
}
