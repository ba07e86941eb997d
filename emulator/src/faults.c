/* Which packets come to harm, and what becomes of them; when parts die. */
#include "machine.h"
#include "random.h"

enum { SYSTEM_KEYS = 0xffff };               /* upper half of the keys of SC&MP's signals */

static bool of_system(const Packet *p) { return packet_type(p) == PACKET_MC && p->key >> 16 == SYSTEM_KEYS; }

static bool harms_packets(const FaultRule *rule) { return rule->kind <= FAULT_DELAY; }

static uint64_t draw(Faults *f) { return random_number(f->setting.seed, ++f->draws); }

/* --- rules -------------------------------------------------------------------------------- */

void faults_refresh(Machine *m)
{
    Faults *f = &m->faults;
    f->watch = f->held.count > 0;
    f->copies = false;
    f->next_after = NEVER;
    uint64_t next = NEVER;
    for (uint32_t i = 0; i < f->setting.rules; i++) {
        const FaultRule *rule = &f->setting.rule[i];
        if (harms_packets(rule)) {
            f->copies |= rule->left && rule->place == FAULT_TO_CORE;
            f->watch |= rule->left && (rule->place != FAULT_TO_CORE || rule->after);
            continue;
        }
        if (rule->after > f->sent) {
            f->watch = true;
            if (rule->after < f->next_after)
                f->next_after = rule->after;
        } else if (rule->from < next) {
            next = rule->from;
        }
    }
    events_set_unit(m, UNIT_FAULTS, next);
}

static void happens(Machine *m, const FaultRule *rule)
{
    if (rule->kind == FAULT_SLOW_CORE) {
        slow_core(m, rule);
    } else {
        DeadParts dead = m->faults.dead;
        dead_add(m, &dead, rule);
        dead_parts_die(m, &dead);
    }
    m->faults.counts.happened[rule->kind]++;
}

void faults_due(Machine *m, uint64_t now)
{
    FaultSetting *s = &m->faults.setting;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->rules; i++) {
        FaultRule rule = s->rule[i];
        if (harms_packets(&rule) || rule.from > now || rule.after > m->faults.sent)
            s->rule[kept++] = rule;
        else
            happens(m, &rule);
    }
    s->rules = kept;
    faults_refresh(m);
}

void faults_set(Machine *m, const FaultSetting *setting)
{
    Faults *f = &m->faults;
    f->setting = *setting;
    f->draws = f->sent = 0;
    f->ever = true;
    faults_due(m, m->now);
}

void faults_add(Machine *m, const FaultRule *rule)
{
    Faults *f = &m->faults;
    if (f->setting.rules == MAX_FAULT_RULES)
        return;
    FaultRule *added = &f->setting.rule[f->setting.rules++];
    *added = *rule;
    if (added->after)
        added->after += f->sent;
    f->ever = true;
    faults_due(m, m->now);
}

/* --- packets ------------------------------------------------------------------------------ */

static bool matches(const FaultRule *rule, const Packet *p, uint64_t now, uint64_t sent)
{
    return rule->left && now >= rule->from && now < rule->until && sent >= rule->after
        && rule->types >> packet_type(p) & 1 && (p->key & rule->mask) == rule->key
        && (rule->system_too || !of_system(p));
}

/* The rule that takes the packet, if any.  One number decides between all that have a probability, so that each keeps its
 * own whatever the others are. */
static FaultRule *pick(Machine *m, const Packet *p, bool copy, uint32_t chip, uint32_t input, uint64_t now, uint64_t sent)
{
    Faults *f = &m->faults;
    uint64_t number = 0, passed = 0;
    bool drawn = false;
    for (uint32_t i = 0; i < f->setting.rules; i++) {
        FaultRule *rule = &f->setting.rule[i];
        if (!harms_packets(rule) || (rule->place == FAULT_TO_CORE) != copy
            || (rule->place != FAULT_ANYWHERE && (rule->chip != chip || rule->input != input))
            || !matches(rule, p, now, sent))
            continue;
        bool hit;
        if (rule->every) {
            hit = ++rule->seen >= rule->every;
            if (hit)
                rule->seen = 0;
        } else if (rule->rate >= CERTAIN) {
            hit = true;
        } else {
            if (!drawn)
                number = draw(f) >> 1;
            drawn = true;
            passed += rule->rate;
            hit = number < passed;
        }
        if (!hit)
            continue;
        if (rule->left != NEVER)
            rule->left--;
        return rule;
    }
    return NULL;
}

void faults_vanished(Machine *m, Chip *chip, uint32_t port, const Packet *packet, uint64_t deliveries)
{
    FaultCounts *n = &m->faults.counts;
    m->counters.lost_on_request++;
    n->vanished_at[chip->id][port]++;
    if (packet_type(packet) == PACKET_MC)
        n->deliveries_lost += deliveries;
}

/* One bit of key or payload. */
static void flip(Faults *f, Packet *p)
{
    uint32_t bit = (uint32_t)random_below(draw(f), packet_has_payload(p) ? 64 : 32);
    *(bit < 32 ? &p->key : &p->payload) ^= 1u << bit % 32;
    p->control |= CONTROL_WRONG_PARITY;
}

static bool hold(Machine *m, Chip *chip, uint32_t input, const Packet *p, uint64_t now, uint64_t due, uint32_t to_pass)
{
    if (held_put(m, chip, input, p, now, due, to_pass))
        return true;
    m->faults.counts.not_held++;
    return false;
}

static enum PacketFate harm(Machine *m, Chip *chip, uint32_t input, const FaultRule *rule, uint64_t now)
{
    Faults *f = &m->faults;
    Packet *p = &chip->router.current;
    uint64_t *happened = f->counts.happened;
    switch (rule->kind) {
    case FAULT_LOSE:
        happened[FAULT_LOSE]++;
        faults_vanished(m, chip, input, p, deliveries_of(m, chip, p));
        return FATE_GONE;
    case FAULT_DROP:
        happened[FAULT_DROP]++;
        return FATE_DROPPED;
    case FAULT_CORRUPT:
        happened[FAULT_CORRUPT]++;
        faults_vanished(m, chip, input, p, deliveries_of(m, chip, p));
        flip(f, p);
        router_error(chip, p);
        return FATE_GONE;
    case FAULT_DUPLICATE:
        if (hold(m, chip, input, p, now, now, 0)) {
            happened[FAULT_DUPLICATE]++;
            if (packet_type(p) == PACKET_MC)
                f->counts.deliveries_added += deliveries_of(m, chip, p);
        }
        return FATE_PASSES;
    case FAULT_REORDER:                      /* counted when it has been overtaken */
        return hold(m, chip, input, p, now, now + rule->hold, 1 + (uint32_t)random_below(draw(f), rule->amount))
             ? FATE_GONE : FATE_PASSES;
    default:
        if (!hold(m, chip, input, p, now, now + 1 + random_below(draw(f), rule->hold), 0))
            return FATE_PASSES;
        happened[FAULT_DELAY]++;
        return FATE_GONE;
    }
}

enum PacketFate faults_of_taken(Machine *m, Chip *chip, uint32_t input, uint64_t now)
{
    Faults *f = &m->faults;
    const Packet *p = &chip->router.current;
    if (input == HELD_INPUT)
        return FATE_PASSES;                  /* it has had its share */
    uint64_t sent = f->sent;
    if (input >= LINKS && packet_type(p) == PACKET_MC && !of_system(p) && ++f->sent == f->next_after)
        events_set_unit(m, UNIT_FAULTS, now);
    const FaultRule *rule = pick(m, p, false, chip->id, input, now, sent);
    enum PacketFate fate = rule ? harm(m, chip, input, rule, now) : FATE_PASSES;
    if (fate == FATE_PASSES)
        held_passed(m, chip, input, now);
    if (rule && !rule->left)
        faults_refresh(m);
    return fate;
}

bool faults_of_copy(Machine *m, Core *core, const Packet *packet, uint64_t now)
{
    Faults *f = &m->faults;
    Chip *chip = core->chip;
    uint32_t port = LINKS + core->id;
    const FaultRule *rule = pick(m, packet, true, chip->id, port, now, f->sent);
    if (!rule)
        return false;
    f->counts.happened[rule->kind]++;
    faults_vanished(m, chip, port, packet, 1);
    if (rule->kind == FAULT_CORRUPT) {
        Packet wrong = *packet;
        flip(f, &wrong);
        cc_push(m, core, &wrong, now);
        m->counters.delivered[packet_type(packet)]--;        /* not this packet */
    }
    if (!rule->left)
        faults_refresh(m);
    return true;
}
