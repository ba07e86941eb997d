/*
 * Rules as text, as faults.py writes them, and whether they can be rules of a machine.  Both are checked: rules also come from logs.
 */
#include "machine.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Reads numbers up to `end`; false: something else stands there. */
static bool numbers(const char *text, const char *end, uint64_t *number, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        while (text < end && *text == ' ')
            text++;
        char *after;
        errno = 0;
        number[i] = strtoull(text, &after, 10);
        if (after == text || after > end || errno || *text == '-' || *text == '+')
            return false;
        text = after;
    }
    return text == end;
}

static uint64_t later(uint64_t time, uint64_t now) { return time == NEVER || time > NEVER - 1 - now ? NEVER : time + now; }

/* In the order of faults.py. */
static bool rule_of(const uint64_t *n, FaultRule *rule, uint64_t now)
{
    enum { KIND, PLACE, X, Y, PART, TYPES, SYSTEM, BOTH, KEY, MASK, EVERY, AMOUNT, HOLD, RATE, RELATIVE, FROM, UNTIL, AFTER, LEFT };
    for (unsigned i = KIND; i <= BOTH; i++)
        if (n[i] > UINT8_MAX)
            return false;
    for (unsigned i = KEY; i <= HOLD; i++)
        if (n[i] > UINT32_MAX)
            return false;
    *rule = (FaultRule){
        .kind = (uint8_t)n[KIND], .place = (uint8_t)n[PLACE], .x = (uint8_t)n[X], .y = (uint8_t)n[Y], .part = (uint8_t)n[PART],
        .types = (uint8_t)n[TYPES], .system_too = n[SYSTEM] != 0, .both_ways = n[BOTH] != 0, .key = (uint32_t)n[KEY],
        .mask = (uint32_t)n[MASK], .every = (uint32_t)n[EVERY], .amount = (uint32_t)n[AMOUNT], .hold = (uint32_t)n[HOLD],
        .rate = n[RATE], .from = n[RELATIVE] ? later(n[FROM], now) : n[FROM],
        .until = n[RELATIVE] ? later(n[UNTIL], now) : n[UNTIL], .after = n[AFTER], .left = n[LEFT]};
    return true;
}

bool fault_text_read(const char *text, FaultSetting *setting, uint64_t now, const char **why)
{
    enum { NUMBERS = 19 };
    memset(setting, 0, sizeof *setting);
    *why = "what is said about faults cannot be read";
    while (*text) {
        const char *end = strchr(text, ';');
        if (!end)
            end = text + strlen(text);
        uint64_t number[NUMBERS];
        if (strncmp(text, "seed ", 5) == 0 && numbers(text + 5, end, number, 1)) {
            setting->seed = number[0];
        } else if (strncmp(text, "datagrams ", 10) == 0 && numbers(text + 10, end, number, DATAGRAM_FAULTS)) {
            memcpy(setting->datagram_rate, number, sizeof setting->datagram_rate);
        } else if (strncmp(text, "spare ", 6) == 0 && numbers(text + 6, end, number, 2) && number[1] <= UINT8_MAX) {
            setting->spare_commands = number[0];
            setting->spare_ports = (uint32_t)number[1];
        } else if (strncmp(text, "rule ", 5) == 0 && numbers(text + 5, end, number, NUMBERS)) {
            if (setting->rules == MAX_FAULT_RULES) {
                *why = "there are too many rules about faults";
                return false;
            }
            if (!rule_of(number, &setting->rule[setting->rules++], now))
                return false;
        } else {
            return false;
        }
        text = *end ? end + 1 : end;
    }
    return true;
}

static bool numbers_fit(const FaultRule *rule)
{
    bool packets = rule->kind <= FAULT_DELAY;
    return rule->kind < FAULT_KINDS && rule->place < FAULT_PLACES && rule->rate <= CERTAIN && rule->types < 1u << PACKET_TYPES
        && (rule->kind != FAULT_REORDER || (rule->amount > 0 && rule->amount <= UINT16_MAX))
        && (rule->kind != FAULT_SLOW_CORE || rule->amount >= SLOW_UNIT)
        && ((rule->kind != FAULT_REORDER && rule->kind != FAULT_DELAY) || rule->hold > 0)
        && (rule->place != FAULT_TO_CORE || rule->kind == FAULT_LOSE || rule->kind == FAULT_CORRUPT || !packets);
}

bool fault_rule_place(Machine *m, FaultRule *rule, const char **why)
{
    bool packets = rule->kind <= FAULT_DELAY;
    *why = "a rule about faults is none";
    if (!numbers_fit(rule))
        return false;
    if (packets && rule->place == FAULT_ANYWHERE)
        return true;
    const Chip *chip = board_chip_at(m, rule->x, rule->y);
    *why = "a rule about faults names a chip that is not there";
    if (!chip)
        return false;
    rule->chip = chip->id;
    bool link = packets ? rule->place == FAULT_ON_LINK : rule->kind == FAULT_KILL_LINK;
    bool core = packets ? rule->place != FAULT_ON_LINK : rule->kind == FAULT_KILL_CORE || rule->kind == FAULT_SLOW_CORE;
    *why = "a rule about faults names a link that leads nowhere";
    if (link) {
        const LinkOutput *out = &chip->router.out[rule->part % LINKS];
        if (rule->part >= LINKS || !(out->connected || out->dead))
            return false;
        if (packets) {                       /* what left by this link is taken at its other end */
            rule->chip = out->to_chip;
            rule->input = out->to_link;
        }
    }
    *why = "a rule about faults names a core that is not there";
    if (core) {
        if (rule->part >= CORES)
            return false;
        rule->input = (uint8_t)(LINKS + rule->part);
    }
    return true;
}

bool fault_setting_place(Machine *m, FaultSetting *setting, const char **why)
{
    for (uint32_t i = 0; i < setting->rules; i++)
        if (!fault_rule_place(m, &setting->rule[i], why))
            return false;
    return true;
}
