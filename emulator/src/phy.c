/* Ethernet PHY as its serial management interface shows it: link up, 100 Mbit/s. */
#include "machine.h"

enum { NRST = 1, DIN = 2, DOUT = 4, OE = 8, CLK = 16 };

static uint32_t phy_register(uint32_t number)
{
    switch (number) {
    case 0: return 0x3100;                   /* auto-negotiate, 100 Mbit/s, full duplex */
    case 1: return 0x782d;                   /* complete, link up */
    case 2: return 0x0007;                   /* identifier of a common 10/100 PHY */
    case 3: return 0xc0f1;
    default: return 0;
    }
}

void phy_pins(Ethernet *e, uint32_t before, uint32_t after)
{
    if ((before & OE) && !(after & OE)) {    /* end of a command: 01 10 phy:5 register:5 */
        e->phy_clocks = 0;
        e->phy_out = (e->phy_shift >> 10 & 0xf) == 6 ? phy_register(e->phy_shift & 31) : 0xffff;
    }
    if ((before & CLK) || !(after & CLK))
        return;
    if (after & OE)
        e->phy_shift = e->phy_shift << 1 | (after & DOUT ? 1 : 0);
    else
        e->phy_clocks++;
}

/* The first data bit stands after the two clocks of the turn-around. */
uint32_t phy_data(const Ethernet *e)
{
    uint32_t bit = e->phy_clocks - 2;
    return bit < 16 && (e->phy_out >> (15 - bit) & 1) ? DIN : 0;
}
