/* Waiting for a moment to come, asleep where that is worth it. */
#ifndef STREAM_PAUSE_H
#define STREAM_PAUSE_H

#include <stdint.h>

/*
 * Waits until runtime_cycles() has come to `due`, or something has come before; asleep, where that is worth it.  What it takes
 * counts as waiting.  Timer 1 wakes the core, and begins its interval anew: while it does not run, which is outside a pass (looks_start in
 * vertex.c), there is no sleep.
 */
void streams_pause(uint32_t due);

/*
 * Waits until `spacing` cycles have passed since it last returned, and takes in what comes meanwhile.  Routers that fill the
 * links between them from both ends wait for each other until they drop packets.  Who sends much over links therefore
 * keeps its packets so far apart that the links never fill.
 */
void streams_keep_apart(uint32_t spacing);

#endif
