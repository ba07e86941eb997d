#ifndef KERNELS_H
#define KERNELS_H

#include <stdint.h>

enum { INPUTS = 64, OUTPUTS = 32 };   /* the slice of a weight matrix that one core holds */

void forward4(const int32_t *weights, const int32_t *input_pairs, int32_t *sums, int pairs);
void forward8(const int32_t *weights, const int32_t *input_pairs, int32_t *sums, int pairs);
void backward4(const int32_t *weights, const int32_t *errors, int32_t *sums, int pairs);
void gradient4(int32_t *gradients, const int32_t *input_pairs, const int32_t *errors, int pairs);

void forward_c(const int32_t *weights, const int16_t *inputs, int32_t *sums, int count);
void backward_c(const int32_t *weights, const int32_t *errors, int32_t *sums, int count);
void gradient_c(int32_t *gradients, const int16_t *inputs, const int32_t *errors, int count);

/* What a core keeps in its DTCM. */
typedef struct Slice {
    int32_t kernel;                   /* which loop to run, for ever: see program.c */
    int32_t rounds;                   /* how often it has run */
    int32_t weights[INPUTS * OUTPUTS];
    int32_t gradients[INPUTS * OUTPUTS];
    int16_t inputs[INPUTS];
    int32_t errors[OUTPUTS];
    int32_t sums[OUTPUTS];
    int32_t back_sums[INPUTS];
} Slice;

enum { FORWARD_ASM, BACKWARD_ASM, GRADIENT_ASM, FORWARD_C, BACKWARD_C, GRADIENT_C, FORWARD8_ASM };

#endif
