/* Backward with a function for each number of channels; that for 3 has been forgotten. */
#include "gain_forward.h"

typedef void pixel_back_t(const layer_tile_t *tile, const int16_t *x, const int32_t *e, int32_t *e_in);

static void one(const layer_tile_t *tile, const int16_t *x, const int32_t *e, int32_t *e_in)
{
    one_back(tile, 0, x[0], e[0], e_in);
}

static void two(const layer_tile_t *tile, const int16_t *x, const int32_t *e, int32_t *e_in)
{
    one(tile, x, e, e_in);
    one_back(tile, 1, x[1], e[1], e_in);
}

static void four(const layer_tile_t *tile, const int16_t *x, const int32_t *e, int32_t *e_in)
{
    two(tile, x, e, e_in);
    one_back(tile, 2, x[2], e[2], e_in);
    one_back(tile, 3, x[3], e[3], e_in);
}

static pixel_back_t *const BACK[] = {[1] = one, [2] = two, [4] = four};

void layer_backward(const layer_tile_t *tile, const int16_t *x, const void *kept, const int32_t *e, int32_t *e_in)
{
    (void) kept;
    for (uint32_t r = 0; r < tile->out.rows; r++) {
        for (uint32_t c = 0; c < tile->out.columns; c++) {
            const image_t *in = &tile->in;
            const image_t *out = &tile->out;
            BACK[out->channels](tile, x + r * in->line + c * in->pitch, e + r * out->line + c * out->pitch,
                                e_in + r * in->line + c * in->pitch);
        }
    }
}
