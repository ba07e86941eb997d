/*
 * Streams into this core.  A stream carries one vector of 32-bit words per sample from one producer.
 *
 *   key     = stream number | slot | index        (stream_layout.h)
 *   payload = the word: one 32-bit value, or two 16-bit values, index 2i in the low half
 *
 * Words of value zero are not sent.  The end of a sample is its marker, the packet whose index is all ones:
 * payload = checksum of the sample.  That begins with
 *   number of the sample * STREAM_SAMPLE_SALT     (mod 2**32),
 * which tells the pass as well, and takes all words, zeros among them, in the order of their index (words_fold.h): the consumer
 * makes it of what is in the slot, in whatever order that came.  Words are stored by slot and index, so a packet that comes twice
 * overwrites itself.  A slot is complete when the marker has come and the checksums agree.  What does not come is asked for:
 * stream_recovery.h.
 *
 * Half of an inlet's slots are open, those of the samples that its producers may send.  The others ignore what comes: a sample
 * that was sent again for somebody else, or packets that were long on their way.
 *
 * The streams that carry parts of the same vector, or several vectors to be added, form an inlet: one block of words
 * per slot, in which each stream has its place.
 */
#ifndef STREAM_IN_H
#define STREAM_IN_H

#include <stdbool.h>
#include <stdint.h>

#define STREAM_SAMPLE_SALT 0x9e3779b1u
#define STREAM_PASS_SHIFT 24              /* number of the pass, in that of a sample and in a credit */

/* Reads the configuration (layout: vertices/stream_config.py), claims DTCM, starts receiving.
 * `log`: SDRAM for what has been sent. */
void streams_initialise(const uint32_t *config, uint32_t *log);

/* The start of a pass: nothing of it has been sent. */
void streams_begin(void);

/* Forgets everything received: the state before the first sample of the next pass. */
void streams_reset(void);

/* Takes what has arrived since the last call to its place. */
void streams_drain(void);

/* Sleeps until something arrives; asks for what does not, and sends again what somebody has asked for. */
void streams_wait(void);

/* Whether every stream of the inlet has all of this sample. */
bool inlet_ready(uint32_t inlet, uint32_t sample);

/* The inlet's words of this sample: as configured, streams side by side. */
uint32_t *inlet_words(uint32_t inlet, uint32_t sample);

/* Ends the use of a sample, and opens the slot of the one that this permits. */
void inlet_free(uint32_t inlet, uint32_t sample);

/* Opens the slot of an inlet that holds one sample only: inlet_free leaves it closed. */
void inlet_open(uint32_t inlet, uint32_t sample);

/* For inlets of streams without words: whether every producer has let go of so many samples. */
bool inlet_has_credit(uint32_t inlet, uint32_t n_samples);

/* Samples that may be on the way at once. */
uint32_t streams_window(void);

/* For the report. */
typedef struct stream_counts_t {
    uint32_t repeated;            /* packets that had come before */
    uint32_t foreign;             /* packets of no stream of this core, or beyond its words */
    uint32_t resent;              /* because somebody asked */
    uint32_t requests;            /* sent */
    uint32_t waiting_cycles;      /* since the last reset, mod 2**32; see streams_wait */
} stream_counts_t;

extern stream_counts_t stream_counts;

/* Packets received since the last call, of every kind. */
uint32_t streams_received(void);

/* Packets sent since the last call. */
uint32_t streams_sent(void);

/* Copies the number of all packets that have come since the start, every stream_t, then every stream_out_t: what is counted of a
 * stream is in them. */
void streams_copy_counts(uint32_t *to);

#endif
