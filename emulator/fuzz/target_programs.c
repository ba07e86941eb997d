/* Code of every kind, executed by a core that may reach all of its chip; and pages of code, decoded and described. */
#include "code_cache.h"
#include "exceptions.h"
#include "fuzz.h"
#include <stdlib.h>
#include <string.h>

enum { REGISTERS = 13, HEAD = 1 + 4 * REGISTERS, VECTORS = 32, CODE_MOST = 1024 };
enum { IN_THUMB = 1, WITH_VECTORS = 2, IN_FIQ_MODE = 4, IN_USER_MODE = 8 };

static Machine *machine;

static void end(void)
{
    if (machine)
        machine_free(machine);
    machine = NULL;
}

static void begin(void)
{
    end();
    machine = machine_new(BOARD_ONE_CHIP, (uint8_t[4]){127, 0, 0, 5});
    MUST(machine);
}

static uint32_t pointer(Choices *c)
{
    if (one_in(c, 3))
        return DTCM_BASE + below(c, DTCM_BYTES);
    static const uint32_t places[] = {0, 0x400, 0x420, 0x7ff0, 0x7ffc, 0x400000, 0x408000, 0x40ffc0, 0x40fff8, 0x410000,
                                      0x60000000, 0x67fffff8, 0x70000000, 0x7ffffffc, 0xe5000000, 0xe5007ff8, 0xf5000000,
                                      0xff000000, 0xfffffff0, 0x10000000, 0x21000000, 0x1f000030, 0x30000004, 0xe1004000,
                                      0xe2000020, 0xe4000000, 0xe400c000};
    return places[below(c, sizeof places / sizeof places[0])] + (one_in(c, 2) ? 0 : below(c, 16));
}

/* How, registers r0 to r12, code. */
static void make(Choices *c, Input *in)
{
    bool thumb = one_in(c, 3);
    add8(in, (thumb ? IN_THUMB : 0) | (one_in(c, 4) ? WITH_VECTORS : 0) | (one_in(c, 8) ? IN_FIQ_MODE : 0)
             | (one_in(c, 8) ? IN_USER_MODE : 0));
    for (unsigned i = 0; i < REGISTERS; i++)
        add32(in, i >= 8 || one_in(c, 3) ? pointer(c) : edge(c));
    add_code(c, in, 4 * (4 + below(c, 100)), thumb);
    if (one_in(c, 4))
        mutate(c, in, HEAD);
}

static void feed(const uint8_t *data, uint32_t length)
{
    if (length < HEAD)
        return;
    uint8_t how = data[0];
    const uint8_t *code = data + HEAD;
    uint32_t bytes = length - HEAD < CODE_MOST ? length - HEAD : CODE_MOST;
    Chip *chip = &machine->chip[0];
    Core *core = &chip->core[1];
    Cpu *cpu = &core->cpu;
    chip->sc.soft_reset = chip->sc.hard_reset = chip->sc.cpu_disable = 0;
    MUST(direct_start(machine, 0, 0, 1, code, bytes));
    memset(cpu->itcm, 0, VECTORS);
    if (how & WITH_VECTORS)
        memcpy(cpu->itcm, code, bytes < VECTORS ? bytes : VECTORS);
    cpu_itcm_changed(cpu, 0, VECTORS);
    set_cpsr(cpu, (how & IN_FIQ_MODE ? MODE_FIQ : how & IN_USER_MODE ? MODE_USR : MODE_SVC) | (how & IN_THUMB ? PSR_T : 0));
    memcpy(cpu->r, data + 1, 4 * REGISTERS);
    cpu->r[13] = DTCM_BASE + DTCM_BYTES;
    uint64_t until = machine->now + 1500;
    machine_run(machine, until);
    machine_forget_frames(machine);
    MUST(machine->now >= until && (cpu->cycles >= until || cpu->halted || cpu->sleeping));
    MUST(core->vic.depth <= sizeof core->vic.stack && cpu->code->retired_count <= PAGE_COUNT);
}

/* --- decoding alone --- */

/* Mirrors that of describe.c. */
typedef struct Description {
    uint16_t op, fused;
    uint8_t cond, rd, rn, rm, rs, cost, cost_failed, shift, writes_pc, returns, delay_loop, leaves;
    uint32_t imm, imm2, pc_value, near;
} Description;
void describe_page(const uint8_t *key, unsigned number, bool thumb, Description *out);

enum { PAGE_HEAD = 3, KEY = PAGE_BYTES + PAGE_LOOKAHEAD };

static void nothing(void) { }

/* State, number of the page, whether it is described too; the page and what stands behind it. */
static void make_page(Choices *c, Input *in)
{
    bool thumb = one_in(c, 2);
    add8(in, thumb);
    add8(in, below(c, PAGE_COUNT));
    add8(in, one_in(c, 64));
    add_code(c, in, KEY, thumb);
    in->length = PAGE_HEAD + KEY;
}

static void feed_page(const uint8_t *data, uint32_t length)
{
    if (length != PAGE_HEAD + KEY)
        return;
    bool thumb = data[0] & 1;
    unsigned number = data[1] % PAGE_COUNT, count = PAGE_BYTES / (thumb ? 2 : 4);
    Decoded *decoded = malloc((count + 2) * sizeof *decoded);
    Entry *entries = malloc(count * sizeof *entries);
    MUST(decoded && entries);
    code_decode_page(data + PAGE_HEAD, number, thumb, decoded, entries);
    for (unsigned i = 0; i < count; i++)
        MUST(decoded[i].op < OP_COUNT && entries[i].cost && entries[i].rd < 16 && entries[i].rn < 16 && entries[i].rm < 16
             && entries[i].rs < 16);
    free(decoded);
    free(entries);
    if (data[2] & 1) {
        Description *out = malloc(count * sizeof *out);
        MUST(out);
        describe_page(data + PAGE_HEAD, number, thumb, out);
        free(out);
    }
}

const Target programs_target = {
    "programs", "code of every kind, executed", 1100, 500, begin, make, feed, end};
const Target code_pages_target = {
    "code_pages", "pages of code, decoded", 600, 2000, nothing, make_page, feed_page, nothing};
