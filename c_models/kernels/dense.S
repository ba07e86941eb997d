/*
 * The dense layer: forward, backward, gradient.  dense.h says what they do, dense.c says it in C.
 *
 * Each works on tiles of 8 columns, with 8 sums or 8 errors in registers, and walks down the rows.  Loops are unrolled
 * over 8 rows and entered in the middle, so that any number of rows fits.  Cycles per row and tile, by the ARM9E-S
 * tables: forward 18.5 for 8 products (2.3 each), backward 18.6 (17.6 in the first tile), gradient 26.5 (3.3 each).
 */
        .syntax unified
        .arm
#include "gather.inc"

/* ------------------------------------------------------------------ forward
 * r0, lr two weights   r1 matrix, at this tile   r2 list   r4-r11 eight sums
 * r3, r12 take turns: the entry of this row, and the pointer to its weights (then the next entry)
 */
        .macro  FORWARD_ROW entry, pointer
        add     \pointer, r1, \entry, lsr #16
        ldmia   \pointer!, {r0, lr}
        smlawb  r4, r0, \entry, r4
        smlawb  r5, lr, \entry, r5
        ldmia   \pointer!, {r0, lr}
        smlawb  r6, r0, \entry, r6
        smlawb  r7, lr, \entry, r7
        ldmia   \pointer!, {r0, lr}
        smlawb  r8, r0, \entry, r8
        smlawb  r9, lr, \entry, r9
        ldmia   \pointer, {r0, lr}
        ldr     \pointer, [r2], #4
        smlawb  r10, r0, \entry, r10
        smlawb  r11, lr, \entry, r11
        .endm                           /* 14 instructions, 18 cycles */

        .section .text.dense_forward, "ax", %progbits
        .balign 4
        .global dense_forward
        .type   dense_forward, %function
dense_forward:                          /* r0 acc, r1 weights, r2 x, r3 rows, [sp] columns */
        ENTER
.Lforward_gather:
        bl      gather_rows
        cmp     r0, #0
        beq     .Lforward_gathered

        rsb     r0, r0, #0              /* enter at row -n mod 8 */
        and     r0, r0, #7 << 2
        rsb     r0, r0, r0, lsl #3      /* 7 * 4 * row */
        adr     r2, .Lforward_rows
        add     r0, r2, r0, lsl #1
        str     r0, [sp, #FRAME_ENTRY]
        add     r3, sp, #FRAME_VECTOR_START
        ldmia   r3, {r0, r1, r2}
        mov     r12, r0
        str     r2, [sp, #FRAME_TILES]
.Lforward_tile:
        add     r2, sp, #FRAME_LIST
        ldr     r3, [r2], #4
        str     r12, [sp, #FRAME_VECTOR]
        ldmia   r12, {r4-r11}
        mov     r12, r3
        ldr     pc, [sp, #FRAME_ENTRY]
.Lforward_rows:
        .rept   4
        FORWARD_ROW r3, r12
        FORWARD_ROW r12, r3
        .endr
        cmp     r3, #0
        bne     .Lforward_rows

        ldr     r12, [sp, #FRAME_VECTOR]
        ldr     r0, [sp, #FRAME_TILES]
        stmia   r12!, {r4-r11}
        add     r1, r1, #32
        subs    r0, r0, #1
        str     r0, [sp, #FRAME_TILES]
        bne     .Lforward_tile
.Lforward_gathered:
        ldr     r0, [sp, #FRAME_ROWS]
        cmn     r0, #4
        bgt     .Lforward_gather
        LEAVE
        .size   dense_forward, . - dense_forward

/* ------------------------------------------------------------------ gradient
 * r0, lr two gradients   r1 matrix, at this tile   r2 list   r3 entry   r4-r11 eight errors   r12 pointer
 */
        .macro  GRADIENT_ROW
        add     r12, r1, r3, lsr #16
        ldmia   r12, {r0, lr}
        smlawb  r0, r4, r3, r0
        smlawb  lr, r5, r3, lr
        stmia   r12!, {r0, lr}
        ldmia   r12, {r0, lr}
        smlawb  r0, r6, r3, r0
        smlawb  lr, r7, r3, lr
        stmia   r12!, {r0, lr}
        ldmia   r12, {r0, lr}
        smlawb  r0, r8, r3, r0
        smlawb  lr, r9, r3, lr
        stmia   r12!, {r0, lr}
        ldmia   r12, {r0, lr}
        smlawb  r0, r10, r3, r0
        smlawb  lr, r11, r3, lr
        ldr     r3, [r2], #4
        stmia   r12, {r0, lr}
        .endm                           /* 18 instructions, 26 cycles */

        .section .text.dense_gradient, "ax", %progbits
        .balign 4
        .global dense_gradient
        .type   dense_gradient, %function
dense_gradient:                         /* r0 gradient, r1 x, r2 d, r3 rows, [sp] columns */
        mov     r12, r0
        mov     r0, r2
        mov     r2, r1
        mov     r1, r12
        ENTER
.Lgradient_gather:
        bl      gather_rows
        cmp     r0, #0
        beq     .Lgradient_gathered

        rsb     r0, r0, #0
        and     r0, r0, #7 << 2
        add     r0, r0, r0, lsl #3      /* 9 * 4 * row */
        adr     r2, .Lgradient_rows
        add     r0, r2, r0, lsl #1
        str     r0, [sp, #FRAME_ENTRY]
        add     r3, sp, #FRAME_VECTOR_START
        ldmia   r3, {r0, r1, r2}
        mov     r12, r0
        str     r2, [sp, #FRAME_TILES]
.Lgradient_tile:
        ldmia   r12!, {r4-r11}
        add     r2, sp, #FRAME_LIST
        ldr     r3, [r2], #4
        str     r12, [sp, #FRAME_VECTOR]
        ldr     pc, [sp, #FRAME_ENTRY]
.Lgradient_rows:
        .rept   8
        GRADIENT_ROW
        .endr
        cmp     r3, #0
        bne     .Lgradient_rows

        ldr     r0, [sp, #FRAME_TILES]
        ldr     r12, [sp, #FRAME_VECTOR]
        add     r1, r1, #32
        subs    r0, r0, #1
        str     r0, [sp, #FRAME_TILES]
        bne     .Lgradient_tile
.Lgradient_gathered:
        ldr     r0, [sp, #FRAME_ROWS]
        cmn     r0, #4
        bgt     .Lgradient_gather
        LEAVE
        .size   dense_gradient, . - dense_gradient

/* ------------------------------------------------------------------ backward
 * r0 e   r1 weights   r2, r3 two of them   r4-r11 eight errors   r12 sum of this row
 * lr from the last weight of this row and tile to the next row's first
 * The first weight of a row is loaded before the sum of the row above is stored: the multiplier's result needs a cycle.
 */
        .macro  BACKWARD_ROW first, next
        .if     \first
        ldr     r3, [r1], #4
        smulwt  r12, r4, r2
        .else
        ldr     r12, [r0]
        ldr     r3, [r1], #4
        smlawt  r12, r4, r2, r12
        .endif
        smlawt  r12, r5, r3, r12
        ldmia   r1!, {r2, r3}
        smlawt  r12, r6, r2, r12
        smlawt  r12, r7, r3, r12
        ldmia   r1!, {r2, r3}
        smlawt  r12, r8, r2, r12
        smlawt  r12, r9, r3, r12
        ldr     r2, [r1], #4
        ldr     r3, [r1], lr
        smlawt  r12, r10, r2, r12
        smlawt  r12, r11, r3, r12
        .if     \next
        ldr     r2, [r1], #4
        .else
        ldr     r2, [sp, #BACKWARD_END]
        .endif
        str     r12, [r0], #4
        .endm                           /* 15 or 16 instructions, 17 or 18 cycles */

        .equ    BACKWARD_END, 0         /* of e */
        .equ    BACKWARD_D, 4           /* of the next tile */
        .equ    BACKWARD_TILES, 8       /* still to do after this one */
        .equ    BACKWARD_E, 12
        .equ    BACKWARD_WEIGHTS, 16    /* of this tile */
        .equ    BACKWARD_ENTRY, 20
        .equ    BACKWARD_BYTES, 24

        .section .text.dense_backward, "ax", %progbits
        .balign 4
        .global dense_backward
        .type   dense_backward, %function
dense_backward:                         /* r0 e, r1 weights, r2 d, r3 rows, [sp] columns */
        push    {r4-r11, lr}
        cmp     r3, #0
        popeq   {r4-r11, pc}
        ldr     r4, [sp, #36]
        sub     sp, sp, #BACKWARD_BYTES
        mov     lr, r4, lsl #2
        sub     lr, lr, #28
        mov     r4, r4, lsr #3
        sub     r4, r4, #1
        str     r4, [sp, #BACKWARD_TILES]
        add     r4, r0, r3, lsl #2
        str     r4, [sp, #BACKWARD_END]
        str     r0, [sp, #BACKWARD_E]
        str     r1, [sp, #BACKWARD_WEIGHTS]

        rsb     r3, r3, #0
        and     r3, r3, #7
        adr     r4, .Lbackward_rows
        add     r4, r4, r3, lsl #6
        str     r4, [sp, #BACKWARD_ENTRY]
        rsb     r3, r3, r3, lsl #4      /* 15 * row */
        adr     r12, .Lbackward_first_rows
        add     r12, r12, r3, lsl #2
        ldmia   r2!, {r4-r11}
        str     r2, [sp, #BACKWARD_D]
        ldr     r2, [r1], #4
        bx      r12

.Lbackward_first_loop:
        ldr     r2, [r1], #4
.Lbackward_first_rows:
        .rept   7
        BACKWARD_ROW 1, 1
        .endr
        BACKWARD_ROW 1, 0
        cmp     r0, r2
        bne     .Lbackward_first_loop
        b       .Lbackward_next

.Lbackward_tile:
        str     r3, [sp, #BACKWARD_TILES]
        ldmia   r2!, {r4-r11}
        str     r1, [sp, #BACKWARD_WEIGHTS]
        str     r2, [sp, #BACKWARD_D]
        ldr     r2, [r1], #4
        ldr     pc, [sp, #BACKWARD_ENTRY]
.Lbackward_loop:
        ldr     r2, [r1], #4
.Lbackward_rows:
        .rept   7
        BACKWARD_ROW 0, 1
        .endr
        BACKWARD_ROW 0, 0
        cmp     r0, r2
        bne     .Lbackward_loop
.Lbackward_next:
        ldr     r3, [sp, #BACKWARD_TILES]
        ldr     r1, [sp, #BACKWARD_WEIGHTS]
        ldr     r2, [sp, #BACKWARD_D]
        ldr     r0, [sp, #BACKWARD_E]
        subs    r3, r3, #1
        add     r1, r1, #32
        bge     .Lbackward_tile
        add     sp, sp, #BACKWARD_BYTES
        pop     {r4-r11, pc}
        .size   dense_backward, . - dense_backward

/* ------------------------------------------------------------------ errors for the gradient: 4.5 cycles each */
        .section .text.shift_errors, "ax", %progbits
        .balign 4
        .global shift_errors
        .type   shift_errors, %function
shift_errors:                           /* r0 out, r1 d, r2 columns, r3 s */
        push    {r4-r10, lr}
        subs    r2, r2, #8
        blt     .Lshifted
.Lshift_eight:
        ldmia   r1!, {r4-r10, r12}
        subs    r2, r2, #8
        .irp    n, 4, 5, 6, 7, 8, 9, 10, 12
        mov     r\n, r\n, asr r3
        .endr
        stmia   r0!, {r4-r10, r12}
        bge     .Lshift_eight
.Lshifted:
        pop     {r4-r10, pc}
        .size   shift_errors, . - shift_errors
