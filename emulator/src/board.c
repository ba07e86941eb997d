/* Boards: which chips there are and how they are wired. */
#include "machine.h"

static const int8_t step_x[LINKS] = {1, 1, 0, -1, -1, 0};
static const int8_t step_y[LINKS] = {0, 1, 1, 0, -1, -1};

static bool on_board(enum BoardKind kind, int x, int y)
{
    switch (kind) {
    case BOARD_ONE_CHIP: return x == 0 && y == 0;
    case BOARD_SPINN3: return x >= 0 && x < 2 && y >= 0 && y < 2;
    default:                                 /* the hexagon of a SpiNN-5 */
        return x >= 0 && x < 8 && y >= 0 && y < 8 && x - y <= 4 && y - x <= 3;
    }
}

Chip *board_chip_at(Machine *m, int x, int y)
{
    for (unsigned i = 0; i < m->chips; i++)
        if (m->chip[i].x == x && m->chip[i].y == y)
            return &m->chip[i];
    return NULL;
}

void board_connect(Machine *m)
{
    enum BoardKind kind = (enum BoardKind)m->kind;
    m->chips = 0;
    for (int x = 0; x < 8; x++)
        for (int y = 0; y < 8; y++)
            if (on_board(kind, x, y)) {
                Chip *chip = &m->chip[m->chips];
                chip->id = (uint8_t)m->chips++;
                chip->x = (uint8_t)x;
                chip->y = (uint8_t)y;
                chip->ethernet_fitted = x == 0 && y == 0;
            }
    int wrap = kind == BOARD_SPINN3 ? 2 : 0; /* a SpiNN-3 is a closed 2 x 2 torus */
    for (unsigned i = 0; i < m->chips; i++)
        for (unsigned l = 0; l < LINKS; l++) {
            Chip *chip = &m->chip[i];
            int x = chip->x + step_x[l], y = chip->y + step_y[l];
            if (wrap) {
                x = (x + wrap) % wrap;
                y = (y + wrap) % wrap;
            }
            const Chip *other = board_chip_at(m, x, y);
            LinkOutput *out = &chip->router.out[l];
            out->connected = other != NULL && other != chip;
            out->to_chip = other ? other->id : 0;
            out->to_link = (uint8_t)((l + 3) % LINKS);
        }
}
