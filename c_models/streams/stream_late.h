/* What comes late, or out of order, or for nobody: all but the marker behind a sample that is whole. */
#ifndef STREAM_LATE_H
#define STREAM_LATE_H

#include <stdbool.h>
#include <stdint.h>

/* Takes a packet out of the ring, whatever it is. */
void stream_take_slowly(uint32_t key, uint32_t payload);

/* Looks whether samples are whole now whose markers came before their words; whether any is. */
bool streams_look_at_early(void);

struct stream_t;
struct slot_t;

/* The checksum `fold`, and of what is in a slot of a stream whose words are no single run. */
uint32_t stream_fold_scattered(const struct stream_t *stream, uint32_t fold, const struct slot_t *slot);

#endif
