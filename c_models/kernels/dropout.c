#include "dropout.h"

#include "fixed_point.h"

void dropout_forward(const dropout_t *dropout, uint32_t of_sample, const image_t *of, const int16_t *x, int16_t *out,
        uint32_t *saturations)
{
    for (uint32_t row = 0; row < of->rows; row++) {
        uint32_t at = row * of->line;
        uint32_t unit = dropout->first_unit + row * dropout->unit_line;
        for (uint32_t column = 0; column < of->columns; column++, at += of->pitch, unit += dropout->unit_pitch) {
            for (uint32_t k = 0; k < of->channels; k++) {
                int32_t value = 0;
                if (x[at + k] != 0 && hash_step(of_sample, unit + k) >= dropout->threshold) {
                    /* clipped to 32 bits first, uncounted: 1 / (1 - rate) may be almost 2**30 */
                    int64_t scaled = round_scale(x[at + k], dropout->mantissa, dropout->shift);
                    value = scaled > INT32_MAX ? INT32_MAX : scaled < INT32_MIN ? INT32_MIN : (int32_t) scaled;
                }
                out[at + k] = saturate16(value, saturations);
            }
        }
    }
}

void dropout_backward(const dropout_t *dropout, uint32_t of_sample, const image_t *of, const int32_t *e_out, int32_t *e,
        uint32_t *saturations)
{
    for (uint32_t row = 0; row < of->rows; row++) {
        uint32_t at = row * of->line;
        uint32_t unit = dropout->first_unit + row * dropout->unit_line;
        for (uint32_t column = 0; column < of->columns; column++, at += of->pitch, unit += dropout->unit_pitch) {
            for (uint32_t k = 0; k < of->channels; k++) {
                int32_t value = 0;
                if (e_out[at + k] != 0 && hash_step(of_sample, unit + k) >= dropout->threshold) {
                    value = saturate32(round_scale(e_out[at + k], dropout->mantissa, dropout->shift), saturations);
                }
                e[at + k] = value;
            }
        }
    }
}
