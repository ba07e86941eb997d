/*
 * The receive interrupt: takes the ordinary packet, a word of an open slot, straight to its place.  Everything else, markers
 * above all, goes into the ring (packet_ring.h), which streams_drain empties.  Words may come in any order and more than once.
 *
 * Where a slot is: places[(stream number * multiplier) >> (32 - RECEIVER_BITS)], and the slot's number behind it.  There may be another stream's:
 * a slot's limit is the key of the stream's last word of this sample, or less than all its keys where the slot is closed, so
 * that `limit - key` is below 2**12 for ordinary packets only.
 *
 * Banked registers: r8 places, r12 packets that came since the start; r9, r10, r11 and r13 are free here.
 * 40 cycles with the vector's branch, by ARM9E-S tables and the emulator's 5 wait cycles for each of the two accesses to the
 * controller (benchmarks/packet_cycles.py).
 */
#include "stream_layout.h"
#include "stream_slots.h"

#define CONTROLLER 0x20000000        /* SpiNNaker datasheet, chapter 5 */
#define RX_DATA 0x10                 /* its registers: chapter 7 */
#define RX_KEY 0x14                  /* reading the key takes the packet */

    .syntax unified
    .arm
    .text
    .align 2

    .global streams_receive
    .type streams_receive, %function
streams_receive:
    mov     r11, #CONTROLLER
    ldr     r9, [r11, #RX_DATA]
    ldr     r10, [r11, #RX_KEY]
    ldr     r13, [r8, #RECEIVER_MULTIPLIER]
    mov     r11, r10, lsr #STREAM_KEY_BITS
    mul     r11, r13, r11
    and     r13, r10, #((1 << STREAM_SLOT_BITS) - 1) << STREAM_INDEX_BITS
    mov     r11, r11, lsr #(32 - RECEIVER_BITS)
    ldr     r11, [r8, r11, lsl #2]
    add     r12, r12, #1
    add     r11, r11, r13, lsr #(STREAM_INDEX_BITS - SLOT_SHIFT)
    ldmia   r11, {r11, r13}          /* words, limit */
    sub     r13, r13, r10
    cmp     r13, #1 << STREAM_INDEX_BITS
    movlo   r10, r10, lsl #(32 - STREAM_INDEX_BITS)
    strlo   r9, [r11, r10, lsr #(30 - STREAM_INDEX_BITS)]
    subslo  pc, lr, #4
    ldr     r11, [r8, #RECEIVER_NEXT]
    ldr     r13, [r8, #RECEIVER_END]
    stmia   r11!, {r9, r10}
    cmp     r11, r13
    ldreq   r11, [r13]               /* back to its start */
    str     r11, [r8, #RECEIVER_NEXT]
    subs    pc, lr, #4
