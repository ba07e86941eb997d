/* Samples that need no words: zeros, and credit.  One packet a stream: compiled for size. */
#include "runtime.h"
#include "stream_in.h"
#include "stream_kept.h"
#include "stream_out.h"
#include "stream_state.h"

void stream_send_zeros(stream_out_t *stream, uint32_t sample)
{
    runtime_send(stream_slot_key(stream, sample) | STREAM_MARKER_INDEX,
            fold_zeros(stream_fold_start(pass_sent, sample), stream->run * stream->n_runs * stream->n_outer));
    stream->sent++;
}

void stream_send_credit(stream_out_t *stream, uint32_t sample)
{
    runtime_send(stream->key | STREAM_MARKER_INDEX, sample | pass_sent << STREAM_PASS_SHIFT);
    stream->sent++;
}

void streams_send_all_zeros(uint32_t kind, uint32_t sample)
{
    for (uint32_t i = 0; i < n_out_streams; i++) {
        if (out_streams[i].kind == kind) {
            stream_send_zeros(&out_streams[i], sample);
        }
    }
    stream_kept_zeros(kind, sample);
}

void streams_send_all_credit(uint32_t kind, uint32_t sample)
{
    for (uint32_t i = 0; i < n_out_streams; i++) {
        if (out_streams[i].kind == kind) {
            stream_send_credit(&out_streams[i], sample);
        }
    }
    stream_kept_credit(kind, sample);
}
