/* SPDX-License-Identifier: Apache-2.0
 *
 * The hardware of one SpiNNaker chip as a core sees it: memories, peripheral
 * registers and interrupt numbers, under the names that SpiNNaker programmers
 * know. Registers are word indices into the peripheral's base pointer:
 * cc[CC_TXKEY] = key.
 */
#ifndef SPINNAKER_H
#define SPINNAKER_H

#include <stddef.h>
#include <stdint.h>

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long long uint64;

#define NUM_CPUS 18
#define NUM_LINKS 6

/* Memories. Writes to the "buffered" alias of a shared memory return at once. */
#define ITCM_BASE 0x00000000u
#define ITCM_SIZE 0x00008000u
#define ITCM_TOP (ITCM_BASE + ITCM_SIZE)
#define DTCM_BASE 0x00400000u
#define DTCM_SIZE 0x00010000u
#define DTCM_TOP (DTCM_BASE + DTCM_SIZE)
#define SDRAM_BASE_BUF 0x60000000u
#define SDRAM_BASE_UNBUF 0x70000000u
#define SDRAM_BASE SDRAM_BASE_BUF
#define SDRAM_SIZE 0x08000000u
#define SYSRAM_BASE_BUF 0xe5000000u
#define SYSRAM_BASE_UNBUF 0xf5000000u
#define SYSRAM_BASE SYSRAM_BASE_BUF
#define SYSRAM_SIZE 0x00008000u
#define SYSRAM_TOP (SYSRAM_BASE + SYSRAM_SIZE)

/* Peripherals (buffered alias, except the interrupt controller). */
#define CC_BASE 0x20000000u
#define TIMER_BASE 0x21000000u
#define VIC_BASE 0x1f000000u
#define DMA_BASE 0x40000000u
#define RTR_BASE 0xe1000000u
#define SYSCTL_BASE 0xe2000000u

static volatile uint *const cc = (volatile uint *) CC_BASE;
static volatile uint *const tc = (volatile uint *) TIMER_BASE;
static volatile uint *const vic = (volatile uint *) VIC_BASE;
static volatile uint *const dma = (volatile uint *) DMA_BASE;
static volatile uint *const rtr = (volatile uint *) RTR_BASE;
static volatile uint *const sc = (volatile uint *) SYSCTL_BASE;

/* Communications controller. */
enum {
    CC_TCR = 0x00 / 4,    /* transmit control and status */
    CC_TXDATA = 0x04 / 4, /* payload; writing it gives the next packet one */
    CC_TXKEY = 0x08 / 4,  /* writing the key sends the packet */
    CC_RSR = 0x0c / 4,    /* receive status of the packet at the head */
    CC_RXDATA = 0x10 / 4,
    CC_RXKEY = 0x14 / 4,  /* reading the key removes the packet */
    CC_SAR = 0x18 / 4,
    CC_TEST = 0x1c / 4
};

#define TX_EMPTY_MASK 0x80000000u
#define TX_FULL_MASK 0x40000000u
#define TX_NOT_FULL_MASK 0x10000000u
#define RX_RECEIVED_MASK 0x80000000u

/* Packet kinds as they stand in CC_TCR and CC_RSR. */
#define PKT_MC 0x00000000u
#define PKT_P2P 0x00400000u
#define PKT_NN 0x00800000u
#define PKT_FR 0x00c00000u
#define PKT_PL 0x00020000u /* the packet has a payload */
#define PKT_MC_PL (PKT_MC | PKT_PL)
#define PKT_FR_PL (PKT_FR | PKT_PL)

/* Timers: two of them, each counts down at the clock of the core. */
enum {
    T1_LOAD = 0x00 / 4,
    T1_COUNT = 0x04 / 4,
    T1_CONTROL = 0x08 / 4,
    T1_INT_CLR = 0x0c / 4,
    T1_RAW_INT = 0x10 / 4,
    T1_MASK_INT = 0x14 / 4,
    T1_BG_LOAD = 0x18 / 4,
    T2_LOAD = 0x20 / 4,
    T2_COUNT = 0x24 / 4,
    T2_CONTROL = 0x28 / 4,
    T2_INT_CLR = 0x2c / 4,
    T2_RAW_INT = 0x30 / 4,
    T2_MASK_INT = 0x34 / 4,
    T2_BG_LOAD = 0x38 / 4
};

/* Vectored interrupt controller: 16 prioritised vectors, 0 is the highest. */
enum {
    VIC_IRQST = 0x00 / 4,
    VIC_FIQST = 0x04 / 4,
    VIC_RAW = 0x08 / 4,
    VIC_SELECT = 0x0c / 4,  /* a set bit makes the source an FIQ */
    VIC_ENABLE = 0x10 / 4,  /* write ones to enable */
    VIC_DISABLE = 0x14 / 4, /* write ones to disable */
    VIC_SOFT_SET = 0x18 / 4,
    VIC_SOFT_CLR = 0x1c / 4,
    VIC_PROTECT = 0x20 / 4,
    VIC_VADDR = 0x30 / 4,   /* read: enter handler; write: handler is done */
    VIC_DEFADDR = 0x34 / 4,
    VIC_ADDR = 0x100 / 4,   /* 16 handler addresses */
    VIC_CNTL = 0x200 / 4    /* 16 of (0x20 | interrupt number) */
};

enum spinnaker_interrupt_numbers_e {
    WDOG_INT = 0,
    SOFTWARE_INT = 1,
    COMM_RX_INT = 2,
    COMM_TX_INT = 3,
    TIMER1_INT = 4,
    TIMER2_INT = 5,
    CC_RDY_INT = 6,   /* any packet */
    CC_RPE_INT = 7,
    CC_RFE_INT = 8,
    CC_TFL_INT = 9,
    CC_TOV_INT = 10,
    CC_TMT_INT = 11,
    DMA_DONE_INT = 12,
    DMA_ERR_INT = 13,
    DMA_TO_INT = 14,
    RTR_DIAG_INT = 15,
    RTR_DUMP_INT = 16,
    RTR_ERR_INT = 17,
    CPU_INT = 18,     /* system controller: SC&MP wants this core */
    ETH_TX_INT = 19,
    ETH_RX_INT = 20,
    ETH_PHY_INT = 21,
    SLOW_CLK_INT = 22,
    CC_TNF_INT = 23,
    CC_MC_INT = 24,   /* multicast packet */
    CC_P2P_INT = 25,
    CC_NN_INT = 26,
    CC_FR_INT = 27,   /* fixed-route packet */
    INT0_INT = 28,
    INT1_INT = 29,
    GPIO8_INT = 30,
    GPIO9_INT = 31
};

/* DMA controller. */
enum {
    DMA_ADRS = 0x04 / 4, /* address in shared memory */
    DMA_ADRT = 0x08 / 4, /* address in the core's own memory */
    DMA_DESC = 0x0c / 4, /* writing the descriptor starts the transfer */
    DMA_CTRL = 0x10 / 4,
    DMA_STAT = 0x14 / 4,
    DMA_GCTL = 0x18 / 4,
    DMA_CRCC = 0x1c / 4,
    DMA_CRCR = 0x20 / 4,
    DMA_TMTV = 0x24 / 4,
    DMA_SCTL = 0x28 / 4,
    DMA_STAT0 = 0x40 / 4
};

/* System controller. */
#define SC_CODE 0x5ec00000u /* key that guarded registers want in the top bits */
enum {
    SC_CHIP_ID = 0x00 / 4,
    SC_CPU_DIS = 0x04 / 4,
    SC_SET_IRQ = 0x08 / 4,
    SC_CLR_IRQ = 0x0c / 4,
    SC_MON_ID = 0x34 / 4,
    SC_FLAG = 0x58 / 4,    /* one flag per virtual core; SC&MP's SYNC0/SYNC1 */
    SC_SETFLAG = 0x58 / 4,
    SC_CLRFLAG = 0x5c / 4,
    SC_SLEEP = 0x64 / 4,
    SC_TAS0 = 0x100 / 4,   /* reading sets the lock, bit 31 = it was taken */
    SC_TAC0 = 0x180 / 4    /* reading clears the lock */
};

/* Router: what an application may want to read. */
enum {
    RTR_CONTROL = 0x00 / 4,
    RTR_STATUS = 0x04 / 4,
    RTR_DGC0 = 0x300 / 4,
    RTR_DGC1 = 0x304 / 4,
    RTR_DGC8 = 0x320 / 4
};

#endif
