/* What comes late, or out of order, or for nobody: all but the marker behind a sample that is whole. */
#ifndef STREAM_LATE_H
#define STREAM_LATE_H

#include <stdbool.h>
#include <stdint.h>

/* Takes a packet out of the ring, whatever it is. */
void stream_take_slowly(uint32_t key, uint32_t payload);

/* Looks whether samples are whole now whose markers came before their words; whether any is. */
bool streams_look_at_early(void);

/* While a core waits, does what else there is to do: early samples, and what streams_attend does; whether anything may be ready now. */
bool streams_look_after(void);

struct stream_t;

/* The checksum `fold`, and that of the words in a slot of a stream where these are no single run. */
uint32_t stream_fold_scattered(const uint32_t *words, const struct stream_t *stream, uint32_t fold);

#endif
