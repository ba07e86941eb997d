#include "datagram_log.h"
#include <string.h>

/* A record: kind u16, board u16, length u32, time u64, hash u64 of all but itself, bytes; little-endian as the host. */
typedef struct Prefix { uint16_t kind, board; uint32_t length; uint64_t at, hash; } Prefix;

static const char magic[8] = "SPNLOG2";
#define LATEST (1ull << 56)                  /* cycles: eleven years */

static uint64_t hash(const Prefix *p, const uint8_t *data)
{
    uint64_t h = (p->at * 0x9e3779b97f4a7c15ull ^ p->kind ^ (uint64_t)p->board << 16) * 0x9e3779b97f4a7c15ull ^ p->length;
    for (uint32_t i = 0; i < p->length; i++)
        h = (h ^ data[i]) * 0x100000001b3ull;
    return h ^ h >> 32;
}

bool log_begin(FILE *log, uint64_t identity)
{
    return fwrite(magic, sizeof magic, 1, log) == 1 && fwrite(&identity, sizeof identity, 1, log) == 1;
}

bool log_write(FILE *log, enum LogKind kind, unsigned board, uint64_t at, const uint8_t *data, uint32_t length)
{
    if (!log)
        return true;
    Prefix p = {(uint16_t)kind, (uint16_t)board, length, at, 0};
    p.hash = hash(&p, data);
    return fwrite(&p, sizeof p, 1, log) == 1 && (length == 0 || fwrite(data, 1, length, log) == length);
}

bool log_end(FILE *log)
{
    if (!log)
        return true;
    bool good = ferror(log) == 0;
    return fclose(log) == 0 && good;
}

bool log_is_of(FILE *log, uint64_t identity, const char **wrong)
{
    char found[sizeof magic];
    uint64_t of;
    *wrong = "it is no log of an emulated machine";
    if (fread(found, sizeof found, 1, log) != 1 || memcmp(found, magic, sizeof magic) != 0)
        return false;
    *wrong = "it is cut off";
    if (fread(&of, sizeof of, 1, log) != 1)
        return false;
    *wrong = "it is of a machine that was started with another board, address, boot or list of dead parts";
    return of == identity;
}

bool log_read(FILE *log, LogRecord *record, const char **wrong)
{
    Prefix p;
    *wrong = "it is cut off";
    if (fread(&p, sizeof p, 1, log) != 1)
        return false;
    *wrong = "it is damaged";
    if (p.length > FRAME_MAX || p.kind < LOG_FRAME || p.kind > LOG_RESET || p.board >= MAX_BOARDS || p.at > LATEST)
        return false;
    *wrong = "it is cut off";
    if (fread(record->data, 1, p.length, log) != p.length)
        return false;
    *wrong = "it is damaged";
    if (hash(&p, record->data) != p.hash)
        return false;
    record->kind = (enum LogKind)p.kind;
    record->board = p.board;
    record->at = p.at;
    record->length = p.length;
    return true;
}

void log_write_faults(FILE *log, uint64_t at, const FaultSetting *setting)
{
    LoggedFaults head = {setting->seed, setting->rules, 0};
    log_write(log, LOG_FAULTS, 0, at, (const uint8_t *)&head, sizeof head);
    for (uint32_t i = 0; i < setting->rules; i++)
        log_write(log, LOG_FAULT_RULE, 0, at, (const uint8_t *)&setting->rule[i], sizeof setting->rule[i]);
}

bool log_read_faults(FILE *log, const LogRecord *first, FaultSetting *setting, const char **wrong)
{
    LoggedFaults head;
    LogRecord record;
    *wrong = "it is damaged";
    if (first->length != sizeof head)
        return false;
    memcpy(&head, first->data, sizeof head);
    if (head.rules > MAX_FAULT_RULES)
        return false;
    memset(setting, 0, sizeof *setting);
    setting->seed = head.seed;
    for (; setting->rules < head.rules; setting->rules++) {
        FaultRule *rule = &setting->rule[setting->rules];
        if (!log_read(log, &record, wrong))
            return false;
        *wrong = "it is damaged";
        if (record.kind != LOG_FAULT_RULE || record.length != sizeof *rule)
            return false;
        memcpy(rule, record.data, sizeof *rule);
    }
    return true;
}
