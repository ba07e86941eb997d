#include "stream_post.h"

#include <stddef.h>

#include "runtime.h"
#include "stream_in.h"
#include "stream_kept.h"
#include "stream_out.h"
#include "stream_pause.h"
#include "stream_state.h"

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

/* Goes on with the post's run. */
static void post_run(post_t *post)
{
    const stream_out_t *stream = post->stream;
    uint32_t index = post->outer * stream->index_outer_stride + post->inner * stream->index_run_stride;
    post->at = post->vector + stream->first + post->outer * stream->outer_stride + post->inner * stream->run_stride;
    post->end = post->at + stream->run;
    post->key = stream_slot_key(stream, post->sample) + index;
}

/* Goes on with the next stream of the kind. */
static void post_stream(post_t *post, stream_out_t *stream)
{
    while (stream < out_streams + n_out_streams && stream->kind != post->kind) {
        stream++;
    }
    if (stream == out_streams + n_out_streams) {
        post->stream = NULL;
        stream_kept(post->kind, post->sample, post->transfer);
        return;
    }
    post->stream = stream;
    post->outer = post->inner = 0;
    post->fold = stream_fold_start(pass_sent, post->sample);
    post->count = 0;
    post_run(post);
}

/* At the end of a run: the next one, or after the last the marker is sent, and then the next stream; whether it was. */
static bool post_marker(post_t *post)
{
    stream_out_t *stream = post->stream;
    if (++post->inner == stream->n_runs) {
        post->inner = 0;
        post->outer++;
    }
    if (post->outer != stream->n_outer) {
        post_run(post);
        return false;
    }
    runtime_send(stream_slot_key(stream, post->sample) | STREAM_MARKER_INDEX, post->fold);
    stream->sent += post->count + 1;
    post_stream(post, stream + 1);
    return true;
}

/* Sends one packet: the next word that is not zero, or the marker. */
static void post_packet(post_t *post)
{
    do {
        const uint32_t *at = post->at;
        const uint32_t *end = post->end;
        uint32_t fold = post->fold;
        uint32_t key = post->key;
        while (at != end) {
            uint32_t word = *at++;
            fold = fold_word(fold, word);
            if (word != 0) {
                runtime_send(key, word);
                post->at = at;
                post->fold = fold;
                post->key = key + 1;
                post->count++;
                return;
            }
            key++;
        }
        post->fold = fold;
    } while (!post_marker(post));
}

static void post_some(post_t *post, uint32_t now)
{
    int32_t late = (int32_t) (now - post->due);
    if (late < 0) {
        return;
    }
    int32_t most = (int32_t) (post->burst * post->stream->spacing) - 1;
    if (late > most) {
        late = most;
    }
    uint32_t n = 0;
    do {
        late -= (int32_t) post->stream->spacing;
        post_packet(post);
    } while (late >= 0 && ++n < post->burst && post->stream != NULL);
    post->due = now - (uint32_t) late;
}

bool streams_post_some(void)
{
    bool more = false;
    uint32_t now = runtime_cycles();
    for (post_t *post = posts; post != NULL; post = post->next) {
        if (post->stream != NULL) {
            post_some(post, now);
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
