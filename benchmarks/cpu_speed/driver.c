/* Runs many emulated cores round robin and measures; beside it the same kernel in C on the host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cpu.h"
#include "kernels.h"

/* Processor time, so that other programs on the machine disturb less. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint32_t no_read(Cpu *cpu, uint32_t address, unsigned bytes)
{
    (void)cpu; (void)address; (void)bytes;
    return 0;
}

static void no_write(Cpu *cpu, uint32_t address, uint32_t value, unsigned bytes)
{
    (void)cpu; (void)address; (void)value; (void)bytes;
}

static const uint8_t *no_fetch(Cpu *cpu, uint32_t address)
{
    (void)cpu; (void)address;
    return NULL;
}

static const CpuBus bus = { no_read, no_write, no_fetch };

/* As the machine does: fetch what the next cores need while one runs. */
static void prefetch_core(const Cpu *cpu)
{
    for (size_t line = 0; line < sizeof *cpu + 63; line += 64) {
        __builtin_prefetch((const char *)cpu + line, 1);
    }
}

static void prefetch_data(const Cpu *cpu)
{
    __builtin_prefetch(cpu->code);
    for (int i = 0; i < 15; ++i) {
        uint32_t offset = cpu->r[i] - DTCM_BASE;
        if (offset < DTCM_BYTES) {
            __builtin_prefetch(cpu->dtcm + offset, 1);
        }
    }
}

static void fill(Slice *s, int kernel)
{
    uint32_t seed = 1;
    memset(s, 0, sizeof *s);
    s->kernel = kernel;
    for (int i = 0; i < INPUTS * OUTPUTS; ++i) {
        s->weights[i] = (int32_t)((seed = seed * 1664525 + 1013904223)) >> 4;
    }
    for (int i = 0; i < INPUTS; ++i) {
        s->inputs[i] = (int16_t)((seed = seed * 1664525 + 1013904223) >> 18);
    }
    for (int j = 0; j < OUTPUTS; ++j) {
        s->errors[j] = (int32_t)((seed = seed * 1664525 + 1013904223)) >> 8;
    }
}

/* Multiply-adds per second of the plain C kernel on the host, over as many slices as there are cores. */
static double host(int kernel, int cores, Slice *slices, double seconds)
{
    double begin = now(), elapsed;
    uint64_t rounds = 0;
    do {
        for (int c = 0; c < cores; ++c) {
            Slice *s = &slices[c];
            if (kernel % 3 == 0) {
                forward_c(s->weights, s->inputs, s->sums, INPUTS);
            } else if (kernel % 3 == 1) {
                backward_c(s->weights, s->errors, s->back_sums, INPUTS);
            } else {
                gradient_c(s->gradients, s->inputs, s->errors, INPUTS);
            }
            ++rounds;
        }
        elapsed = now() - begin;
    } while (elapsed < seconds);
    return (double)rounds * INPUTS * OUTPUTS / elapsed;
}

/* driver IMAGE KERNEL CORES SLICE_CYCLES SECONDS: prints MIPS, emulated and host MMAC/s, cycles/MAC */
int main(int argc, char **argv)
{
    if (argc != 6) {
        return 2;
    }
    int kernel = atoi(argv[2]), cores = atoi(argv[3]), step = atoi(argv[4]);
    double seconds = atof(argv[5]);
    static uint8_t image[ITCM_BYTES];
    FILE *file = fopen(argv[1], "rb");
    if (!file || fread(image, 1, sizeof image, file) == 0) {
        return 2;
    }
    fclose(file);

    Cpu *cpus = calloc((size_t)cores, sizeof *cpus);
    uint8_t *memory = calloc((size_t)cores, ITCM_BYTES + DTCM_BYTES);
    Slice *slices = calloc((size_t)cores, sizeof *slices);
    for (int c = 0; c < cores; ++c) {
        uint8_t *itcm = memory + (size_t)c * (ITCM_BYTES + DTCM_BYTES);
        memcpy(itcm, image, ITCM_BYTES);
        fill((Slice *)(void *)(itcm + ITCM_BYTES), kernel);
        fill(&slices[c], kernel);
        cpu_init(&cpus[c], &bus, NULL, itcm, itcm + ITCM_BYTES);
        cpu_reset(&cpus[c], false);
    }

    bool prefetch = cores > 64;
    double emulated = 0, host_rate = 0;
    uint64_t instructions = 0, cycles = 0, rounds = 0, time = 0;
    for (int part = 0; part < 4; ++part) {        /* alternate, so that both see the same noise */
        double begin = now(), elapsed;
        do {
            for (int turn = 0; turn < 20; ++turn) {
                time += (uint64_t)step;
                for (int c = 0; c < cores; ++c) {
                    if (prefetch) {
                        prefetch_core(&cpus[(c + 2) % cores]);
                        prefetch_data(&cpus[(c + 1) % cores]);
                    }
                    cpu_run(&cpus[c], time);
                }
            }
            elapsed = now() - begin;
        } while (elapsed < seconds / 8);
        emulated += elapsed;
        host_rate += host(kernel, cores, slices, seconds / 8) / 4;
    }
    for (int c = 0; c < cores; ++c) {
        instructions += cpus[c].instructions;
        cycles += cpus[c].cycles;
        rounds += (uint64_t)((Slice *)(void *)cpus[c].dtcm)->rounds;
        if (cpus[c].halted || cpus[c].instructions != cpus[0].instructions) {
            fprintf(stderr, "core %d differs: pc %08x\n", c, cpus[c].r[15]);
            return 1;
        }
        cpu_free(&cpus[c]);
    }
    double macs = (double)rounds * INPUTS * OUTPUTS;
    printf("%.1f %.2f %.1f %.2f %.2f\n", (double)instructions / emulated / 1e6, macs / emulated / 1e6, host_rate / 1e6,
           (double)cycles / macs, (double)instructions / macs);
    return 0;
}
