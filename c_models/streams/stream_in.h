/*
 * Streams into this core.  A stream carries one vector of 32-bit words per sample from one producer.
 *
 *   key     = stream number | slot | index        (stream_layout.h)
 *   payload = the word: one 32-bit value, or two 16-bit values, index 2i in the low half
 *
 * Words of value zero are not sent.  The end of a sample is its marker, the packet whose index is all ones:
 * payload = packets sent (12 bits) | checksum (20 bits).  The checksum is the top of
 *   sample * STREAM_SAMPLE_SALT + sum over the packets of word * (2 * index + 1)    (mod 2**32),
 * so it does not depend on the order of arrival; every loss changes it.  Words are stored by slot and index, so
 * a packet that comes twice overwrites itself.  A slot is complete when marker and count and checksum agree.
 *
 * The streams that carry parts of the same vector, or several vectors to be added, form an inlet: one block of words
 * per slot, in which each stream has its place.
 */
#ifndef STREAM_IN_H
#define STREAM_IN_H

#include <stdbool.h>
#include <stdint.h>

#define STREAM_SAMPLE_SALT 0x9e3779b1u
#define STREAM_MARKER_COUNT_SHIFT 20
#define STREAM_MARKER_CHECKSUM_SHIFT 12

static inline uint32_t stream_marker(uint32_t count, uint32_t hash)
{
    return (count << STREAM_MARKER_COUNT_SHIFT) | (hash >> STREAM_MARKER_CHECKSUM_SHIFT);
}

/* Reads the configuration (layout: vertices/stream_config.py), claims DTCM, starts receiving. */
void streams_initialise(const uint32_t *config);

/* Forgets everything received: the state before the first sample of a pass. */
void streams_reset(void);

/* Takes what has arrived since the last call to its place. */
void streams_drain(void);

/* Sleeps until something arrives. */
void streams_wait(void);

/* Whether every stream of the inlet has all of this sample. */
bool inlet_ready(uint32_t inlet, uint32_t sample);

/* The inlet's words of this sample: as configured, streams side by side. */
uint32_t *inlet_words(uint32_t inlet, uint32_t sample);

/* Clears the sample's slot for the sample that uses it next. */
void inlet_free(uint32_t inlet, uint32_t sample);

/* For inlets of streams without words: how many samples every producer has let go of. */
uint32_t inlet_credit(uint32_t inlet);

/* Writes to IOBUF which streams have not all of this sample. */
void streams_log_missing(uint32_t sample);

/* Samples that may be on the way at once. */
uint32_t streams_window(void);

/* For the report. */
typedef struct stream_counts_t {
    uint32_t repeated;            /* packets that had come before */
    uint32_t foreign;             /* packets of no stream of this core, or beyond its words */
    uint32_t sent;
    uint32_t waiting_cycles;      /* since the last reset, mod 2**32; see streams_wait */
} stream_counts_t;

extern stream_counts_t stream_counts;

/* Packets received since the last reset. */
uint32_t streams_received(void);

#endif
