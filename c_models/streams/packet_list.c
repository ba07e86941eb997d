#include "packet_list.h"

#include <stddef.h>

#include "claim.h"
#include "runtime.h"
#include "stream_in.h"
#include "stream_kept.h"
#include "stream_out.h"
#include "stream_pause.h"
#include "stream_state.h"

/* Words to look at from one look for what is due to the next: about as many cycles as the least distance. */
#define CHUNK_WORDS 8

static packet_list_t *first_on_its_way;

void packet_list_claim(packet_list_t *list, uint32_t first_kind, uint32_t n_kinds, uint32_t burst)
{
    uint32_t most = 0;
    uint32_t spacing = 0;
    for (uint32_t kind = first_kind; kind < first_kind + n_kinds; kind++) {
        uint32_t n = 0;
        for (const stream_out_t *stream = out_streams; stream < out_streams + n_out_streams; stream++) {
            if (stream->kind == kind) {
                n += stream->n_outer * stream->n_runs * stream->run + 1;
                spacing = stream->spacing > spacing ? stream->spacing : spacing;
            }
        }
        most = n > most ? n : most;
    }
    list->packets = most != 0 ? claim_dtcm(most * sizeof(packet_t)) : NULL;
    list->spacing = spacing;
    list->burst = burst;
    list->transfer = 0;
    list->on_its_way = false;
}

/* The packets of a run that are not zero, behind those that are there. */
static packet_t *fill_run(packet_t *to, const uint32_t *words, uint32_t n_words, uint32_t key, uint32_t *sum)
{
    uint32_t fold = *sum;
    const uint32_t *end = words + n_words;
    while (words != end) {
        const uint32_t *stop = end - words < 2 * CHUNK_WORDS ? end : words + CHUNK_WORDS;
        while (words != stop) {
            uint32_t word = *words++;
            fold = fold_word(fold, word);
            if (word != 0) {
                to->payload = word;
                to->key = key;
                to++;
            }
            key++;
        }
        packet_lists_go_on();
    }
    *sum = fold;
    return to;
}

static packet_t *fill_stream(packet_t *to, stream_out_t *stream, uint32_t sample, const uint32_t *vector)
{
    const packet_t *first = to;
    uint32_t key = stream_slot_key(stream, sample);
    uint32_t fold = stream_fold_start(pass_sent, sample);
    const uint32_t *outer = vector + stream->first;
    uint32_t outer_index = 0;
    for (uint32_t j = 0; j < stream->n_outer; j++) {
        const uint32_t *words = outer;
        uint32_t index = outer_index;
        for (uint32_t i = 0; i < stream->n_runs; i++) {
            to = fill_run(to, words, stream->run, key + index, &fold);
            words += stream->run_stride;
            index += stream->index_run_stride;
        }
        outer += stream->outer_stride;
        outer_index += stream->index_outer_stride;
    }
    to->payload = fold;
    to->key = key | STREAM_MARKER_INDEX;
    to++;
    stream->sent += (uint32_t) (to - first);
    return to;
}

void packet_list_fill(packet_list_t *list, uint32_t kind, uint32_t sample, const uint32_t *vector)
{
    packet_t *to = list->packets;
    for (stream_out_t *stream = out_streams; stream < out_streams + n_out_streams; stream++) {
        if (stream->kind == kind) {
            to = fill_stream(to, stream, sample, vector);
        }
    }
    list->at = list->packets;
    list->end = to;
    list->kind = kind;
    list->sample = sample;
    list->vector = vector;
}

void packet_list_start(packet_list_t *list)
{
    list->transfer = stream_keep(list->kind, list->sample, list->vector);
    if (list->spacing == 0) {
        for (; list->at != list->end; list->at++) {
            runtime_send(list->at->key, list->at->payload);
        }
    }
    if (list->at == list->end) {
        stream_kept(list->kind, list->sample, list->transfer);
        return;
    }
    /* after a long rest the counter may have wrapped: the last packet says something for one distance only */
    uint32_t now = runtime_cycles();
    if (list->due - now > list->spacing) {
        list->due = now;
    }
    list->on_its_way = true;
    list->next = first_on_its_way;
    first_on_its_way = list;
}

void packet_list_send(packet_list_t *list, uint32_t kind, uint32_t sample, const uint32_t *vector)
{
    packet_list_finish(list);
    if (list->spacing == 0) {
        streams_send_all(kind, sample, vector);
        return;
    }
    packet_list_fill(list, kind, sample, vector);
    packet_list_start(list);
}

void packet_list_let_go(const packet_list_t *list)
{
    while (list->transfer != 0 && !runtime_dma_is_done(list->transfer)) {
    }
}

/* Sends what of a list is due at a time. */
static void go_on(packet_list_t *list, uint32_t now)
{
    int32_t spacing = (int32_t) list->spacing;
    int32_t late = (int32_t) (now - list->due);
    if (late < 0) {
        return;
    }
    int32_t most = (int32_t) list->burst * spacing - 1;
    if (late > most) {
        late = most;
    }
    const packet_t *packet = list->at;
    do {
        runtime_send(packet->key, packet->payload);
        packet++;
        late -= spacing;
    } while (late >= 0 && packet != list->end);
    list->at = packet;
    list->due = now - (uint32_t) late;
}

bool packet_lists_go_on(void)
{
    packet_list_t **link = &first_on_its_way;
    packet_list_t *list = *link;
    if (list == NULL) {
        return false;
    }
    uint32_t now = runtime_cycles();
    do {
        go_on(list, now);
        if (list->at == list->end) {
            *link = list->next;
            list->on_its_way = false;
            stream_kept(list->kind, list->sample, list->transfer);
        } else {
            link = &list->next;
        }
        list = *link;
    } while (list != NULL);
    return first_on_its_way != NULL;
}

/* Sleeps until the next packet of a list is due, or something has come. */
static void pause_until_due(void)
{
    uint32_t now = runtime_cycles();
    int32_t least = INT32_MAX;
    for (const packet_list_t *list = first_on_its_way; list != NULL; list = list->next) {
        int32_t left = (int32_t) (list->due - now);
        if (left < least) {
            least = left;
        }
    }
    streams_pause(now + (uint32_t) least);
}

void packet_lists_finish(void)
{
    while (packet_lists_go_on()) {
        streams_drain();
        pause_until_due();
    }
}

void packet_list_finish(const packet_list_t *list)
{
    while (list->on_its_way) {
        if (packet_lists_go_on()) {
            streams_drain();
            pause_until_due();
        }
    }
}

void packet_lists_wait(void)
{
    while (packet_lists_go_on()) {
        if (!streams_idle()) {
            return;
        }
        pause_until_due();
    }
    streams_wait();
}
