#include "stream_in.h"

#include "packet_ring.h"
#include "runtime.h"
#include "stream_layout.h"
#include "stream_out.h"
#include "stream_slots.h"
#include "words_clear.h"

typedef struct inlet_t {
    uint32_t *words;                       /* [slot][n_words] */
    uint32_t n_words;                      /* of one slot */
    uint32_t first_stream;
    uint32_t n_streams;
    uint16_t *complete;                    /* [slot]: streams that have all of the sample */
    uint32_t credit;                       /* of streams without words: the least of all */
    uint32_t n_least;                      /* streams that have no more than that */
} inlet_t;

typedef struct stream_t {
    inlet_t *inlet;
    uint32_t n_words;
    uint32_t credit;
} stream_t;

/* What has come of a marker whose slot is not complete yet. */
typedef struct marker_t {
    uint32_t value;
    uint32_t state;
} marker_t;

enum marker_state { MARKER_AWAITED, MARKER_HERE, SLOT_COMPLETE };

/* The configuration region, as vertices/stream_config.py writes it; streams of an inlet follow each other. */
typedef struct config_t {
    uint32_t n_slots;
    uint32_t window;
    uint32_t first_number;                 /* lowest stream number that comes in */
    uint32_t n_numbers;                    /* span of the numbers that come in */
    uint32_t n_inlets;
    uint32_t n_in;
    uint32_t n_out;
    uint32_t n_ring_entries;
    uint32_t send_spacing;                 /* least cycles from packet to packet */
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
stream_drain_t stream_drain;               /* streams_drain.S */

static stream_t *streams;
static uint32_t n_streams;
static inlet_t *inlets;
static uint32_t n_inlets;
static marker_t *markers;                  /* as stream_drain.slots */

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

static void read_inlets(const uint32_t *sizes)
{
    inlets = claim(n_inlets * sizeof(inlet_t));
    for (uint32_t i = 0; i < n_inlets; i++) {
        inlets[i].n_words = sizes[i];
        inlets[i].first_stream = 0;
        inlets[i].n_streams = 0;
        inlets[i].words = claim(n_slots() * sizes[i] * sizeof(uint32_t) + sizeof(uint32_t));
        inlets[i].complete = claim(n_slots() * sizeof(uint16_t));
    }
}

static void read_streams(const in_config_t *in, uint32_t n_numbers)
{
    uint32_t n_all_slots = (n_streams + 1) * n_slots();
    stream_drain.slot_of_number = claim(n_numbers * sizeof(uint16_t));
    for (uint32_t i = 0; i < n_numbers; i++) {
        stream_drain.slot_of_number[i] = n_streams * n_slots();
    }
    /* The slots behind all others take what belongs to no stream: none of it is ordinary. */
    stream_drain.slots = claim((n_all_slots + (1u << STREAM_SLOT_BITS)) * sizeof(slot_t));
    for (uint32_t i = n_streams * n_slots(); i < n_all_slots + (1u << STREAM_SLOT_BITS); i++) {
        stream_drain.slots[i] = (slot_t) {.words = NULL, .limit = 0};
    }
    markers = claim(n_streams * n_slots() * sizeof(marker_t));
    streams = claim(n_streams * sizeof(stream_t));
    for (uint32_t i = 0; i < n_streams; i++) {
        inlet_t *inlet = &inlets[in[i].inlet];
        if (inlet->n_streams == 0) {
            inlet->first_stream = i;
        }
        inlet->n_streams++;
        streams[i].inlet = inlet;
        streams[i].n_words = in[i].n_words;
        for (uint32_t slot = 0; slot < n_slots(); slot++) {
            stream_drain.slots[i * n_slots() + slot].words =
                    inlet->words + slot * inlet->n_words + in[i].first;
        }
        stream_drain.slot_of_number[in[i].number - stream_drain.first_number] = i * n_slots();
    }
}

void streams_initialise(const uint32_t *words)
{
    const config_t *config = (const config_t *) words;
    stream_layout.slot_mask = config->n_slots - 1;
    stream_layout.window = config->window;
    stream_drain.first_number = config->first_number;
    stream_drain.n_numbers = config->n_numbers;
    n_inlets = config->n_inlets;
    n_streams = config->n_in;

    const in_config_t *in = (const in_config_t *) (config->rest + n_inlets);
    const stream_out_t *out_config = (const stream_out_t *) (in + n_streams);
    read_inlets(config->rest);
    read_streams(in, config->n_numbers);

    stream_out_t *out = claim(config->n_out * sizeof(stream_out_t));
    for (uint32_t i = 0; i < config->n_out; i++) {
        out[i] = out_config[i];
    }
    streams_out_set(out, config->n_out, config->send_spacing);

    streams_reset();
    packet_ring_start(config->n_ring_entries);
    stream_drain.next = packet_ring.first;
    stream_drain.end = packet_ring.end;
}

/* Opens a stream's slot for `sample`. */
static inline void slot_open(uint32_t stream, uint32_t sample)
{
    uint32_t i = stream * n_slots() + (sample & stream_layout.slot_mask);
    slot_t *slot = &stream_drain.slots[i];
    slot->hash = sample * STREAM_SAMPLE_SALT;
    slot->count = 0;
    slot->limit = streams[stream].n_words;
    markers[i].state = MARKER_AWAITED;
}

void streams_reset(void)
{
    for (uint32_t i = 0; i < n_inlets; i++) {
        inlets[i].credit = 0;
        inlets[i].n_least = inlets[i].n_streams;
        for (uint32_t slot = 0; slot < n_slots(); slot++) {
            inlets[i].complete[slot] = 0;
        }
        words_clear(inlets[i].words, n_slots() * inlets[i].n_words);
    }
    for (uint32_t i = 0; i < n_streams; i++) {
        streams[i].credit = 0;
        for (uint32_t slot = 0; slot < n_slots(); slot++) {
            slot_open(i, slot);
        }
    }
    stream_counts = (stream_counts_t) {0};
    stream_drain.received = 0;
}

static void take_credit(stream_t *stream, uint32_t credit)
{
    uint32_t before = stream->credit;
    inlet_t *inlet = stream->inlet;
    if (credit <= before) {
        stream_counts.repeated++;
        return;
    }
    stream->credit = credit;
    if (before != inlet->credit || --inlet->n_least != 0) {
        return;
    }
    uint32_t least = credit;
    for (uint32_t i = inlet->first_stream; i < inlet->first_stream + inlet->n_streams; i++) {
        if (streams[i].credit < least) {
            least = streams[i].credit;
            inlet->n_least = 0;
        }
        inlet->n_least += streams[i].credit == least;
    }
    inlet->credit = least;
}

static void check_complete(stream_t *stream, slot_t *slot, marker_t *marker, uint32_t slot_number)
{
    if (marker->state == MARKER_HERE && marker->value == stream_marker(slot->count, slot->hash)) {
        marker->state = SLOT_COMPLETE;
        stream->inlet->complete[slot_number]++;
    }
}

static void take_word(stream_t *stream, slot_t *slot, marker_t *marker, uint32_t slot_number, uint32_t index,
        uint32_t word)
{
    uint32_t before = slot->words[index];
    if (before == word || marker->state == SLOT_COMPLETE) {
        stream_counts.repeated++;
        return;
    }
    slot->count += before == 0;
    slot->hash += (word - before) * (2 * index + 1);
    slot->words[index] = word;
    check_complete(stream, slot, marker, slot_number);
}

void stream_take_slowly(uint32_t key, uint32_t payload)
{
    uint32_t index = key & STREAM_MARKER_INDEX;
    uint32_t slot_number = (key >> STREAM_INDEX_BITS) & ((1u << STREAM_SLOT_BITS) - 1);
    uint32_t number = (key >> STREAM_KEY_BITS) - stream_drain.first_number;
    uint32_t first_slot = number < stream_drain.n_numbers ? stream_drain.slot_of_number[number] : n_streams * n_slots();
    if (first_slot == n_streams * n_slots() || slot_number >= n_slots()) {
        stream_counts.foreign++;
        return;
    }
    stream_t *stream = &streams[first_slot / n_slots()];
    slot_t *slot = &stream_drain.slots[first_slot + slot_number];
    marker_t *marker = &markers[first_slot + slot_number];
    if (index < stream->n_words) {
        take_word(stream, slot, marker, slot_number, index, payload);
    } else if (index != STREAM_MARKER_INDEX) {
        stream_counts.foreign++;
    } else if (stream->n_words == 0) {
        take_credit(stream, payload);
    } else if (marker->state != MARKER_AWAITED) {
        stream_counts.repeated++;
    } else {
        marker->value = payload;
        marker->state = MARKER_HERE;
        slot->limit = 0;
        check_complete(stream, slot, marker, slot_number);
    }
}

/* A pending interrupt ends the sleep whatever the mask says; with it masked, none can slip in between the test and
 * the sleep.  Thread mode with both interrupts enabled is the only place that waits. */
static inline void interrupts_mask(void)
{
    __asm__ volatile("msr cpsr_c, #0xdf" ::: "memory");
}

static inline void interrupts_unmask(void)
{
    __asm__ volatile("msr cpsr_c, #0x1f" ::: "memory");
}

void streams_wait(void)
{
    uint32_t before = runtime_cycles();
    while (*(volatile uint32_t *) &stream_drain.next->key == PACKET_NONE) {
        interrupts_mask();
        if (*(volatile uint32_t *) &stream_drain.next->key == PACKET_NONE) {
            wait_for_interrupt();
        }
        interrupts_unmask();
    }
    stream_counts.waiting_cycles += runtime_cycles() - before;
}

uint32_t streams_received(void)
{
    return stream_drain.received;
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
    words_clear(inlet_words(number, sample), inlet->n_words);
    inlet->complete[sample & stream_layout.slot_mask] = 0;
    for (uint32_t i = 0; i < inlet->n_streams; i++) {
        slot_open(inlet->first_stream + i, sample + n_slots());
    }
}

void streams_log_missing(uint32_t sample)
{
    uint32_t slot_number = sample & stream_layout.slot_mask;
    for (uint32_t i = 0; i < n_streams; i++) {
        const slot_t *slot = &stream_drain.slots[i * n_slots() + slot_number];
        const marker_t *marker = &markers[i * n_slots() + slot_number];
        if (streams[i].n_words == 0) {
            log_warning("stream %u: credit %u", i, streams[i].credit);
        } else if (marker->state != SLOT_COMPLETE) {
            log_warning("stream %u: %u words of sample %u, %s", i, slot->count, sample,
                    marker->state == MARKER_HERE ? "marker here" : "no marker");
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
