/* What the streams do once, or once in a pass: compiled for size. */
#include "claim.h"
#include "packet_ring.h"
#include "runtime.h"
#include "stream_kept.h"
#include "stream_out.h"
#include "stream_state.h"
#include "words_clear.h"

/* The configuration region, as vertices/stream_config.py writes it; streams of an inlet follow each other. */
typedef struct config_t {
    stream_layout_t layout;
    uint32_t multiplier;                   /* of receiver_t */
    uint32_t n_inlets;
    uint32_t n_in;
    uint32_t n_out;
    uint32_t n_ring_entries;
    uint32_t n_kept;
    uint32_t rest[];                       /* inlet_config_t[n_inlets], in_config_t[n_in], stream_out_t[n_out],
                                              kept_config_t[n_kept] */
} config_t;

typedef struct inlet_config_t {
    uint32_t n_words;
    uint32_t n_held;                       /* samples that it holds at once, a power of two */
} inlet_config_t;

typedef struct in_config_t {
    uint32_t inlet;
    uint32_t first;                        /* place in the inlet's block of words */
    uint32_t n_words;                      /* one past the largest index */
    uint32_t ask;                          /* stream number of a stream to the producer << 16 | its own */
    stream_shape_t shape;
} in_config_t;

/* Of each vector that is sent. */
typedef struct kept_config_t {
    uint32_t offset;                       /* words into the log, or KEPT_NOWHERE */
    uint32_t n_words;
    uint32_t slot_mask;
} kept_config_t;

#define KEPT_NOWHERE 0xffffffffu

__attribute__((noinline)) void *claim_dtcm(uint32_t bytes)
{
    void *memory = spin1_malloc(bytes ? bytes : sizeof(uint32_t));
    if (memory == NULL) {
        runtime_fail("no %u bytes of DTCM left", bytes);
    }
    return memory;
}

static void read_inlets(const inlet_config_t *config)
{
    inlets = claim_dtcm(n_inlets * sizeof(inlet_t));
    for (uint32_t i = 0; i < n_inlets; i++) {
        uint32_t n_held = config[i].n_held;
        inlets[i].n_words = config[i].n_words;
        inlets[i].held_mask = n_held - 1;
        inlets[i].first_stream = 0;
        inlets[i].n_streams = 0;
        inlets[i].words = claim_dtcm(n_held * config[i].n_words * sizeof(uint32_t) + sizeof(uint32_t));
        inlets[i].complete = claim_dtcm(n_held * sizeof(uint16_t));
    }
}

static void read_streams(const in_config_t *in)
{
    n_all_slots = 0;
    for (uint32_t i = 0; i < n_streams; i++) {
        n_all_slots += inlets[in[i].inlet].held_mask + 1;
    }
    stream_drain.slots = claim_dtcm((n_all_slots + CLOSED_SLOTS) * sizeof(slot_t));
    stream_drain.markers = claim_dtcm(n_all_slots * sizeof(marker_t));
    marker_values = claim_dtcm(n_all_slots * sizeof(uint32_t));
    uint32_t first_slot = 0;
    streams = claim_dtcm(n_streams * sizeof(stream_t) + n_out_streams * sizeof(stream_out_t));
    for (uint32_t i = 0; i < n_streams; i++) {
        inlet_t *inlet = &inlets[in[i].inlet];
        if (inlet->n_streams == 0) {
            inlet->first_stream = i;
        }
        inlet->n_streams++;
        streams[i].inlet = inlet;
        streams[i].first_slot = first_slot;
        streams[i].n_words = in[i].n_words;
        streams[i].ask = in[i].ask;
        streams[i].shape = in[i].shape;
        streams[i].requests = 0;
        for (uint32_t slot = 0; slot <= inlet->held_mask; slot++, first_slot++) {
            stream_drain.slots[first_slot].words = inlet->words + slot * inlet->n_words + in[i].first;
            stream_drain.slots[first_slot].limit = (in[i].ask << STREAM_KEY_BITS | slot << STREAM_INDEX_BITS) - 1;
            stream_drain.markers[first_slot].stream = i;
        }
    }
    for (uint32_t i = 0; i < CLOSED_SLOTS; i++) {
        stream_drain.slots[n_all_slots + i] = (slot_t) {NULL, PACKET_NONE};      /* a stream's number is never all ones */
    }
}

/* Where the receive interrupt looks for each stream; one that finds its place taken goes without. */
static receiver_t *make_places(const config_t *config)
{
    receiver_t *receiver = claim_dtcm(sizeof(receiver_t));
    receiver->multiplier = stream_drain.multiplier = config->multiplier;
    stream_drain.places = receiver->places;
    for (uint32_t i = 0; i < 1u << RECEIVER_BITS; i++) {
        receiver->places[i] = &stream_drain.slots[n_all_slots];
    }
    for (uint32_t i = 0; i < n_streams; i++) {
        slot_t **place = &receiver->places[((streams[i].ask & 0xffff) * config->multiplier) >> (32 - RECEIVER_BITS)];
        if (*place == &stream_drain.slots[n_all_slots]) {
            *place = &stream_drain.slots[streams[i].first_slot];
        }
    }
    return receiver;
}

static void read_kept(const kept_config_t *config, uint32_t *log)
{
    kept_vectors = claim_dtcm(n_kept_vectors * sizeof(kept_t));
    for (uint32_t i = 0; i < n_kept_vectors; i++) {
        kept_vectors[i] = (kept_t) {
            config[i].offset == KEPT_NOWHERE ? NULL : log + config[i].offset, NULL, config[i].n_words, config[i].slot_mask, 0, 0, 0};
    }
}

void streams_initialise(const uint32_t *words, uint32_t *log)
{
    const config_t *config = (const config_t *) words;
    stream_layout = config->layout;
    n_inlets = config->n_inlets;
    n_streams = config->n_in;

    const inlet_config_t *inlet_config = (const inlet_config_t *) config->rest;
    const in_config_t *in = (const in_config_t *) (inlet_config + n_inlets);
    const stream_out_t *out_config = (const stream_out_t *) (in + n_streams);
    n_out_streams = config->n_out;
    read_inlets(inlet_config);
    read_streams(in);

    out_streams = (stream_out_t *) (streams + n_streams);
    __builtin_memcpy(out_streams, out_config, n_out_streams * sizeof(stream_out_t));

    n_kept_vectors = config->n_kept;
    read_kept((const kept_config_t *) (out_config + config->n_out), log);

    receiver_t *receiver = make_places(config);
    streams_reset();
    packet_ring_start(receiver, config->n_ring_entries);
    stream_drain.next = packet_ring.first;
    stream_drain.end = packet_ring.end;
}

uint32_t streams_received(void)
{
    static uint32_t before;
    uint32_t total = packets_received();
    uint32_t received = total - before;
    before = total;
    return received;
}

uint32_t streams_sent(void)
{
    static uint32_t before;
    uint32_t total = 0;
    for (uint32_t i = 0; i < n_out_streams; i++) {
        total += out_streams[i].sent;
    }
    uint32_t sent = total - before;
    before = total;
    return sent + stream_counts.requests;
}

void streams_copy_counts(uint32_t *to)
{
    *to++ = packets_received();
    const uint32_t *end = (const uint32_t *) (out_streams + n_out_streams);
    for (const uint32_t *word = (const uint32_t *) streams; word != end; word++) {
        *to++ = *word;
    }
}

void streams_begin(void)
{
    pass_sent = pass_received;
    for (uint32_t kind = 0; kind < n_kept_vectors; kind++) {
        kept_vectors[kind].next = 0;
        kept_vectors[kind].here = 0;
    }
}

void streams_reset(void)
{
    pass_received++;
    for (uint32_t i = 0; i < n_all_slots; i++) {       /* before the words are cleared */
        slot_close(i);
    }
    stream_drain.n_early = 0;
    for (uint32_t i = 0; i < n_inlets; i++) {
        inlets[i].credit = 0;
        inlets[i].n_least = inlets[i].n_streams;
        inlets[i].wanted = NOTHING_WANTED;
        for (uint32_t slot = 0; slot <= inlets[i].held_mask; slot++) {
            inlets[i].complete[slot] = 0;
        }
        words_clear(inlets[i].words, (inlets[i].held_mask + 1) * inlets[i].n_words);
    }
    for (uint32_t i = 0; i < n_streams; i++) {
        stream_t *stream = &streams[i];
        stream->credit = stream->seen = 0;
        stream->silent = stream->quiet = stream->asked = stream->alive = 0;
        for (uint32_t slot = 0; stream->n_words != 0 && slot <= stream->inlet->held_mask; slot++) {
            if (slot < n_open(stream->inlet) || stream->inlet->held_mask == 0) {
                slot_open(stream, slot, stream_fold_start(pass_received, slot));
            }
        }
    }
    stream_counts = (stream_counts_t) {0};
}
