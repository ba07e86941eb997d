/*
 * The receive interrupt: store key and payload, wrap, return.
 * Banked registers: r8 communications controller, r9 next entry, r12 end of the ring, where a word holds its start.
 */
#define RX_DATA 0x10                 /* registers of the communications controller: SpiNNaker datasheet, chapter 7 */
#define RX_KEY 0x14                  /* reading the key takes the packet */

    .syntax unified
    .arm
    .text
    .align 2

    .global packet_ring_fiq
    .type packet_ring_fiq, %function
packet_ring_fiq:
    ldr     r11, [r8, #RX_DATA]
    ldr     r10, [r8, #RX_KEY]
    stmia   r9!, {r10, r11}
    cmp     r9, r12
    ldreq   r9, [r12]
    subs    pc, lr, #4
