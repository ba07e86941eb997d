/*
 * A probe: one more consumer of a stream, that writes what comes to SDRAM, the first samples of a pass or the last.
 *
 * It takes every sample whole, and asks for what got lost, like all others.  Its producer waits for it as well: it is told by the
 * markers of a stream without words, or by credit if it is an input source.  The marker of sample k says that sample
 * k - shape.ahead has been taken (dlgraph/mapping/probes.py).
 *
 * What cores with the same parameters exchange at the end of a batch comes in segments, which are counted on over the batches
 * (exchange.h), and are here what samples are elsewhere.
 *
 * A record in REGION_OUTPUTS is the index of the sample in the data, or the number of the segment, then the words by their index
 * in the stream.
 */
#include "vertex.h"

#include "runtime.h"
#include "stream_in.h"
#include "stream_out.h"

enum inlets { RECORDED = 0 };
enum vectors_sent { TAKEN = 0 };

/* vertices/probe_vertex.py writes it. */
typedef struct shape_t {
    uint32_t n_words;              /* of a sample, at least 1 */
    uint32_t n_records;            /* in the region */
    uint32_t keeps_last;           /* of a longer pass its last samples; else its first */
    uint32_t ahead;                /* samples */
    uint32_t gives_credit;
    uint32_t n_segments;           /* of a batch; 0: it records samples */
} shape_t;

static shape_t shape;
static uint32_t n_to_come;         /* samples or segments of the pass */

static void prepare(void)
{
    vertex_copy_words((uint32_t *) &shape, vertex_region(REGION_SHAPE), sizeof(shape) / sizeof(uint32_t));
}

static void record(uint32_t sample)
{
    if (sample >= shape.n_records && !shape.keeps_last) {
        return;
    }
    uint32_t *to = (uint32_t *) vertex_region(REGION_OUTPUTS) + sample % shape.n_records * (1 + shape.n_words);
    *to = shape.n_segments ? sample : vertex_data_index(sample);
    uint written = spin1_dma_transfer(0, to + 1, inlet_words(RECORDED, sample), DMA_WRITE, shape.n_words * sizeof(uint32_t));
    runtime_dma_wait(written);             /* inlet_free clears them */
}

/* Tells the producer, which may be told of a sample that is not in the pass. */
static void tell(uint32_t sample)
{
    if (shape.gives_credit) {
        streams_send_all_credit(TAKEN, sample + 1);
    } else if (sample < n_to_come) {
        streams_send_all_zeros(TAKEN, sample);
    }
}

static void run(void)
{
    n_to_come = shape.n_segments == 0 ? pass.n_samples : pass.training ? pass.n_batches * shape.n_segments : 0;
    for (uint32_t sample = 0; sample < shape.ahead; sample++) {
        tell(sample);
    }
    for (uint32_t sample = 0; sample < n_to_come; sample++) {
        while (!inlet_ready(RECORDED, sample)) {
            streams_wait();
            streams_drain();
        }
        record(sample);
        inlet_free(RECORDED, sample);
        if (shape.n_segments) {            /* for which the inlet has one place */
            inlet_open(RECORDED, sample + 1);
        }
        tell(sample + shape.ahead);
        vertex_tick();
    }
}

void c_main(void)
{
    vertex_main(prepare, run);
}
