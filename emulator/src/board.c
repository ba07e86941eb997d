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

/* Of three SpiNN-5 boards: 12 x 12 chips whose opposite edges meet, and where each board's own (0, 0) is
 * (SpiNNMachine, spinnaker_triad_geometry.py). */
enum { TRIAD_SIZE = 12 };
static const int8_t triad_x[MAX_BOARDS] = {0, 4, 8}, triad_y[MAX_BOARDS] = {0, 8, 4};

Chip *board_chip_at(Machine *m, int x, int y)
{
    for (unsigned i = 0; i < m->chips; i++)
        if (m->chip[i].x == x && m->chip[i].y == y)
            return &m->chip[i];
    return NULL;
}

/* Which board has the chip, or `m->boards`. */
static unsigned board_of(const Machine *m, int x, int y)
{
    unsigned b = 0;
    for (; b < m->boards; b++) {
        int across = x - triad_x[b], up = y - triad_y[b];
        if (m->kind == BOARD_TRIAD) {
            across = (across + TRIAD_SIZE) % TRIAD_SIZE;
            up = (up + TRIAD_SIZE) % TRIAD_SIZE;
        }
        if (on_board((enum BoardKind)m->kind, across, up))
            break;
    }
    return b;
}

static void connect_link(Machine *m, Chip *chip, unsigned l, int wrap)
{
    int x = chip->x + step_x[l], y = chip->y + step_y[l];
    if (wrap) {
        x = (x + wrap) % wrap;
        y = (y + wrap) % wrap;
    }
    const Chip *other = board_chip_at(m, x, y);
    LinkOutput *out = &chip->router.out[l];
    out->connected = other != NULL && other != chip;
    out->fpga = other != NULL && other->board != chip->board;
    out->to_chip = other ? other->id : 0;
    out->to_link = (uint8_t)((l + 3) % LINKS);
}

void board_connect(Machine *m)
{
    int size = m->kind == BOARD_TRIAD ? TRIAD_SIZE : 8;
    m->boards = m->kind == BOARD_TRIAD ? MAX_BOARDS : 1;
    m->chips = 0;
    for (int x = 0; x < size; x++)
        for (int y = 0; y < size; y++) {
            unsigned b = board_of(m, x, y);
            if (b == m->boards)
                continue;
            Chip *chip = &m->chip[m->chips];
            chip->id = (uint8_t)m->chips++;
            chip->x = (uint8_t)x;
            chip->y = (uint8_t)y;
            chip->board = (uint8_t)b;
            chip->ethernet_fitted = x == triad_x[b] && y == triad_y[b];
            if (chip->ethernet_fitted)
                m->board[b].chip = chip->id;
        }
    int wrap = m->kind == BOARD_SPINN3 ? 2 : m->kind == BOARD_TRIAD ? TRIAD_SIZE : 0;     /* a SpiNN-3 is a closed torus */
    for (unsigned i = 0; i < m->chips; i++)
        for (unsigned l = 0; l < LINKS; l++)
            connect_link(m, &m->chip[i], l, wrap);
}
