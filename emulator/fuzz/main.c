#include "fuzz.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifdef ADDRESS_SANITIZER
#include <sanitizer/common_interface_defs.h>

/* So that this one, too, comes past ending(): by SIGABRT. */
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void) { return "abort_on_error=1:print_stacktrace=1"; }
#endif

static const Target *const targets[] = {
    &host_target, &board_frames_target, &boot_rom_target, &log_target, &boot_packets_target, &devices_target, &programs_target,
    &code_pages_target, &scamp_target, &snapshot_target, &mistake_target };
enum { TARGETS = sizeof targets / sizeof targets[0], WEIGHTS = 10000, ALL = TARGETS };
enum { HANG_SECONDS = 20 };                  /* of processor time, on one input */

const char *boot_image_path;

/* --- what is going on, for a finding --- */

static struct {
    const Target *target;
    uint64_t seed, number, seen;             /* of the input; at the last look for a hang */
    const char *folder;
    Input *inputs;                           /* of the round */
    uint32_t count, room;
    bool ended;
} now;

static void keep(const Input *in)
{
    if (now.count == now.room) {
        now.room = now.room ? 2 * now.room : 64;
        now.inputs = realloc(now.inputs, now.room * sizeof *now.inputs);
        if (!now.inputs)
            abort();
    }
    Input *to = &now.inputs[now.count++];
    to->length = in->length;
    memcpy(to->data, in->data, in->length);
}

/* The inputs of the round up to the last, each behind its length. */
static void save(const char *path)
{
    FILE *file = fopen(path, "wb");
    bool good = file != NULL;
    for (uint32_t i = 0; good && i < now.count; i++)
        good = fwrite(&now.inputs[i].length, 4, 1, file) == 1
            && fwrite(now.inputs[i].data, 1, now.inputs[i].length, file) == now.inputs[i].length;
    if (file && fclose(file))
        good = false;
    fprintf(stderr, good ? "Its inputs, the last of which did it, are in %s: --target %s --replay FILE repeats them.\n"
                         : "Its inputs cannot be saved to %s.\n", path, now.target->name);
}

/* A sanitiser has said what is wrong, or finding() has. */
static void ending(void)
{
    if (!now.target || now.ended)
        return;
    now.ended = true;
    fprintf(stderr, "FINDING in target %s, seed %" PRIu64 ", input %" PRIu64 "\n", now.target->name, now.seed, now.number);
    if (now.folder) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s-%" PRIu64 "-%" PRIu64, now.folder, now.target->name, now.seed, now.number);
        save(path);
    } else {
        fprintf(stderr, "--target %s --seed %" PRIu64 " --from %" PRIu64 " repeats its round.\n", now.target->name, now.seed,
                now.number - now.number % now.target->round);
    }
}

void finding(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    ending();
    _exit(1);
}

static void look_for_hang(int signal)
{
    (void)signal;
    if (now.seen == now.number + 1)
        finding("an input is done in time", __FILE__, __LINE__);
    now.seen = now.number + 1;
}

static void fatal_signal(int number)
{
    (void)number;
    ending();
    _exit(1);
}

static void watch(void)
{
    struct itimerval timer = {{HANG_SECONDS, 0}, {HANG_SECONDS, 0}};
    signal(SIGPROF, look_for_hang);
    setitimer(ITIMER_PROF, &timer, NULL);
#ifdef ADDRESS_SANITIZER
    __sanitizer_set_death_callback(ending);
#else
    signal(SIGSEGV, fatal_signal);
    signal(SIGBUS, fatal_signal);
    signal(SIGFPE, fatal_signal);
    signal(SIGILL, fatal_signal);
#endif
    signal(SIGABRT, fatal_signal);
}

/* --- running --- */

static uint64_t hash(const char *text)
{
    uint64_t h = 14695981039346656037ull;
    while (*text)
        h = (h ^ (uint8_t)*text++) * 0x100000001b3ull;
    return h;
}

static void feed(const Target *t, const Input *in)
{
    uint8_t *copy = malloc(in->length);      /* exactly as long: what is read behind it is found */
    if (!copy && in->length)
        abort();
    memcpy(copy, in->data, in->length);
    t->feed(copy, in->length);
    free(copy);
}

static void begin_round(const Target *t)
{
    t->begin();
    mutate_forget();
    now.count = 0;
}

/* Inputs `from` to `end`; `from` is the first of a round. */
static void run(const Target *t, uint64_t from, uint64_t end)
{
    static Input in;
    now.target = t;
    for (uint64_t k = from; k < end; k++) {
        now.number = k;
        if (k % t->round == 0)
            begin_round(t);
        Choices c = {(now.seed * 0x9e3779b97f4a7c15ull ^ hash(t->name)) + k * 0xd1342543de82ef95ull};
        any(&c);
        in.length = 0;
        t->make(&c, &in);
        mutate_remember(&in);
        keep(&in);
        feed(t, &in);
    }
    t->end();
    now.target = NULL;
}

/* What save() wrote. */
static int replay(const Target *t, const char *path)
{
    static Input in;
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 2;
    }
    now.target = t;
    begin_round(t);
    while (fread(&in.length, 4, 1, file) == 1 && in.length <= INPUT_MAX && fread(in.data, 1, in.length, file) == in.length) {
        keep(&in);
        feed(t, &in);
        now.number++;
    }
    fclose(file);
    t->end();
    printf("%" PRIu64 " inputs without a finding\n", now.number);
    return 0;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [--seed S] [--inputs N] [--target NAME [--from K] [--replay FILE]] [--skip NAME]... "
                    "[--image FILE] [--save FOLDER]\n\n"
                    "  --inputs   of all targets, or of the one that --target names; default 100000\n"
                    "  --from     begin with this input, the first of a round\n"
                    "  --image    boot image of SC&MP, without which target scamp is left out\n"
                    "  --save     where the inputs of a round with a finding go\n\n", program);
    for (unsigned i = 0; i < TARGETS; i++)
        fprintf(stderr, "  %-14s %s\n", targets[i]->name, targets[i]->what);
    return 2;
}

static unsigned find_target(const char *name)
{
    unsigned i = 0;
    while (i < TARGETS && strcmp(targets[i]->name, name))
        i++;
    return i;
}

int main(int count, char **arguments)
{
    uint64_t inputs = 100000, from = 0;
    unsigned only = ALL;
    bool skip[TARGETS + 1] = {false};
    const char *replayed = NULL;
    now.seed = 1;
    for (int i = 1; i < count; i += 2) {
        const char *option = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (!value)
            return usage(arguments[0]);
        if (!strcmp(option, "--seed"))
            now.seed = strtoull(value, NULL, 10);
        else if (!strcmp(option, "--inputs"))
            inputs = strtoull(value, NULL, 10);
        else if (!strcmp(option, "--from"))
            from = strtoull(value, NULL, 10);
        else if (!strcmp(option, "--image"))
            boot_image_path = value;
        else if (!strcmp(option, "--save"))
            now.folder = value;
        else if (!strcmp(option, "--replay"))
            replayed = value;
        else if (!strcmp(option, "--target") && find_target(value) < TARGETS)
            only = find_target(value);
        else if (!strcmp(option, "--skip") && find_target(value) < TARGETS)
            skip[find_target(value)] = true;
        else
            return usage(arguments[0]);
    }
    if ((replayed || from) && only == ALL)
        return usage(arguments[0]);
    watch();
    if (replayed)
        return replay(targets[only], replayed);
    uint32_t weights = 0;
    for (unsigned i = 0; i < TARGETS; i++) {
        skip[i] |= targets[i] == &scamp_target && !boot_image_path;
        weights += skip[i] ? 0 : targets[i]->weight;
    }
    printf("{\"seed\": %" PRIu64 ", \"targets\": {", now.seed);
    const char *separator = "";
    for (unsigned i = 0; i < TARGETS; i++) {
        const Target *t = targets[i];
        if (only != ALL ? i != only : skip[i] || !t->weight)
            continue;
        from -= from % t->round;
        uint64_t n = only != ALL ? inputs : (inputs * t->weight + weights - 1) / weights;
        double before = seconds();
        run(t, from, from + n);
        printf("%s\"%s\": {\"inputs\": %" PRIu64 ", \"seconds\": %.2f}", separator, t->name, n, seconds() - before);
        fflush(stdout);
        fprintf(stderr, "%-14s %10" PRIu64 " inputs %8.1f s\n", t->name, n, seconds() - before);
        separator = ", ";
    }
    printf("}}\n");
    free(now.inputs);
    return 0;
}
