/*
 * Sends the samples: rows of codes in SDRAM, fetched by DMA in the order of the epoch, as activations to the first
 * layer's weight slices or tiles.  Their credits hold it to the window.  Replicas of the network take the samples of a batch in
 * turn, each counting its own.  While the packets of a sample keep their distance, the next one is fetched and decoded.
 */
#include "vertex.h"

#include "packet_list.h"
#include "runtime.h"
#include "stream_in.h"
#include "words_clear.h"

enum inlets { CREDITS = 0 };              /* one for each replica */
enum vectors_sent { ACTIVATIONS = 0 };    /* one for each replica */

/* vertices/input_source_vertex.py writes it. */
typedef struct shape_t {
    uint32_t n_runs;               /* of values: stored without gaps, in memory each begins at an even element */
    uint32_t run;
    uint32_t pitch;                /* elements from run to run in memory: run, or run + 1 */
    uint32_t max_row_bytes;
    uint32_t n_replicas;
} shape_t;

static shape_t shape;
static uint32_t *rows[2];            /* codes of this sample and of the next */
static uint32_t *activations[2];     /* of this sample and of the one being sent: [n_runs * pitch / 2] pairs */
static uint row_fetched[2];          /* the transfers that bring them */
static uint32_t *sent;               /* samples to each replica */
static uint16_t table[256] __attribute__((aligned(4)));          /* activation of each code */
static packet_list_t lists[2];       /* packets of this sample, and of the one being sent: all sources' on the same links */

/* Words of codes to decode from one look for what is due to be sent to the next: fewer cycles than from packet to packet. */
#define CHUNK_WORDS 4

static void prepare(void)
{
    vertex_copy_words((uint32_t *) &shape, vertex_region(REGION_SHAPE), sizeof(shape) / sizeof(uint32_t));
    rows[0] = vertex_claim(shape.max_row_bytes);
    rows[1] = vertex_claim(shape.max_row_bytes);
    uint32_t n_pairs = shape.n_runs * shape.pitch / 2;
    for (uint32_t i = 0; i < 2; i++) {
        activations[i] = vertex_claim(n_pairs * sizeof(uint32_t));
        words_clear(activations[i], n_pairs);
        packet_list_claim(&lists[i], ACTIVATIONS, shape.n_replicas, 1);
    }
    sent = vertex_claim(shape.n_replicas * sizeof(uint32_t));
}

static void fetch(uint32_t sample)
{
    uint8_t *samples = (uint8_t *) vertex_region(REGION_SAMPLES) + pass.samples_offset;
    row_fetched[sample & 1] = spin1_dma_transfer(0, samples + vertex_sample_index(sample) * pass.row_bytes,
            rows[sample & 1], DMA_READ, pass.row_bytes);
}

/* Runs of odd length: one value after the other. */
static void decode_runs(int16_t *to, const uint32_t *row)
{
    const uint8_t *codes = (const uint8_t *) row;
    const int16_t *values = (const int16_t *) row;
    for (uint32_t j = 0; j < shape.n_runs; j++, to += shape.pitch) {
        packet_lists_go_on();
        for (uint32_t i = 0; i < shape.run; i++) {
            to[i] = pass.code_bytes == 2 ? *values++ : (int16_t) table[*codes++];
        }
    }
}

static inline uint32_t pair_of(uint32_t codes)
{
    return table[codes & 0xff] | (uint32_t) table[codes >> 8 & 0xff] << 16;
}

/* Codes to pairs of 16-bit activations, the first in the low half; four codes in a word, of which most are often 0. */
static void decode(uint32_t *to, const uint32_t *row)
{
    uint32_t n_pairs = shape.n_runs * shape.pitch / 2;
    if (shape.run != shape.pitch) {
        decode_runs((int16_t *) to, row);
        return;
    }
    if (pass.code_bytes == 2) {
        vertex_copy_words(to, row, n_pairs);
        return;
    }
    uint32_t pair_of_zeros = pair_of(0);
    uint32_t n_words = n_pairs / 2;
    for (uint32_t first = 0; first < n_words; first += CHUNK_WORDS) {
        packet_lists_go_on();
        uint32_t end = n_words - first < CHUNK_WORDS ? n_words : first + CHUNK_WORDS;
        for (uint32_t i = first; i < end; i++) {
            uint32_t codes = row[i];
            to[2 * i] = codes == 0 ? pair_of_zeros : pair_of(codes);
            to[2 * i + 1] = codes == 0 ? pair_of_zeros : pair_of(codes >> 16);
        }
    }
    if ((n_pairs & 1) != 0) {
        to[n_pairs - 1] = pair_of(row[n_words]);
    }
}

static void wait_for_credit(uint32_t replica, uint32_t n_samples)
{
    while (!inlet_has_credit(CREDITS + replica, n_samples)) {
        packet_lists_wait();
        streams_drain();
    }
}

static void run(void)
{
    uint32_t window = streams_window();
    if (pass.n_samples == 0) {
        return;
    }
    vertex_copy_words((uint32_t *) table, vertex_region(REGION_TABLE), sizeof(table) / (sizeof(uint32_t)));
    fetch(0);
    words_clear(sent, shape.n_replicas);
    uint32_t replica = 0;
    uint32_t batch_end = vertex_batch_end(0);
    for (uint32_t sample = 0; sample < pass.n_samples; sample++) {
        runtime_dma_wait(row_fetched[sample & 1]);
        if (sample + 1 < pass.n_samples) {
            fetch(sample + 1);
        }
        packet_list_t *list = &lists[sample & 1];
        decode(activations[sample & 1], rows[sample & 1]);
        packet_list_fill(list, ACTIVATIONS + replica, sent[replica], activations[sample & 1]);
        streams_drain();
        if (sent[replica] >= window) {
            wait_for_credit(replica, sent[replica] - window + 1);
        }
        packet_lists_finish();
        packet_list_start(list);
        sent[replica]++;
        replica = replica + 1 == shape.n_replicas ? 0 : replica + 1;
        if (sample + 1 == batch_end) {
            batch_end = vertex_batch_end(sample + 1);
            replica = 0;
        }
        vertex_tick();
    }
    packet_lists_finish();
    for (replica = 0; replica < shape.n_replicas; replica++) {
        wait_for_credit(replica, sent[replica]);
    }
}

void c_main(void)
{
    vertex_main(prepare, run);
}
