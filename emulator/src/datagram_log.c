#include "datagram_log.h"
#include <string.h>

/* A record: kind u32, length u32, time u64, bytes; little-endian as the host. */
typedef struct Prefix { uint32_t kind, length; uint64_t at; } Prefix;

bool log_write(FILE *log, enum LogKind kind, uint64_t at, const uint8_t *data, uint32_t length)
{
    Prefix p = {kind, length, at};
    return !log || (fwrite(&p, sizeof p, 1, log) == 1
                    && (length == 0 || fwrite(data, 1, length, log) == length));
}

bool log_read(FILE *log, LogRecord *record)
{
    Prefix p;
    if (fread(&p, sizeof p, 1, log) != 1 || p.length > FRAME_MAX || p.kind < LOG_FRAME || p.kind > LOG_FAULTS)
        return false;
    record->kind = (enum LogKind)p.kind;
    record->at = p.at;
    record->length = p.length;
    return fread(record->data, 1, p.length, log) == p.length;
}
