#include "stream_recovery.h"

#include <stddef.h>

#include "runtime.h"
#include "stream_in.h"
#include "stream_kept.h"
#include "stream_out.h"
#include "stream_pause.h"
#include "stream_state.h"

#define REQUEST_SAMPLE_BITS 12
#define REQUEST_SAMPLE_MASK ((1u << REQUEST_SAMPLE_BITS) - 1)
#define REQUEST_PASS_MASK 15u

/* Looks before a stream is asked for of which something has come: two follow each other at once where the core was busy before. */
#define EAGER_LOOKS 2u
/* A request waits at most 2**so many times as long as the first. */
#define MOST_DOUBLINGS 4
/* Requests without a sign of life, at least, before a producer is gone: none of so many is lost by chance. */
#define LEAST_REQUESTS 6

/* Requests that wait for their answer; more are left to be asked again. */
#define MAX_REQUESTS 8

typedef struct request_t {
    stream_out_t *stream;
    uint32_t wanted;              /* pass | sample */
} request_t;

void (*streams_on_silence)(uint32_t stream, uint32_t sample);
uint32_t pass_sent;

static volatile bool look_due;
static request_t requests[MAX_REQUESTS];
static uint32_t n_requests;

/* ------------------------------------------------------------------ consumer */

static void ask(stream_t *stream, uint32_t sample)
{
    runtime_send((stream->ask & 0xffff0000) | STREAM_REQUEST_INDEX,
            stream->ask << 16 | (pass_received & REQUEST_PASS_MASK) << REQUEST_SAMPLE_BITS | (sample & REQUEST_SAMPLE_MASK));
    stream->requests++;
    stream_counts.requests++;
}

/* Another number for whatever has come of a sample, also where others' words lie between those of a stream; 0: nothing. */
static uint32_t progress_of(const stream_t *stream, uint32_t sample)
{
    uint32_t i = stream->first_slot + (sample & stream->inlet->held_mask);
    return stream_drain.markers[i].state + words_fold(stream_drain.slots[i].words, stream->n_words, 0);
}

static void look_at(stream_t *stream, uint32_t wanted)
{
    uint32_t progress = stream->credit;
    bool begun = false;
    if (stream->n_words != 0) {
        progress = progress_of(stream, wanted);
        begun = progress != 0 || (n_open(stream->inlet) > 1 && progress_of(stream, wanted + 1) != 0);
    }
    if (progress + (wanted << 16) != stream->seen) {
        stream->seen = progress + (wanted << 16);
        stream->quiet = stream->asked = 0;
        stream->silent = 0;
        return;
    }
    if (stream->alive) {
        stream->alive = false;
        stream->silent = 0;
    }
    stream->quiet++;
    stream->silent += stream->asked != 0;
    if (stream->quiet < (begun ? EAGER_LOOKS : stream_layout.patient_looks) << (stream->asked < MOST_DOUBLINGS ? stream->asked : MOST_DOUBLINGS)) {
        return;
    }
    if (stream->asked >= LEAST_REQUESTS && stream->silent >= stream_layout.last_looks) {
        streams_on_silence((uint32_t) (stream - streams), wanted);
    }
    stream->quiet = 0;
    stream->asked += stream->asked < UINT8_MAX;
    ask(stream, wanted);
}

static bool has_come(const stream_t *stream, uint32_t wanted)
{
    return stream->n_words == 0 ? stream->credit >= wanted
            : stream_drain.markers[stream->first_slot + (wanted & stream->inlet->held_mask)].state == SLOT_COMPLETE;
}

static void find_next(void)
{
    stream_drain.next = packet_ring_next(stream_drain.next);
}

static void look(void)
{
    find_next();
    if (!streams_idle()) {
        return;
    }
    for (inlet_t *inlet = inlets; inlet < inlets + n_inlets; inlet++) {
        for (uint32_t i = 0; inlet->wanted != NOTHING_WANTED && i < inlet->n_streams; i++) {
            stream_t *stream = &streams[inlet->first_stream + i];
            if (!has_come(stream, inlet->wanted)) {
                look_at(stream, inlet->wanted);
            }
        }
    }
}

void stream_take_rarely(stream_t *stream, uint32_t slot, uint32_t index, uint32_t payload)
{
    uint32_t *words = stream_drain.slots[slot].words;
    if (index == STREAM_ALIVE_INDEX) {
        stream->alive = true;
    } else if (stream_drain.markers[slot].state == SLOT_COMPLETE) {
        stream_counts.repeated++;
    } else if (index < stream->n_words) {
        words[index] = payload;
    } else if (index == STREAM_ZEROS_INDEX) {      /* a packet that does not belong here may have left something */
        uint32_t end = (payload & STREAM_MARKER_INDEX) + (payload >> STREAM_INDEX_BITS);
        for (index = payload & STREAM_MARKER_INDEX; index < end && index < stream->n_words; index++) {
            words[index] = 0;
        }
    } else {
        stream_counts.foreign++;
    }
}

/* ------------------------------------------------------------------ producer */

void stream_take_request(uint32_t payload)
{
    stream_out_t *stream = out_streams;
    while (stream < out_streams + n_out_streams && stream->key >> STREAM_KEY_BITS != payload >> 16) {
        stream++;
    }
    if (stream == out_streams + n_out_streams) {
        return;                            /* somebody else's */
    }
    uint32_t wanted = payload & 0xffff;
    for (uint32_t i = 0; i < n_requests; i++) {
        if (requests[i].stream == stream && requests[i].wanted == wanted) {
            return;
        }
    }
    if (n_requests < MAX_REQUESTS) {
        requests[n_requests++] = (request_t) {stream, wanted};
        stream_drain.attention = 1;
    }
}

static void send_again(stream_out_t *stream, uint32_t key, uint32_t word)
{
    streams_keep_apart(stream->spacing);
    runtime_send(key, word);
    stream->sent++;
    stream->resent++;
    stream_counts.resent++;
}

/* Zeros side by side, and how many. */
static void send_zeros(stream_out_t *stream, uint32_t key, uint32_t first, uint32_t n)
{
    if (n != 0) {
        send_again(stream, key | STREAM_ZEROS_INDEX, first | n << STREAM_INDEX_BITS);
    }
}

/* As stream_send, but with the zeros.  NULL: all are zero. */
static void send_whole(stream_out_t *stream, uint32_t sample, const uint32_t *vector)
{
    uint32_t key = stream_slot_key(stream, sample);
    uint32_t fold = stream_fold_start(pass_sent, sample);
    uint32_t n_zeros = 0, first_zero = 0;
    for (uint32_t outer = 0; outer < stream->n_outer; outer++) {
        for (uint32_t inner = 0; inner < stream->n_runs; inner++) {
            uint32_t index = outer * stream->index_outer_stride + inner * stream->index_run_stride;
            uint32_t place = stream->first + outer * stream->outer_stride + inner * stream->run_stride;
            for (uint32_t i = 0; i < stream->run; i++, index++, place++) {
                uint32_t word = vector == NULL ? 0 : vector[place];
                fold = fold_word(fold, word);
                if (word == 0 && index == first_zero + n_zeros) {
                    n_zeros++;
                    continue;
                }
                send_zeros(stream, key, first_zero, n_zeros);
                first_zero = index;
                n_zeros = word == 0;
                if (word != 0) {
                    first_zero++;
                    send_again(stream, key | index, word);
                }
            }
        }
    }
    send_zeros(stream, key, first_zero, n_zeros);
    send_again(stream, key | STREAM_MARKER_INDEX, fold);
}

static void answer(const request_t *request)
{
    stream_out_t *stream = request->stream;
    const kept_t *kept = &kept_vectors[stream->kind];
    uint32_t ahead = ((request->wanted >> REQUEST_SAMPLE_BITS) - pass_sent) & REQUEST_PASS_MASK;
    uint32_t behind = (kept->next - 1 - request->wanted) & REQUEST_SAMPLE_MASK;
    bool is_credit = kept->slot_mask == KEPT_CREDIT;
    if (ahead > 1) {
        return;                            /* of an earlier pass, in which all have got what they needed */
    }
    if (ahead == 1 || kept->next == 0 || (!is_credit && behind > REQUEST_SAMPLE_MASK / 2)) {
        send_again(stream, stream->key | STREAM_ALIVE_INDEX, 0);
    } else if (is_credit) {
        stream_send_credit(stream, kept->next);
    } else if (behind <= kept->slot_mask) {
        uint32_t slot = (kept->next - 1 - behind) & kept->slot_mask;
        if ((kept->here >> slot & 1) == 0) {
            return;                        /* it is on its way */
        }
        const uint32_t *vector = kept->log == NULL ? kept->vector : kept->log + slot * kept->n_words;
        send_whole(stream, kept->next - 1 - behind, kept->zeros >> slot & 1 ? NULL : vector);
    }
}

void streams_answer(void)
{
    static bool answering;                 /* packets that keep a distance take in others meanwhile */
    if (answering) {
        return;
    }
    answering = true;
    while (n_requests != 0) {
        request_t request = requests[--n_requests];
        answer(&request);
    }
    answering = false;
}

/* ------------------------------------------------------------------ both */

void streams_look_later(void)
{
    look_due = true;
    stream_drain.attention = 1;
}

void streams_attend(void)
{
    stream_drain.attention = 0;
    streams_answer();
    if (look_due) {
        look_due = false;
        look();
    }
}

void streams_serve(void)
{
    find_next();
    streams_drain();
    streams_answer();
}
