#include "machine.h"
#include <stdlib.h>
#include <string.h>

static bool number(const char **text, uint32_t most, uint32_t *value)
{
    char *after;
    if (**text == ' ')
        (*text)++;
    if (**text < '0' || **text > '9')
        return false;
    unsigned long long n = strtoull(*text, &after, 10);
    *text = after;
    *value = (uint32_t)n;
    return n <= most;
}

static bool read_groups(const char **text, uint8_t *group_of)
{
    uint32_t start = 0, end, group;
    while (**text != '|') {
        if (!number(text, ITCM_BYTES, &end) || !number(text, PROFILE_GROUPS - 1, &group) || end <= start || end % 2)
            return false;
        memset(group_of + start / 2, (int)group, (end - start) / 2);
        start = end;
        if (**text == ' ')
            (*text)++;
    }
    (*text)++;
    return true;
}

static bool read_cores(Machine *m, Profile *profile, const char **text, const uint8_t *group_of)
{
    uint32_t start, stop;
    if (!number(text, ITCM_BYTES, &start) || !number(text, ITCM_BYTES, &stop))
        return false;
    while (**text == ' ') {
        uint32_t x, y, core;
        if (!number(text, 255, &x) || !number(text, 255, &y) || !number(text, CORES - 1, &core))
            return false;
        const Chip *chip = board_chip_at(m, (int)x, (int)y);
        if (!chip || profile->core[chip->id][core].group_of)
            return false;
        profile->core[chip->id][core] = (CoreProfile){.group_of = group_of, .start = start, .stop = stop};
    }
    return true;
}

static bool read_programs(Machine *m, Profile *profile, const char *text)
{
    for (uint32_t i = 0; i < PROFILE_PROGRAMS; i++) {
        if (!read_groups(&text, profile->group_of[i]) || !read_cores(m, profile, &text, profile->group_of[i]))
            return false;
        if (*text != ';')
            return strcmp(text, ".") == 0;
        text++;
    }
    return false;
}

/* A core that sleeps has stayed behind; one that runs is in an instruction. */
static uint64_t time_of(const Machine *m, const Core *core) { return m->now > core->cpu.cycles ? m->now : core->cpu.cycles; }

static void use(Machine *m, Profile *profile)
{
    for (unsigned i = 0; i < m->chips; i++)
        for (unsigned c = 0; c < CORES; c++) {
            Core *core = &m->chip[i].core[c];
            bool wanted = profile && profile->core[i][c].group_of;
            core->profile = wanted ? &profile->core[i][c] : NULL;
            core_steps_changed(core);
            if (wanted) {
                core->profile->on = core->profile->start & 1;
                core->profile->since = time_of(m, core);
            }
        }
    free(m->profile);
    m->profile = profile;
}

bool profile_start(Machine *m, const char *text, const char **why)
{
    Profile *profile = calloc(1, sizeof *profile);
    *why = "no memory for a profile";
    if (!profile)
        return false;
    if (!read_programs(m, profile, text)) {
        *why = "what is said about a profile cannot be read, or names a core that is not there, or one twice";
        free(profile);
        return false;
    }
    profile->since = m->now;
    use(m, profile);
    return true;
}

void profile_stop(Machine *m) { use(m, NULL); }

uint64_t profile_span(const Machine *m, const Core *core)
{
    const CoreProfile *profile = core->profile;
    return profile->span + (profile->on ? time_of(m, core) - profile->since : 0);
}
