/* What the host did to a machine, with the emulated time of each: enough to repeat a run. */
#ifndef SPINNEMU_DATAGRAM_LOG_H
#define SPINNEMU_DATAGRAM_LOG_H
#include "machine.h"
#include <stdio.h>

enum LogKind {
    LOG_FRAME = 1, LOG_BOOT = 2, LOG_END = 3,
    LOG_FAULTS = 4,                          /* the seed of new rules, and how many records of them follow */
    LOG_FAULT_RULE = 5,
    LOG_FAULT_MORE = 6,                      /* one rule more */
    LOG_RESET = 7
};

/* Of LOG_FAULTS. */
typedef struct LoggedFaults { uint64_t seed; uint32_t rules, reserved; } LoggedFaults;

typedef struct LogRecord {
    enum LogKind kind;
    unsigned board;                          /* that LOG_FRAME and LOG_BOOT went to */
    uint64_t at;                             /* cycles */
    uint32_t length;
    uint8_t data[FRAME_MAX];
} LogRecord;

enum { LOG_BEGIN_BYTES = 16 };
/* The file's first bytes; `identity` says which machine, in which state. */
bool log_begin(FILE *log, uint64_t identity);
bool log_write(FILE *log, enum LogKind kind, unsigned board, uint64_t at, const uint8_t *data, uint32_t length);
/* Closes it; false: something of it could not be written. */
bool log_end(FILE *log);

/* Whether the file begins as a log of that machine does; `*wrong` says why not. */
bool log_is_of(FILE *log, uint64_t identity, const char **wrong);
/* The next record.  A whole log ends with LOG_END: where there is none before that, false, and `*wrong` says why. */
bool log_read(FILE *log, LogRecord *record, const char **wrong);

void log_write_faults(FILE *log, uint64_t at, const FaultSetting *setting);
/* What follows a record of LOG_FAULTS; not placed on a machine yet. */
bool log_read_faults(FILE *log, const LogRecord *first, FaultSetting *setting, const char **wrong);
#endif
