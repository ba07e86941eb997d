/* Finds the rows whose x is not zero; see gather.inc. */
        .syntax unified
        .arm
#include "gather.inc"

/*
 * Fills the list from where it stopped last, until it may not hold 4 more or the rows end.
 * Returns the bytes in the list; changes r0-r9, r12.  About 3 cycles per row where four in a row are zero, else 6.
 */
        .section .text.gather_rows, "ax", %progbits
        .balign 4
        .global gather_rows
        .type   gather_rows, %function
gather_rows:
        add     r0, sp, #FRAME_LIST
        add     r5, sp, #FRAME_X
        ldmia   r5, {r1-r4}
        add     r12, r0, #(LIST_ENTRIES - 4) * 4 + 4
        cmp     r2, #0
        blt     .Lfew_rows
.Lfour_rows:
        ldmia   r1!, {r5, r6}
        add     r8, r3, r4
        orrs    r7, r5, r6
        beq     .Lnext_four
        movs    r7, r5, lsl #16
        orrne   r7, r3, r7, lsr #16
        strne   r7, [r0], #4
        movs    r7, r5, lsr #16
        orrne   r7, r8, r7
        strne   r7, [r0], #4
        add     r8, r8, r4
        movs    r7, r6, lsl #16
        orrne   r7, r8, r7, lsr #16
        strne   r7, [r0], #4
        add     r8, r8, r4
        movs    r7, r6, lsr #16
        orrne   r7, r8, r7
        strne   r7, [r0], #4
.Lnext_four:
        add     r3, r3, r4, lsl #2
        subs    r2, r2, #4
        cmpge   r12, r0
        bgt     .Lfour_rows
.Lfew_rows:
        cmp     r12, r0
        ble     .Lgathered                /* full */
        adds    r9, r2, #4
        beq     .Lgathered
.Lone_row:
        ldrh    r5, [r1], #2
        subs    r9, r9, #1
        movs    r7, r5
        orrne   r7, r3, r7
        strne   r7, [r0], #4
        add     r3, r3, r4
        cmp     r9, #0
        bne     .Lone_row
        mvn     r2, #3
.Lgathered:
        add     r5, sp, #FRAME_X
        stmia   r5, {r1-r3}
        mov     r7, #0
        str     r7, [r0]
        add     r1, sp, #FRAME_LIST
        sub     r0, r0, r1
        bx      lr
        .size   gather_rows, . - gather_rows
