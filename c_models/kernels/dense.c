/* The C twins of dense.S: what the assembly must do, number by number. */
#include "dense.h"

#include "q_flag.h"

uint32_t q_flag_c;

uint32_t q_flag_read_and_clear_c(void)
{
    uint32_t was = q_flag_c;
    q_flag_c = 0;
    return was;
}

void dense_forward_c(int32_t *acc, const int32_t *weights, const int16_t *x, uint32_t rows, uint32_t columns)
{
    for (uint32_t i = 0; i < rows; i++, weights += columns) {
        if (x[i] == 0) {
            continue;
        }
        for (uint32_t j = 0; j < columns; j++) {
            acc[j] = multiply_accumulate_c(acc[j], weights[j], x[i]);
        }
    }
}

void dense_backward_c(int32_t *e, const int32_t *weights, const int32_t *d, uint32_t rows, uint32_t columns)
{
    for (uint32_t i = 0; i < rows; i++, weights += columns) {
        int32_t sum = 0;
        for (uint32_t j = 0; j < columns; j++) {
            sum = multiply_accumulate_c(sum, d[j], (int16_t) (weights[j] >> 16));
        }
        e[i] = sum;
    }
}

void dense_gradient_c(int32_t *gradient, const int16_t *x, const int32_t *d_shifted, uint32_t rows, uint32_t columns)
{
    for (uint32_t i = 0; i < rows; i++, gradient += columns) {
        if (x[i] == 0) {
            continue;
        }
        for (uint32_t j = 0; j < columns; j++) {
            gradient[j] = multiply_accumulate_c(gradient[j], d_shifted[j], x[i]);
        }
    }
}

void shift_errors_c(int32_t *out, const int32_t *d, uint32_t columns, uint32_t s)
{
    for (uint32_t j = 0; j < columns; j++) {
        out[j] = d[j] >> s;
    }
}
