/* Streams out of this core; see stream_in.h for what is on the wire. */
#ifndef STREAM_OUT_H
#define STREAM_OUT_H

#include <stdint.h>

/* dlgraph/vertices/stream_config.py writes it. */
typedef struct stream_out_t {
    uint32_t key;                 /* of slot 0, index 0 */
    uint32_t slot_mask;           /* slots that its consumers have for it, less 1 */
    uint32_t kind;                /* which of the producer's vectors */
    uint32_t first;               /* the stream's first word in that vector */
    uint32_t run;                 /* neighbouring words, in the vector and in the index; 0: credit */
    uint32_t n_runs;
    uint32_t run_stride;          /* in the vector, from run to run */
    uint32_t n_outer;
    uint32_t outer_stride;        /* in the vector, from n_runs runs to the next */
    uint32_t index_run_stride;    /* the same in the index */
    uint32_t index_outer_stride;
    uint32_t spacing;             /* least cycles from packet to packet */
    uint32_t sent;                /* packets since the start, requests along it not among them */
    uint32_t resent;              /* of these, because somebody asked */
} stream_out_t;

/* Sends the stream's words of a vector, zeros skipped, and the marker. */
void stream_send(stream_out_t *stream, uint32_t sample, const uint32_t *vector);

/* Sends a sample in which every word is zero. */
void stream_send_zeros(stream_out_t *stream, uint32_t sample);

/* Says that the samples before `sample` have been let go of. */
void stream_send_credit(stream_out_t *stream, uint32_t sample);

/* Sends `vector` along every outgoing stream of `kind`, each its own part. */
void streams_send_all(uint32_t kind, uint32_t sample, const uint32_t *vector);
void streams_send_all_zeros(uint32_t kind, uint32_t sample);
void streams_send_all_credit(uint32_t kind, uint32_t sample);

#endif
