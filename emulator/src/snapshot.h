/* See snapshot.c.  The machine loaded into must be new: what the file does not hold is zero. */
#ifndef SPINNEMU_SNAPSHOT_H
#define SPINNEMU_SNAPSHOT_H
#include "machine.h"
bool snapshot_save(Machine *m, const char *path, const char *key);
bool snapshot_load(Machine *m, const char *path, const char *key);
#endif
