#include "stream_out.h"

#include "runtime.h"
#include "stream_in.h"
#include "stream_kept.h"
#include "stream_pause.h"
#include "stream_state.h"

stream_out_t *out_streams;
uint32_t n_out_streams;

static inline void send(uint32_t key, uint32_t word, uint32_t spacing)
{
    if (spacing != 0) {
        streams_keep_apart(spacing);
    }
    runtime_send(key, word);
}

/* What the words sent of one sample add up to; stream_send_run.S knows it. */
typedef struct sent_t {
    uint32_t fold;
    uint32_t count;                        /* of words that are not zero */
} sent_t;

void stream_send_run(const uint32_t *words, uint32_t n_words, uint32_t key, sent_t *sent);

/* The same with packets kept apart. */
static void send_run_apart(const uint32_t *words, uint32_t n_words, uint32_t key, uint32_t spacing, sent_t *sent)
{
    for (uint32_t i = 0; i < n_words; i++) {
        uint32_t word = words[i];
        sent->fold = fold_word(sent->fold, word);
        if (word != 0) {
            send(key + i, word, spacing);
            sent->count++;
        }
    }
}

void stream_send(stream_out_t *stream, uint32_t sample, const uint32_t *vector)
{
    uint32_t key = stream_slot_key(stream, sample);
    sent_t sent = {stream_fold_start(pass_sent, sample), 0};
    const uint32_t *outer = vector + stream->first;
    uint32_t outer_index = 0;

    for (uint32_t j = 0; j < stream->n_outer; j++) {
        const uint32_t *words = outer;
        uint32_t index = outer_index;
        for (uint32_t i = 0; i < stream->n_runs; i++) {
            if (stream->spacing != 0) {
                send_run_apart(words, stream->run, key + index, stream->spacing, &sent);
            } else {
                stream_send_run(words, stream->run, key + index, &sent);
            }
            words += stream->run_stride;
            index += stream->index_run_stride;
        }
        outer += stream->outer_stride;
        outer_index += stream->index_outer_stride;
    }
    send(key | STREAM_MARKER_INDEX, sent.fold, stream->spacing);
    stream->sent += sent.count + 1;
}

void streams_send_all(uint32_t kind, uint32_t sample, const uint32_t *vector)
{
    uint32_t transfer = stream_keep(kind, sample, vector);
    for (uint32_t i = 0; i < n_out_streams; i++) {
        if (out_streams[i].kind == kind) {
            stream_send(&out_streams[i], sample, vector);
        }
    }
    stream_kept(kind, sample, transfer);
}
