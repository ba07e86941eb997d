/* The program of the emulated core: one kernel over its slice, again and again. */
#include "kernels.h"

__attribute__((noreturn)) void run_for_ever(Slice *s)
{
    for (;;) {
        for (int j = 0; j < OUTPUTS; j += 4) {
            int at = j * INPUTS;      /* tiles of four outputs, each INPUTS x 4 weights */
            switch (s->kernel) {
            case FORWARD_ASM:
                forward4(s->weights + at, (const int32_t *)(const void *)s->inputs, s->sums + j, INPUTS / 2);
                break;
            case BACKWARD_ASM:
                backward4(s->weights + at, s->errors + j, s->back_sums, INPUTS / 2);
                break;
            case GRADIENT_ASM:
                gradient4(s->gradients + at, (const int32_t *)(const void *)s->inputs, s->errors + j, INPUTS / 2);
                break;
            case FORWARD8_ASM:
                if (j % 8 == 0) {
                    forward8(s->weights + at, (const int32_t *)(const void *)s->inputs, s->sums + j, INPUTS / 2);
                }
                break;
            default:
                break;
            }
        }
        if (s->kernel == FORWARD_C) {
            forward_c(s->weights, s->inputs, s->sums, INPUTS);
        } else if (s->kernel == BACKWARD_C) {
            backward_c(s->weights, s->errors, s->back_sums, INPUTS);
        } else if (s->kernel == GRADIENT_C) {
            gradient_c(s->gradients, s->inputs, s->errors, INPUTS);
        }
        ++s->rounds;
    }
}
