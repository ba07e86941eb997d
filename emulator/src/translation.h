/* Libraries of translated pages that are loaded, and what their makers need to know of instructions. */
#ifndef SPINNEMU_TRANSLATION_H
#define SPINNEMU_TRANSLATION_H

#include "translated.h"

/*
 * Load a library for all machines of this process; before cores run.
 * `key` names the engine's sources: a library that was made with others is refused.
 */
bool translation_load(const char *path, const char *key);

/* The code for a page whose bytes (with the lookahead) are these, or NULL. */
TranslatedCode *translation_find(const uint8_t *bytes, unsigned number, bool thumb);

#endif
