#ifndef SPINNEMU_FUSE_H
#define SPINNEMU_FUSE_H

#include "code_cache.h"
#include "decoded.h"

/* Replace the handler of each entry that begins a known sequence. */
void fuse_sequences(const Decoded *decoded, Entry *entries, unsigned count);

#endif
