/*
 * Guards behind the memories of a machine, in a build with an address sanitiser: all of a machine is one piece of memory, in
 * which it would take an access behind one memory for one to the next.  In other builds they are not there.
 */
#ifndef SPINNEMU_GUARD_H
#define SPINNEMU_GUARD_H
#include <stdbool.h>
#include <stdint.h>

#if defined __SANITIZE_ADDRESS__             /* GCC */
#define ADDRESS_SANITIZER
#elif defined __has_feature                  /* Clang */
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER
#endif
#endif

#ifdef ADDRESS_SANITIZER
enum { GUARD_BYTES = 64 };
#define GUARD(NAME) uint8_t NAME[GUARD_BYTES];
#else
enum { GUARD_BYTES = 0 };
#define GUARD(NAME)
#endif

struct Machine;

/* Whether the guards are out of bounds: not while a snapshot copies whole pages. */
void machine_guard(struct Machine *m, bool on);

#endif
