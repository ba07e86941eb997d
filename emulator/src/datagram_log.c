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
    if (fread(&p, sizeof p, 1, log) != 1 || p.length > FRAME_MAX || p.kind < LOG_FRAME || p.kind > LOG_RESET)
        return false;
    record->kind = (enum LogKind)p.kind;
    record->at = p.at;
    record->length = p.length;
    return fread(record->data, 1, p.length, log) == p.length;
}

void log_write_faults(FILE *log, uint64_t at, const FaultSetting *setting)
{
    LoggedFaults head = {setting->seed, setting->rules, 0};
    log_write(log, LOG_FAULTS, at, (const uint8_t *)&head, sizeof head);
    for (uint32_t i = 0; i < setting->rules; i++)
        log_write(log, LOG_FAULT_RULE, at, (const uint8_t *)&setting->rule[i], sizeof setting->rule[i]);
}

bool log_read_faults(FILE *log, const LogRecord *first, FaultSetting *setting)
{
    LoggedFaults head;
    LogRecord record;
    if (first->length != sizeof head)
        return false;
    memcpy(&head, first->data, sizeof head);
    if (head.rules > MAX_FAULT_RULES)
        return false;
    memset(setting, 0, sizeof *setting);
    setting->seed = head.seed;
    for (; setting->rules < head.rules; setting->rules++) {
        FaultRule *rule = &setting->rule[setting->rules];
        if (!log_read(log, &record) || record.kind != LOG_FAULT_RULE || record.length != sizeof *rule)
            return false;
        memcpy(rule, record.data, sizeof *rule);
    }
    return true;
}
