/*
 * A rectangle of a dense layer's weight matrix that DTCM does not hold.  To other vertices it is what weight_slice.c is: the
 * same streams, the same bits.
 *
 * Weights, gradient and what the optimiser keeps live in SDRAM and pass through DTCM in blocks of rows: while one block is
 * worked on, the next is fetched and the last written back.  A core has one DMA queue, in which every transfer waits for those
 * before it, so a buffer may be given to the next fetch as soon as the write of what lies in it is queued.
 *
 * Fetching a weight takes longer than multiplying it, most of all where all cores of a chip fetch.  So one *sweep* over the
 * blocks serves every sample that is ready: the forward pass of some, the backward pass of others, and, with the last of a
 * batch, the update.  Sums do not depend on their order, so neither does the result on what was ready when.  A sweep fetches
 * nothing for rows in which all activations are zero, and no gradient where none has been gathered in this batch.
 *
 * Number formats: docs/arithmetic.rst.
 */
#include "vertex.h"

#include "dense.h"
#include "q_flag.h"
#include "runtime.h"
#include "stream_in.h"
#include "stream_out.h"
#include "stream_recovery.h"
#include "trained.h"
#include "words_clear.h"

/* As in weight_slice.c. */
enum inlets { ERRORS = 0, ACTIVATIONS = 3 };
enum vectors_sent { SUMS = 0, CREDIT = 1, PARTIAL_ERRORS = 4 };

/* vertices/weight_slice_vertex.py writes it. */
typedef struct shape_t {
    uint32_t n_rows;               /* even */
    uint32_t n_columns;
    uint32_t n_padded_columns;     /* to a multiple of 8; what is beyond n_columns stays zero */
    uint32_t sends_errors;         /* 0 where what comes in depends on no weights */
    uint32_t block_rows;           /* even: activations lie in pairs */
    uint32_t sweep_samples;        /* at most so many in one sweep, not more than the window */
    uint32_t n_planes;             /* of the optimiser's state */
    uint32_t chunk_words;          /* of each plane, fetched at a time */
} shape_t;

/* The samples of a sweep. */
typedef struct sweep_t {
    uint32_t forward;              /* the first that goes forward */
    uint32_t n_forward;
    uint32_t backward;
    uint32_t n_backward;
    bool ends_batch;
} sweep_t;

/* Rows on their way through DTCM. */
typedef struct row_block_t {
    uint32_t first_row;
    uint32_t n_rows;
    int32_t *weights;              /* [n_rows][n_padded_columns], s3.28 */
    int32_t *gradient;             /* [n_rows][n_padded_columns], fraction 12 + fx - s; behind the weights */
    bool uses_weights;
    bool adds_gradient;
    bool updates;
    bool has_gradient;             /* of earlier samples of the batch: it is fetched */
    uint fetched;                  /* the transfer that ends the fetch; without one, that frees the buffer */
} row_block_t;

static shape_t shape;
static int32_t *buffers[2];        /* [2 * block_rows][n_padded_columns] */
static int32_t *chunks[2];         /* [n_planes][chunk_words] */
static uint8_t *gathered;          /* [block]: whether SDRAM has a gradient of this batch */
static int32_t *vectors;           /* [sweep_samples][n_padded_columns]: sums (fraction 12 + fx), or errors (s3.28 >> s) */
static int32_t *partial_errors;    /* [sweep_samples][n_rows], s7.24 */
static uint32_t credit_mask;       /* credit is told every so many samples (a power of two) less 1 */
static uint last_transfer;
static optimiser_step_t step;      /* of the batch that ends in this sweep */

static void prepare(void)
{
    vertex_copy_words((uint32_t *) &shape, vertex_region(REGION_SHAPE), sizeof(shape) / sizeof(uint32_t));
    uint32_t row_bytes = shape.n_padded_columns * sizeof(int32_t);
    for (uint32_t i = 0; i < 2; i++) {
        buffers[i] = vertex_claim(2 * shape.block_rows * row_bytes);
        chunks[i] = vertex_claim(shape.n_planes * shape.chunk_words * sizeof(int32_t));
    }
    gathered = vertex_claim((shape.n_rows + shape.block_rows - 1) / shape.block_rows);
    vectors = vertex_claim(shape.sweep_samples * row_bytes);
    if (shape.sends_errors) {
        partial_errors = vertex_claim(shape.sweep_samples * shape.n_rows * sizeof(int32_t));
    }
    credit_mask = streams_window() >= 8 ? 1 : 0;
}

/* ------------------------------------------------------------------ SDRAM */

/* Queues a transfer between DTCM and the words of a region from `first` on. */
static uint move(uint32_t direction, enum region region, uint32_t first, int32_t *words, uint32_t n_words)
{
    int32_t *there = (int32_t *) vertex_region(region) + first;
    do {
        last_transfer = spin1_dma_transfer(0, there, words, direction, n_words * sizeof(int32_t));
    } while (last_transfer == 0);      /* the queue is full */
    return last_transfer;
}

static uint move_rows(uint32_t direction, enum region region, const row_block_t *block, int32_t *words)
{
    return move(direction, region, block->first_row * shape.n_padded_columns, words,
            block->n_rows * shape.n_padded_columns);
}

/* The same words of every plane of the state, one plane behind the other in `chunk`. */
static uint move_state(uint32_t direction, uint32_t first, int32_t *chunk, uint32_t n_words)
{
    uint transfer = 0;
    for (uint32_t i = 0; i < shape.n_planes; i++) {
        transfer = move(direction, REGION_STATE, i * shape.n_rows * shape.n_padded_columns + first, chunk + i * n_words,
                n_words);
    }
    return transfer;
}

/* ------------------------------------------------------------------ one block of a sweep */

static const int16_t *activations(uint32_t sample, uint32_t first_row)
{
    return (const int16_t *) inlet_words(ACTIVATIONS, sample) + first_row;
}

/* Whether any activation of these rows and samples is not zero. */
static bool is_active(const row_block_t *block, uint32_t sample, uint32_t n_samples)
{
    for (uint32_t end = sample + n_samples; sample < end; sample++) {
        const uint32_t *x = (const uint32_t *) activations(sample, block->first_row);
        for (uint32_t i = 0; i < block->n_rows / 2; i++) {
            if (x[i] != 0) {
                return true;
            }
        }
    }
    return false;
}

/* Finds out what these rows need, and queues its fetch. */
static row_block_t fetch(const sweep_t *sweep, uint32_t first_row, uint32_t n_rows, int32_t *buffer)
{
    uint32_t left = shape.n_rows - first_row;
    row_block_t block = {.first_row = first_row, .n_rows = n_rows < left ? n_rows : left, .weights = buffer,
            .gradient = buffer + shape.block_rows * shape.n_padded_columns, .fetched = last_transfer};
    if (sweep->n_backward != 0) {
        block.has_gradient = gathered[first_row / shape.block_rows];
        block.adds_gradient = is_active(&block, sweep->backward, sweep->n_backward);
        /* by plain gradient descent nothing changes without a gradient */
        block.updates = sweep->ends_batch && (block.has_gradient || block.adds_gradient || shape.n_planes != 0
                || step.decay_mantissa != 0);
    }
    block.uses_weights = block.updates || (sweep->n_backward != 0 && shape.sends_errors)
            || is_active(&block, sweep->forward, sweep->n_forward);
    if (block.uses_weights) {
        block.fetched = move_rows(DMA_READ, REGION_PARAMETERS, &block, block.weights);
    }
    if (block.has_gradient && (block.adds_gradient || block.updates)) {
        block.fetched = move_rows(DMA_READ, REGION_GRADIENT, &block, block.gradient);
    }
    return block;
}

static void forward(const sweep_t *sweep, const row_block_t *block)
{
    int32_t *sums = vectors;
    for (uint32_t i = 0; i < sweep->n_forward; i++, sums += shape.n_padded_columns) {
        dense_forward(sums, block->weights, activations(sweep->forward + i, block->first_row), block->n_rows,
                shape.n_padded_columns);
    }
}

static void backward(const sweep_t *sweep, const row_block_t *block)
{
    int32_t *e = partial_errors + block->first_row;
    for (uint32_t i = 0; i < sweep->n_backward; i++, e += shape.n_rows) {
        dense_backward(e, block->weights, (const int32_t *) inlet_words(ERRORS, sweep->backward + i), block->n_rows,
                shape.n_padded_columns);
    }
}

static void add_gradient(const sweep_t *sweep, const row_block_t *block)
{
    const int32_t *shifted_errors = vectors + sweep->n_forward * shape.n_padded_columns;
    for (uint32_t i = 0; i < sweep->n_backward; i++, shifted_errors += shape.n_padded_columns) {
        dense_gradient(block->gradient, activations(sweep->backward + i, block->first_row), shifted_errors, block->n_rows,
                shape.n_padded_columns);
    }
}

static inline uint32_t chunk_size(uint32_t start, uint32_t end)
{
    return end - start < shape.chunk_words ? end - start : shape.chunk_words;
}

/* The state passes through DTCM in smaller pieces than the weights: an update is slow enough for that. */
static void update(const row_block_t *block)
{
    uint32_t first = block->first_row * shape.n_padded_columns;
    uint32_t end = block->n_rows * shape.n_padded_columns;
    if (shape.n_planes == 0) {
        result.saturations += optimiser_update(&pass.optimiser, &step, block->weights, block->gradient, 0, end);
        return;
    }
    uint32_t turn = 0;
    uint next_fetched = move_state(DMA_READ, first, chunks[turn], chunk_size(0, end));
    for (uint32_t start = 0; start < end; start += shape.chunk_words) {
        uint32_t n_words = chunk_size(start, end);
        int32_t *chunk = chunks[turn];
        uint fetched = next_fetched;
        turn ^= 1;
        if (start + n_words < end) {
            next_fetched = move_state(DMA_READ, first + start + n_words, chunks[turn], chunk_size(start + n_words, end));
        }
        runtime_dma_wait(fetched);
        result.saturations += optimiser_update(&pass.optimiser, &step, block->weights + start, block->gradient + start,
                chunk, n_words);
        move_state(DMA_WRITE, first + start, chunk, n_words);
    }
}

static void work_on(const sweep_t *sweep, const row_block_t *block)
{
    uint32_t n_words = block->n_rows * shape.n_padded_columns;
    runtime_dma_wait(block->fetched);
    if (block->uses_weights) {
        forward(sweep, block);
    }
    if (shape.sends_errors) {
        backward(sweep, block);
    }
    if ((block->adds_gradient || block->updates) && !block->has_gradient) {
        words_clear((uint32_t *) block->gradient, n_words);
    }
    if (block->adds_gradient) {
        add_gradient(sweep, block);
    }
    if (block->updates) {
        update(block);
        move_rows(DMA_WRITE, REGION_PARAMETERS, block, block->weights);
        gathered[block->first_row / shape.block_rows] = false;
    } else if (block->adds_gradient) {
        move_rows(DMA_WRITE, REGION_GRADIENT, block, block->gradient);
        gathered[block->first_row / shape.block_rows] = true;
    }
}

/* ------------------------------------------------------------------ sweeps */

static void make_sweep(const sweep_t *sweep)
{
    int32_t *vector = vectors;
    words_clear((uint32_t *) vector, sweep->n_forward * shape.n_padded_columns);
    vector += sweep->n_forward * shape.n_padded_columns;
    for (uint32_t i = 0; i < sweep->n_backward; i++, vector += shape.n_padded_columns) {
        shift_errors(vector, (const int32_t *) inlet_words(ERRORS, sweep->backward + i), shape.n_padded_columns,
                pass.gradient_shift);
    }
    if (sweep->ends_batch) {
        step = trained_step((sweep->backward + sweep->n_backward - 1) / pass.batch_size, false);
    }

    /* without gradients their half of a buffer holds weights as well */
    uint32_t n_rows = sweep->n_backward == 0 ? 2 * shape.block_rows : shape.block_rows;
    uint32_t turn = 0;
    row_block_t next = fetch(sweep, 0, n_rows, buffers[turn]);
    for (uint32_t row = 0; row < shape.n_rows; row += n_rows) {
        row_block_t block = next;
        turn ^= 1;
        if (row + n_rows < shape.n_rows) {
            next = fetch(sweep, row + n_rows, n_rows, buffers[turn]);
        }
        work_on(sweep, &block);
        streams_drain();               /* a sweep may take long: whoever asks gets an answer */
        streams_answer();
    }
}

static void let_go(uint32_t sample)
{
    inlet_free(ERRORS, sample);
    inlet_free(ACTIVATIONS, sample);
    if (((sample + 1) & credit_mask) == 0 || sample + 1 == pass.n_samples) {
        streams_send_all_credit(CREDIT, sample + 1);
    }
    vertex_tick();
}

static void forward_and_backward(const sweep_t *sweep)
{
    make_sweep(sweep);
    for (uint32_t i = 0; i < sweep->n_forward; i++) {
        streams_send_all(SUMS, sweep->forward + i, (const uint32_t *) vectors + i * shape.n_padded_columns);
    }
    for (uint32_t i = 0; i < sweep->n_backward; i++) {
        streams_send_all(PARTIAL_ERRORS, sweep->backward + i, (const uint32_t *) partial_errors + i * shape.n_rows);
        let_go(sweep->backward + i);
    }
}

/* The kernels' sums raise the sticky Q flag where they leave 32 bits. */
static void check_sums(void)
{
    if (q_flag_read_and_clear()) {
        result.status = PASS_SUM_OVERFLOW;
    }
}

/* Outside training nothing goes back but that the sample is done. */
static void let_go_of_all(uint32_t *sample, uint32_t end)
{
    for (; *sample < end && inlet_ready(ERRORS, *sample); ++*sample) {
        streams_send_all_zeros(PARTIAL_ERRORS, *sample);
        let_go(*sample);
    }
}

/* The samples of the next sweep: all that are ready, as far as there is room for them. */
static sweep_t samples_ready(uint32_t to_forward, uint32_t to_backward, uint32_t batch_end)
{
    sweep_t sweep = {.forward = to_forward, .backward = to_backward};
    while (pass.training && to_backward < to_forward && to_backward - sweep.backward < shape.sweep_samples
            && inlet_ready(ERRORS, to_backward)) {
        to_backward++;
    }
    sweep.n_backward = to_backward - sweep.backward;
    sweep.ends_batch = pass.training && to_backward == batch_end;
    while (to_forward < batch_end && to_forward - sweep.backward < streams_window()
            && to_forward - sweep.forward + sweep.n_backward < shape.sweep_samples
            && inlet_ready(ACTIVATIONS, to_forward)) {
        to_forward++;
    }
    sweep.n_forward = to_forward - sweep.forward;
    return sweep;
}

static void run(void)
{
    uint32_t to_forward = 0;
    uint32_t to_backward = 0;
    uint32_t batch_end = vertex_batch_end(0);

    for (uint32_t i = 0; i * shape.block_rows < shape.n_rows; i++) {
        gathered[i] = false;           /* also where the last pass broke off */
    }
    (void) q_flag_read_and_clear();

    while (to_backward < pass.n_samples) {
        streams_drain();
        if (!pass.training) {
            let_go_of_all(&to_backward, to_forward);
        }
        sweep_t sweep = samples_ready(to_forward, to_backward, batch_end);
        if (sweep.n_forward + sweep.n_backward != 0) {
            forward_and_backward(&sweep);
            to_forward += sweep.n_forward;
            to_backward += sweep.n_backward;
        } else if (to_backward < pass.n_samples) {
            streams_wait();
        }
        if (to_backward == batch_end) {
            batch_end = vertex_batch_end(to_backward);
        }
    }

    check_sums();
    runtime_dma_wait(last_transfer);
}

void c_main(void)
{
    vertex_main(prepare, run);
}
