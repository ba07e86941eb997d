#include "stream_post.h"

#include <stddef.h>

#include "runtime.h"
#include "stream_in.h"
#include "stream_kept.h"
#include "stream_out.h"
#include "stream_pause.h"
#include "stream_state.h"

/* Packets that may follow each other at once where some are overdue: what a link holds. */
#define MAX_BURST 4

static post_t *posts;                      /* those that were ever used */

/* Sleeps until the next packet of a post is due, or something has come. */
static void pause_until_due(void)
{
    uint32_t now = runtime_cycles();
    int32_t least = INT32_MAX;
    for (const post_t *post = posts; post != NULL; post = post->next) {
        int32_t left = (int32_t) (post->due - now);
        if (post->stream != NULL && left < least) {
            least = left;
        }
    }
    streams_pause(now + (uint32_t) least);
}

/* Goes on with the next stream of the kind. */
static void post_stream(post_t *post, stream_out_t *stream)
{
    while (stream < out_streams + n_out_streams && stream->kind != post->kind) {
        stream++;
    }
    post->outer = post->inner = post->word = 0;
    post->fold = stream_fold_start(pass_sent, post->sample);
    post->count = 0;
    if (stream < out_streams + n_out_streams) {
        post->stream = stream;
    } else {
        post->stream = NULL;
        stream_kept(post->kind, post->sample, post->transfer);
    }
}

/* Sends one packet: the next word that is not zero, or the marker. */
static void post_packet(post_t *post)
{
    stream_out_t *stream = post->stream;
    uint32_t key = stream_slot_key(stream, post->sample);
    while (post->outer < stream->n_outer) {
        const uint32_t *words = post->vector + stream->first + post->outer * stream->outer_stride
                + post->inner * stream->run_stride;
        uint32_t first = post->outer * stream->index_outer_stride + post->inner * stream->index_run_stride;
        while (post->word < stream->run) {
            uint32_t word = words[post->word];
            uint32_t index = first + post->word++;
            post->fold = fold_word(post->fold, word);
            if (word != 0) {
                runtime_send(key + index, word);
                post->count++;
                return;
            }
        }
        post->word = 0;
        if (++post->inner == stream->n_runs) {
            post->inner = 0;
            post->outer++;
        }
    }
    runtime_send(key | STREAM_MARKER_INDEX, post->fold);
    stream->sent += post->count + 1;
    post_stream(post, stream + 1);
}

static void post_some(post_t *post)
{
    for (uint32_t n = 0; n < MAX_BURST && post->stream != NULL; n++) {
        int32_t late = (int32_t) (runtime_cycles() - post->due);
        if (late < 0) {
            return;
        }
        uint32_t spacing = post->stream->spacing;
        uint32_t most = MAX_BURST * spacing;
        post->due += (uint32_t) late > most ? (uint32_t) late - most + spacing : spacing;
        post_packet(post);
    }
}

bool streams_post_some(void)
{
    bool more = false;
    for (post_t *post = posts; post != NULL; post = post->next) {
        if (post->stream != NULL) {
            post_some(post);
            more |= post->stream != NULL;
        }
    }
    return more;
}

void streams_post_finish_all(void)
{
    while (streams_post_some()) {
        streams_drain();
        pause_until_due();
    }
}

void streams_post_finish(const post_t *post)
{
    while (post->stream != NULL) {
        if (streams_post_some()) {
            streams_drain();
            pause_until_due();
        }
    }
}

static void post_add(post_t *post)
{
    for (const post_t *known = posts; known != NULL; known = known->next) {
        if (known == post) {
            return;
        }
    }
    post->next = posts;
    posts = post;
    post->due = runtime_cycles();
}

static uint32_t greatest_spacing(uint32_t kind)
{
    uint32_t greatest = 0;
    for (const stream_out_t *stream = out_streams; stream < out_streams + n_out_streams; stream++) {
        if (stream->kind == kind && stream->spacing > greatest) {
            greatest = stream->spacing;
        }
    }
    return greatest;
}

void streams_post(post_t *post, uint32_t kind, uint32_t sample, const uint32_t *vector)
{
    streams_post_finish(post);
    uint32_t spacing = greatest_spacing(kind);
    if (spacing == 0) {
        streams_send_all(kind, sample, vector);
        return;
    }
    post_add(post);
    post->kind = kind;
    post->sample = sample;
    post->vector = vector;
    post->transfer = stream_keep(kind, sample, vector);
    post_stream(post, out_streams);
    /* after a long rest the counter may have wrapped: the last packet says something for one spacing only */
    uint32_t now = runtime_cycles();
    if (post->due - now > spacing) {
        post->due = now;
    }
}

void streams_post_wait(void)
{
    while (streams_post_some()) {
        if (!streams_idle()) {
            return;
        }
        pause_until_due();
    }
    streams_wait();
}
