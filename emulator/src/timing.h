/*
 * Every time constant of the emulated hardware, in cycles of the 200 MHz processor clock unless
 * a name says otherwise.  Each has its source, or the word "assumption".
 */
#ifndef SPINNEMU_TIMING_H
#define SPINNEMU_TIMING_H

/* What is assumed can be scaled as a whole when the engine is built, to see what depends on it. */
#ifndef ASSUMPTION_PERCENT
#define ASSUMPTION_PERCENT 100
#endif
#define ASSUMED(cycles) (((cycles) * ASSUMPTION_PERCENT + 50) / 100)

#define CLOCK_HZ 200000000ull               /* ARM968 clock; spinnaker_tools sets PLL1/2 = 200 MHz */
#define CYCLES_PER_MICROSECOND 200u
#define CYCLES_PER_MILLISECOND 200000u

/*
 * Scheduling.  Cores run in turn for one quantum; the only effects that reach another core faster
 * than a packet are those of memory they share, whose order within a quantum is fixed but not
 * that of time.  So a quantum must never exceed CORE_TO_ROUTER.
 */
#define QUANTUM CORE_TO_ROUTER

/* --- packets ------------------------------------------------------------------------------ */

/* Communications controller and Comms NoC, core to router.  assumption: 0.24 us.  Together with
 * the router and the way back it makes 0.33 us from core to core of one chip; 0.1-0.2 us is
 * quoted for a hop, no measurement of the on-chip path was found. */
#define CORE_TO_ROUTER ASSUMED(48)
/* Least distance between two packets that one core sends.  assumption: the Comms NoC moves
 * 4 bits a cycle. */
#define CORE_TX_SPACING ASSUMED(10)          /* 40-bit packet */
#define CORE_TX_SPACING_PAYLOAD ASSUMED(18)  /* 72-bit packet */
/* Packets of one core that wait in the Comms NoC in front of the router.  assumption */
#define CORE_TX_SLOTS 4

/* The router's clock is 400/3 MHz (spinnaker_tools, clock multiplexer: RTR = PLL/3). */
#define ROUTER_CYCLES(n) (((uint64_t)(n) * 3u + 1u) / 2u)
#define ROUTER_PIPELINE 8                    /* 5 stages (tickysim, configs/mohsen.config) */
#define ROUTER_ISSUE 2                       /* one packet per router cycle (same), rounded up */

/* Router to core: Comms NoC again.  assumption */
#define ROUTER_TO_CORE ASSUMED(8)
#define CORE_RX_SPACING ASSUMED(10)          /* assumption, as CORE_TX_SPACING */
#define CORE_RX_SPACING_PAYLOAD ASSUMED(18)
/* Packets that wait between router and processor: the receive register and the stages of the
 * NoC in front of it.  assumption */
#define CORE_RX_SLOTS 4
/* From the read that frees a place to the router's knowing it; not less than a quantum. */
#define CORE_RX_CREDIT QUANTUM

/* Links.  On a board 6.7-7.3 M packets/s without payload were measured, between boards 2.8 M
 * (network_tester, examples/link_throughput.R); with payload in proportion to 72/40 bits. */
#define LINK_PACKET 28                       /* 7.14 M packets/s */
#define LINK_PACKET_PAYLOAD 50               /* 4.0 M packets/s */
#define FPGA_LINK_PACKET 71                  /* 2.82 M packets/s */
#define FPGA_LINK_PACKET_PAYLOAD 128
#define LINK_WIRE ASSUMED(4)                 /* synchronisation at the far end.  assumption */
#define FPGA_LINK_WIRE ASSUMED(100)          /* two serialisers and the cable.  assumption */
/* Packets between the output stage of one router and the input of the next: two on each side
 * (tickysim: 2-deep link buffers). */
#define LINK_SLOTS 4
#define LINK_CREDIT ASSUMED(4)               /* acknowledge on the way back.  assumption */
#define FPGA_LINK_CREDIT FPGA_LINK_WIRE      /* likewise, over the cable: frames carry it (Plana et al., spiNNlink, 2020) */

/* --- memory ------------------------------------------------------------------------------- */

/* Wait cycles of one processor access, added to the cycles of the instruction. */
#define WAIT_LOCAL_READ ASSUMED(5)           /* VIC, timers, comms and DMA controller.  assumption */
#define WAIT_LOCAL_WRITE ASSUMED(5)          /* unbuffered alias.  assumption */
#define WAIT_LOCAL_WRITE_BUFFERED ASSUMED(1) /* assumption */
#define WAIT_SYSTEM_READ ASSUMED(20)         /* system controller, router, SysRAM over the System
                                                NoC.  assumption */
#define WAIT_SYSTEM_WRITE ASSUMED(20)        /* assumption */
#define WAIT_SDRAM_READ ASSUMED(40)          /* 0.2 us, not hidden by a cache.  assumption */
#define WAIT_SDRAM_WRITE ASSUMED(30)         /* assumption */
#define WAIT_WRITE_BUFFERED ASSUMED(2)       /* SysRAM or SDRAM through the write buffer.  assumption */

/* DMA.  SDRAM: "over 1 Gbyte/s sustained block transfer rate" for the chip (SpiNNaker datasheet
 * 2.02, page 1), taken as 1 GB/s = 5 bytes a cycle shared by its cores. */
#define SDRAM_BYTES_PER_CYCLE_X8 40
/* One DMA controller alone: a 32-bit path at the System NoC's 400/3 MHz = 2.67 bytes a cycle.
 * assumption */
#define DMA_BYTES_PER_CYCLE_X8 (21 * 100 / ASSUMPTION_PERCENT)
#define DMA_SETUP ASSUMED(60)                /* request to first word, arbitration included.  assumption */
/* SysRAM moves as much as one DMA controller asks for. */

/* --- the outside -------------------------------------------------------------------------- */

#define ETHERNET_CYCLES_PER_BYTE 16          /* 100 Mbit/s */
#define ETHERNET_FRAME_OVERHEAD 24           /* preamble, CRC, gap: bytes */
/* Host datagrams enter at multiples of this. */
#define HOST_ADMISSION_INTERVAL 2000         /* 10 us; ours, no hardware counterpart */

#endif
