/*
 * void streams_drain(void): takes what is in the ring, markers above all.
 *
 * The ordinary marker is that of an open slot, behind the last word of its sample: the checksum of what is in the slot is what it
 * says, and the slot is complete; or that of a credit.  Everything else goes to stream_take_slowly() in stream_late.c, which takes ordinary markers as
 * well: calling it for every packet gives the same.
 */
#include "stream_layout.h"
#include "stream_slots.h"

    .syntax unified
    .arm
    .text
    .align 2

    .weak stream_take_credit
    .global streams_drain
    .type streams_drain, %function
streams_drain:
    ldr     r12, =stream_drain
    ldr     r1, [r12, #DRAIN_NEXT]
    ldr     r0, [r1, #PACKET_KEY]
    cmn     r0, #1                   /* PACKET_NONE: the ring is empty */
    beq     empty_ring
    push    {r4-r11, lr}
    mov     r4, r12
    mov     r5, r1

take:
    ldmia   r5, {r6, r7}             /* payload, key */
    cmn     r7, #1
    beq     emptied
    ldmib   r4, {r0-r3, r9, r11}     /* taken, end of the ring, places, multiplier, slots, markers */
    mvn     r10, #0
    str     r10, [r5, #PACKET_KEY]
    add     r5, r5, #PACKET_BYTES
    cmp     r5, r1
    ldreq   r5, [r1]
    add     r0, r0, #1
    stmia   r4, {r5}
    str     r0, [r4, #DRAIN_TAKEN]
    mov     r0, r7, lsr #STREAM_KEY_BITS
    mul     r0, r3, r0
    and     r8, r7, #((1 << STREAM_SLOT_BITS) - 1) << STREAM_INDEX_BITS
    mov     r0, r0, lsr #(32 - RECEIVER_BITS)
    ldr     r0, [r2, r0, lsl #2]
    mov     r3, r7, lsl #(32 - STREAM_INDEX_BITS)
    add     r8, r0, r8, lsr #(STREAM_INDEX_BITS - SLOT_SHIFT)
    ldmia   r8, {r0, r1}             /* words, limit */
    sub     r9, r8, r9
    add     r9, r11, r9              /* its marker_t */
    add     r1, r1, #1
    mov     r1, r1, lsr #STREAM_INDEX_BITS
    cmn     r3, #1 << (32 - STREAM_INDEX_BITS)
    cmpeq   r1, r7, lsr #STREAM_INDEX_BITS
    bne     slowly                   /* no marker, or not in the place where it is looked for first */
    ldmia   r9, {r2, r3}             /* start, state and stream */
    ldr     r11, =streams
    movs    r1, r3, lsl #16
    ldr     r11, [r11]
    mov     r3, r3, lsr #16
    add     r3, r3, r3, lsl #1
    add     r11, r11, r3, lsl #4     /* its stream_t, of 48 bytes */
    bne     not_awaited
    ldr     r5, [r8, #4]
    sub     r3, r7, #1 << STREAM_INDEX_BITS
    str     r3, [r8, #4]             /* closed: nothing comes in while it is looked at */
    ldr     r1, [r11, #STREAM_RUNS]
    movs    r3, r1, lsr #16
    bne     scattered
    bl      words_fold
folded:
    cmp     r0, r6
    strne   r5, [r8, #4]             /* open again: something is still to come */
    ldr     r5, [r4]
    bne     slowly
    mov     r0, #SLOT_COMPLETE
    strh    r0, [r9, #4]
    ldr     r0, [r11]
    and     r1, r7, #((1 << STREAM_SLOT_BITS) - 1) << STREAM_INDEX_BITS
    ldr     r0, [r0, #INLET_COMPLETE]
    add     r0, r0, r1, lsr #(STREAM_INDEX_BITS - 1)
    ldrh    r2, [r0]
    add     r2, r2, #1
    strh    r2, [r0]
    b       take

not_awaited:
    ldr     r1, [r11, #STREAM_WORDS]
    cmp     r1, #0
    bne     slowly
    ldr     r2, =stream_take_credit
    cmp     r2, #0                   /* none in programs that get no credit */
    beq     take
    mov     r0, r11
    mov     r1, r6
    blx     r2
    b       take

scattered:
    mov     r1, r11
    bl      stream_fold_scattered
    b       folded

slowly:
    mov     r0, r7
    mov     r1, r6
    bl      stream_take_slowly
    b       take

emptied:
    mov     r12, r4
    pop     {r4-r11, lr}
empty_ring:
    ldr     r0, [r12, #DRAIN_EARLY]
    cmp     r0, #0
    bxeq    lr
    push    {r4, lr}
    bl      streams_look_at_early
    pop     {r4, pc}
