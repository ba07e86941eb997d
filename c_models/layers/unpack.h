/* Words that the host has put into fewer bytes; vertices/packing.py says how. */
#ifndef UNPACK_H
#define UNPACK_H

#include <stdint.h>

/* The words of one region.  Returns where the next one's bytes begin. */
const uint8_t *unpack(const uint8_t *from, uint32_t *to);

#endif
