/*
 * The router's error registers.
 *
 * A packet with wrong parity is not routed: the first is kept in these registers, all are counted, and the error interrupt
 * is raised where it is enabled (SpiNNaker datasheet 2.02, section 10).  Framing and time stamp errors are not modelled.
 */
#include "machine.h"

enum { CONTROL_ERROR_INTERRUPT = 1u << 1, CONTROL_COUNT_PARITY = 1u << 5 };
enum { STATUS_ERROR = 1u << 31, STATUS_OVERFLOW = 1u << 30, STATUS_PARITY = 1u << 29, STATUS_COUNT = 0xffff };
enum { HEADER_PARITY = 1u << 29 };

static void drive(Chip *chip)
{
    const Router *r = &chip->router;
    vic_set_chip(chip, INT_ROUTER_ERROR, router_error_pending(r));
}

bool router_error_pending(const Router *r)
{
    return (r->error_status & STATUS_ERROR) && (r->control & CONTROL_ERROR_INTERRUPT);
}

void router_error(Chip *chip, const Packet *packet)
{
    Router *r = &chip->router;
    if (r->error_status & STATUS_ERROR) {
        r->error_status |= STATUS_OVERFLOW;
    } else {
        r->error = *packet;
        r->error_header = HEADER_PARITY | (uint32_t)packet->arrival << 24 | (uint32_t)packet->control << 16;
    }
    r->error_status |= STATUS_ERROR | STATUS_PARITY;
    if (r->control & CONTROL_COUNT_PARITY && (r->error_status & STATUS_COUNT) < STATUS_COUNT)
        r->error_status++;
    drive(chip);
}

/* Reading clears, as it does for dumped packets.  assumption */
uint32_t router_error_read_status(Chip *chip)
{
    uint32_t status = chip->router.error_status;
    chip->router.error_status = 0;
    drive(chip);
    return status;
}

void router_error_control_changed(Chip *chip) { drive(chip); }
