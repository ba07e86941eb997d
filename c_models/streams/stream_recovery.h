/*
 * What got lost is asked for, and sent again.
 *
 * Consumer.  While a core waits, it *looks* now and then (streams_look_later) at the streams that it waits for.  A stream from
 * which nothing new has come since the last look is asked for: soon if some of the sample is here or the producer has gone on,
 * else after more looks; each further request waits twice as long.
 *
 *   key     = a stream that leads to the producer | STREAM_REQUEST_INDEX
 *   payload = stream number | pass, 4 bits | sample, 12 bits
 *
 * Producer.  It answers when it waits, and between two samples: with the whole sample, zeros included, so that whatever else has got into the
 * slot is overwritten; or, if it has not sent it yet, with STREAM_ALIVE_INDEX.  Sent vectors are kept for that: stream_kept.h.
 * Vertices that have ended a pass go on answering; the pass is over when all have ended it.
 *
 * A producer that answers nothing for a second of machine time is gone: streams_on_silence is called.
 */
#ifndef STREAM_RECOVERY_H
#define STREAM_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

struct stream_t;

/* For a timer's interrupt: next time that the core waits, it looks. */
void streams_look_later(void);

/* Called when the producer of an incoming stream (number in the configuration) does not answer; does not return. */
extern void (*streams_on_silence)(uint32_t stream, uint32_t sample);

/* Answers what was asked for. */
void streams_answer(void);

/* Takes what has come and answers, in a core that has ended its pass. */
void streams_serve(void);

/* Answers, and looks at what is waited for where it is time. */
void streams_attend(void);

/* Takes a request from the wire. */
void stream_take_request(uint32_t payload);

/* Takes what is no marker, and did not go straight to its place, for a slot. */
void stream_take_rarely(struct stream_t *stream, uint32_t slot, uint32_t index, uint32_t payload);

#endif
