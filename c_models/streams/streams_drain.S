/*
 * void streams_drain(void): takes what is in the ring to its place.
 *
 * The ordinary packet is the first copy of a word in a slot whose marker has not come: it is stored, counted and added
 * to the slot's checksum.  Everything else goes to stream_take_slowly() in stream_in.c, which takes ordinary packets
 * as well: calling it for every packet gives the same.
 */
#include "stream_layout.h"
#include "stream_slots.h"

    .syntax unified
    .arm
    .text
    .align 2

    .global streams_drain
    .type streams_drain, %function
streams_drain:
    ldr     r3, =stream_drain
    ldr     r0, [r3]
    ldr     r1, [r0]
    cmn     r1, #1                   /* PACKET_NONE: the ring is empty */
    bxeq    lr
    push    {r4-r11, lr}
    ldmia   r3, {r4, r5, r7-r10}     /* next, end, multiplier, shift, places, slots */
    ldr     r6, [r3, #DRAIN_RECEIVED]

take:
    ldmia   r4, {r0, r1}             /* key, payload */
    cmn     r0, #1
    beq     empty
    mov     r2, r0, lsr #STREAM_KEY_BITS
    mul     r3, r2, r7
    mov     r12, r0, lsl #(32 - STREAM_KEY_BITS)
    mov     r3, r3, lsr r8
    ldr     r11, [r9, r3, lsl #2]    /* number | first slot << 16 */
    mov     r12, r12, lsr #(32 - STREAM_SLOT_BITS)
    eor     r2, r2, r11
    movs    r2, r2, lsl #16
    bne     slowly                   /* not in the place where it is looked for first */
    add     r2, r12, r11, lsr #16
    add     r3, r10, r2, lsl #SLOT_SHIFT
    ldmia   r3, {r2, r11, r12, lr}   /* words, hash, count, limit */
    mov     r0, r0, lsl #(32 - STREAM_INDEX_BITS)
    cmp     lr, r0, lsr #(32 - STREAM_INDEX_BITS)
    bls     slowly
    ldr     lr, [r2, r0, lsr #(30 - STREAM_INDEX_BITS)]
    add     r12, r12, #1
    cmp     lr, #0
    bne     slowly                   /* there already */
    str     r1, [r2, r0, lsr #(30 - STREAM_INDEX_BITS)]
    mov     r0, r0, lsr #(31 - STREAM_INDEX_BITS)
    orr     r0, r0, #1               /* 2 * index + 1 */
    mla     r11, r1, r0, r11
    stmib   r3, {r11, r12}
taken:
    mvn     r0, #0
    str     r0, [r4], #8
    add     r6, r6, #1
    cmp     r4, r5
    ldreq   r4, [r5]
    b       take

slowly:
    ldmia   r4, {r0, r1}
    bl      stream_take_slowly
    b       taken

empty:
    ldr     r3, =stream_drain
    str     r4, [r3]
    str     r6, [r3, #DRAIN_RECEIVED]
    pop     {r4-r11, pc}
