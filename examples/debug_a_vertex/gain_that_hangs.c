/* Backward in blocks of a quarter of the channels, which is none where there are fewer than 4. */
#include "gain_forward.h"

#include <debug.h>

void layer_backward(const layer_tile_t *tile, const int16_t *x, const void *kept, const int32_t *e, int32_t *e_in)
{
    (void) kept;
    uint32_t block = tile->out.channels / 4;
    log_info("backward in blocks of %u of %u channels", block, tile->out.channels);
    for (uint32_t r = 0; r < tile->out.rows; r++) {
        for (uint32_t c = 0; c < tile->out.columns; c++) {
            const int16_t *from = x + r * tile->in.line + c * tile->in.pitch;
            const int32_t *error = e + r * tile->out.line + c * tile->out.pitch;
            int32_t *back = e_in + r * tile->in.line + c * tile->in.pitch;
            for (uint32_t first = 0; first < tile->out.channels; first += block) {
                for (uint32_t k = first; k < first + block; k++) {
                    one_back(tile, k, from[k], error[k], back);
                }
            }
        }
    }
}
