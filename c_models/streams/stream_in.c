#include "stream_in.h"

#include "packet_ring.h"
#include "runtime.h"
#include "stream_layout.h"
#include "stream_out.h"

#define NO_STREAM 0xffu                    /* in the table from stream number to stream */

/* What has come of one sample on one stream. */
typedef struct slot_t {
    uint32_t hash;
    uint32_t count;
    uint32_t marker;
    uint32_t marked;                       /* 0, 1 once the marker is here, 2 once all is */
} slot_t;

typedef struct inlet_t {
    uint32_t *words;                       /* [slot][n_words] */
    uint32_t n_words;                      /* of one slot */
    uint32_t n_streams;
    uint16_t *complete;                    /* [slot]: streams that have all of the sample */
    uint32_t credit;                       /* of streams without words: the least of all */
} inlet_t;

typedef struct stream_t {
    uint32_t *words;                       /* this stream's first word in slot 0 */
    uint32_t stride;                       /* words from slot to slot */
    uint32_t n_words;
    slot_t *slots;
    inlet_t *inlet;
    uint32_t credit;
} stream_t;

/* The configuration region, as vertices/stream_config.py writes it. */
typedef struct config_t {
    uint32_t slot_bits;
    uint32_t index_bits;
    uint32_t window;
    uint32_t first_number;                 /* lowest stream number that comes in */
    uint32_t n_numbers;                    /* span of the numbers that come in */
    uint32_t n_inlets;
    uint32_t n_in;
    uint32_t n_out;
    uint32_t n_ring_entries;
    uint32_t rest[];                       /* inlets' words, in_config_t[n_in], stream_out_t[n_out] */
} config_t;

typedef struct in_config_t {
    uint32_t number;
    uint32_t inlet;
    uint32_t first;                        /* place in the inlet's block of words */
    uint32_t n_words;
} in_config_t;

stream_layout_t stream_layout;
stream_counts_t stream_counts;

static packet_t *next_packet;              /* the ring entry that fills next */
static stream_t *streams;
static uint32_t n_streams;
static inlet_t *inlets;
static uint32_t n_inlets;
static uint32_t first_number;
static uint32_t n_numbers;
static uint8_t *stream_of_number;

static void *claim(uint32_t bytes)
{
    void *memory = spin1_malloc(bytes);
    if (memory == NULL) {
        runtime_fail("streams: %u bytes of DTCM are not to be had", bytes);
    }
    return memory;
}

static uint32_t n_slots(void)
{
    return stream_layout.slot_mask + 1;
}

void streams_initialise(const uint32_t *words)
{
    const config_t *config = (const config_t *) words;
    stream_layout.slot_bits = config->slot_bits;
    stream_layout.index_bits = config->index_bits;
    stream_layout.slot_mask = (1u << config->slot_bits) - 1;
    stream_layout.index_mask = (1u << config->index_bits) - 1;
    stream_layout.window = config->window;
    first_number = config->first_number;
    n_numbers = config->n_numbers;
    n_inlets = config->n_inlets;
    n_streams = config->n_in;

    const uint32_t *inlet_sizes = config->rest;
    const in_config_t *in = (const in_config_t *) (inlet_sizes + n_inlets);
    const stream_out_t *out_config = (const stream_out_t *) (in + n_streams);

    inlets = claim(n_inlets * sizeof(inlet_t));
    for (uint32_t i = 0; i < n_inlets; i++) {
        inlets[i].n_words = inlet_sizes[i];
        inlets[i].n_streams = 0;
        inlets[i].words = claim(n_slots() * inlet_sizes[i] * sizeof(uint32_t));
        inlets[i].complete = claim(n_slots() * sizeof(uint16_t));
    }

    stream_of_number = claim(n_numbers);
    for (uint32_t i = 0; i < n_numbers; i++) {
        stream_of_number[i] = NO_STREAM;
    }
    streams = claim(n_streams * sizeof(stream_t));
    for (uint32_t i = 0; i < n_streams; i++) {
        inlet_t *inlet = &inlets[in[i].inlet];
        inlet->n_streams++;
        streams[i].inlet = inlet;
        streams[i].words = inlet->words + in[i].first;
        streams[i].stride = inlet->n_words;
        streams[i].n_words = in[i].n_words;
        streams[i].slots = claim(n_slots() * sizeof(slot_t));
        stream_of_number[in[i].number - first_number] = i;
    }

    stream_out_t *out = claim(config->n_out * sizeof(stream_out_t));
    for (uint32_t i = 0; i < config->n_out; i++) {
        out[i] = out_config[i];
    }
    streams_out_set(out, config->n_out);

    streams_reset();
    packet_ring_start(config->n_ring_entries);
    next_packet = packet_ring.first;
}

static void slot_clear(slot_t *slot, uint32_t sample)
{
    slot->hash = sample * STREAM_SAMPLE_SALT;
    slot->count = 0;
    slot->marked = 0;
}

void streams_reset(void)
{
    for (uint32_t i = 0; i < n_inlets; i++) {
        inlets[i].credit = 0;
        for (uint32_t slot = 0; slot < n_slots(); slot++) {
            inlets[i].complete[slot] = 0;
        }
        for (uint32_t word = 0; word < n_slots() * inlets[i].n_words; word++) {
            inlets[i].words[word] = 0;
        }
    }
    for (uint32_t i = 0; i < n_streams; i++) {
        streams[i].credit = 0;
        for (uint32_t slot = 0; slot < n_slots(); slot++) {
            slot_clear(&streams[i].slots[slot], slot);
        }
    }
    stream_counts = (stream_counts_t) {0};
}

static void slot_check(stream_t *stream, slot_t *slot)
{
    if (slot->marked == 1 && slot->marker == stream_marker(slot->count, slot->hash)) {
        slot->marked = 2;
        stream->inlet->complete[slot - stream->slots]++;
    }
}

static void take_credit(stream_t *stream, uint32_t credit)
{
    if (credit <= stream->credit) {
        stream_counts.repeated++;
        return;
    }
    stream->credit = credit;
    inlet_t *inlet = stream->inlet;
    uint32_t least = credit;
    for (uint32_t i = 0; i < n_streams; i++) {
        if (streams[i].inlet == inlet && streams[i].credit < least) {
            least = streams[i].credit;
        }
    }
    inlet->credit = least;
}

static void take_marker(stream_t *stream, uint32_t slot_number, uint32_t marker)
{
    if (stream->n_words == 0) {
        take_credit(stream, marker);
        return;
    }
    slot_t *slot = &stream->slots[slot_number];
    if (slot->marked != 0) {
        stream_counts.repeated++;
        return;
    }
    slot->marker = marker;
    slot->marked = 1;
    slot_check(stream, slot);
}

void streams_drain(void)
{
    packet_t *packet = next_packet;
    uint32_t received = 0;
    uint32_t key;

    while ((key = *(volatile uint32_t *) &packet->key) != PACKET_NONE) {
        uint32_t word = packet->payload;
        packet->key = PACKET_NONE;
        packet++;
        if (packet == packet_ring.end) {
            packet = packet_ring.first;
        }
        received++;

        uint32_t index = key & stream_layout.index_mask;
        uint32_t slot_number = (key >> stream_layout.index_bits) & stream_layout.slot_mask;
        uint32_t number = (key >> (stream_layout.index_bits + stream_layout.slot_bits)) - first_number;
        if (number >= n_numbers || stream_of_number[number] == NO_STREAM) {
            stream_counts.foreign++;
            continue;
        }
        stream_t *stream = &streams[stream_of_number[number]];
        if (index < stream->n_words) {
            uint32_t *place = stream->words + slot_number * stream->stride + index;
            slot_t *slot = &stream->slots[slot_number];
            uint32_t before = *place;
            if (before != 0) {
                stream_counts.repeated++;
                slot->hash -= before * (2 * index + 1);
            } else {
                slot->count++;
            }
            *place = word;
            slot->hash += word * (2 * index + 1);
            if (slot->marked) {
                slot_check(stream, slot);
            }
        } else if (index == stream_layout.index_mask) {
            take_marker(stream, slot_number, word);
        } else {
            stream_counts.foreign++;
        }
    }
    next_packet = packet;
    stream_counts.received += received;
}

void streams_wait(void)
{
    uint32_t before = runtime_cycles();
    runtime_sleep_while(*(volatile uint32_t *) &next_packet->key == PACKET_NONE);
    stream_counts.waiting_cycles += runtime_cycles() - before;
}

bool inlet_ready(uint32_t inlet, uint32_t sample)
{
    return inlets[inlet].complete[sample & stream_layout.slot_mask] == inlets[inlet].n_streams;
}

uint32_t *inlet_words(uint32_t inlet, uint32_t sample)
{
    return inlets[inlet].words + (sample & stream_layout.slot_mask) * inlets[inlet].n_words;
}

void inlet_free(uint32_t number, uint32_t sample)
{
    inlet_t *inlet = &inlets[number];
    uint32_t slot = sample & stream_layout.slot_mask;
    uint32_t *words = inlet_words(number, sample);
    for (uint32_t i = 0; i < inlet->n_words; i++) {
        words[i] = 0;
    }
    inlet->complete[slot] = 0;
    for (uint32_t i = 0; i < n_streams; i++) {
        if (streams[i].inlet == inlet) {
            slot_clear(&streams[i].slots[slot], sample + n_slots());
        }
    }
}

uint32_t inlet_credit(uint32_t inlet)
{
    return inlets[inlet].credit;
}

uint32_t streams_window(void)
{
    return stream_layout.window;
}
