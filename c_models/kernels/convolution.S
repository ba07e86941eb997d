/*
 * The inner loops of the convolution.  convolution.h says what it does, convolution.c says it in C, convolution_walk.c
 * calls these.
 *
 * Forward takes two positions at a time, 4 columns each: 8 sums, one load of a weight for both.  Their patches are
 * gathered once for all columns, as a list without what is zero in both.  Backward takes one position with its errors in
 * registers, or, where few of them are not zero, those one by one.  The gradient keeps a block of up to 8 numbers of
 * one column in registers and passes over all positions whose error is not zero there.
 *
 * A list's entry is two words: a byte offset and a value.  A value of zero ends the list.
 * Cycles by the ARM9E-S tables: forward 16 for 8 products, backward 19.5 (4 for one in the other way), gradient 17.
 */
        .syntax unified
        .arm

/* ------------------------------------------------------------------ gather two patches: 8 cycles per entry
 * r0 list   r1, r2 patches   r4 kernel rows left   r5 elements of each   r6 bytes to the next   r7 bytes of a weight row
 * r8 offset of the weight row   r9 elements left, - 2   r3, r10, r12, lr elements
 */
        .section .text.convolution_pairs, "ax", %progbits
        .balign 4
        .global convolution_pairs
        .type   convolution_pairs, %function
convolution_pairs:                      /* r0 list, r1 and r2 x, r3 {rows, run, skip, step, offset}; returns its end */
        push    {r4-r10, lr}
        ldmia   r3, {r4-r8}
.Lpairs_row:
        subs    r9, r5, #2
        blt     .Lpairs_last
.Lpairs_two:
        ldrh    r3, [r1], #2
        ldrh    r12, [r2], #2
        ldrh    lr, [r1], #2
        ldrh    r10, [r2], #2
        orrs    r12, r3, r12, lsl #16
        stmiane r0!, {r8, r12}
        add     r8, r8, r7
        orrs    lr, lr, r10, lsl #16
        stmiane r0!, {r8, lr}
        add     r8, r8, r7
        subs    r9, r9, #2
        bge     .Lpairs_two
.Lpairs_last:
        cmn     r9, #2
        beq     .Lpairs_next
        ldrh    r12, [r2], #2
        ldrh    r3, [r1], #2
        mov     r12, r12, lsl #16
        orrs    r12, r12, r3
        stmiane r0!, {r8, r12}
        add     r8, r8, r7
.Lpairs_next:
        subs    r4, r4, #1
        add     r1, r1, r6
        add     r2, r2, r6
        bne     .Lpairs_row
        mov     r4, #0
        mov     r5, #0
        stmia   r0, {r4, r5}
        pop     {r4-r10, pc}
        .size   convolution_pairs, . - convolution_pairs

/* ------------------------------------------------------------------ forward
 * r0, lr two weights   r1 weights, at these columns   r2 list   r3 offset, then pointer   r12 two elements of x
 * r4-r7 sums of the first position   r8-r11 of the second
 */
        .macro  FORWARD_ENTRY
        add     r3, r1, r3
        ldmia   r3!, {r0, lr}
        smlawb  r4, r0, r12, r4
        smlawb  r5, lr, r12, r5
        smlawt  r8, r0, r12, r8
        smlawt  r9, lr, r12, r9
        ldmia   r3, {r0, lr}
        smlawb  r6, r0, r12, r6
        smlawb  r7, lr, r12, r7
        smlawt  r10, r0, r12, r10
        smlawt  r11, lr, r12, r11
        ldmia   r2!, {r3, r12}
        .endm                           /* 12 instructions, 15 cycles */

        .equ    FORWARD_LIST, 0
        .equ    FORWARD_SUMS, 4         /* both */
        .equ    FORWARD_ENTRY, 12       /* where to enter the unrolled loop */
        .equ    FORWARD_GROUPS, 16
        .equ    FORWARD_BYTES, 24
        .equ    FORWARD_ARGUMENTS, FORWARD_BYTES + 36

        .section .text.convolution_multiply, "ax", %progbits
        .balign 4
        .global convolution_multiply
        .type   convolution_multiply, %function
convolution_multiply:                   /* r0 list, r1 weights, r2 and r3 sums, [sp] columns / 4, [sp, #4] bytes of the list */
        push    {r4-r11, lr}
        sub     sp, sp, #FORWARD_BYTES
        ldr     r4, [sp, #FORWARD_ARGUMENTS]
        ldr     r5, [sp, #FORWARD_ARGUMENTS + 4]
        str     r0, [sp, #FORWARD_LIST]
        str     r4, [sp, #FORWARD_GROUPS]
        rsb     r5, r5, #0              /* enter at entry -n mod 4 */
        and     r5, r5, #3 << 3
        add     r5, r5, r5, lsl #1      /* 12 * 4 = 6 * 8 bytes of code each */
        adr     r6, .Lforward_entries
        add     r5, r6, r5, lsl #1
        str     r5, [sp, #FORWARD_ENTRY]
.Lforward_group:
        add     r12, sp, #FORWARD_SUMS
        stmia   r12, {r2, r3}
        ldmia   r2, {r4-r7}
        ldr     r2, [sp, #FORWARD_LIST]
        ldmia   r3, {r8-r11}
        ldmia   r2!, {r3, r12}
        ldr     pc, [sp, #FORWARD_ENTRY]
.Lforward_entries:
        .rept   4
        FORWARD_ENTRY
        .endr
        cmp     r12, #0
        bne     .Lforward_entries
        add     r12, sp, #FORWARD_SUMS
        ldmia   r12, {r2, r3}
        ldr     r0, [sp, #FORWARD_GROUPS]
        stmia   r2!, {r4-r7}
        stmia   r3!, {r8-r11}
        subs    r0, r0, #1
        str     r0, [sp, #FORWARD_GROUPS]
        add     r1, r1, #16
        bne     .Lforward_group
        add     sp, sp, #FORWARD_BYTES
        pop     {r4-r11, pc}
        .size   convolution_multiply, . - convolution_multiply

/* ------------------------------------------------------------------ forward, one channel, a kernel row of 3 or 5
 * Of one column and one kernel row, whose weights stay in registers, for four positions at a time: eight neighbours in x
 * (six) are four words (three), of which each serves all that see it.  Where all are zero, nothing is done.
 *
 * r0 sums   r1 x   r2 bytes to the next position's sum   r4.. weights   r12, lr two sums
 * 3: r7-r9 x   r3 end of this row of x       5: r3, r9-r11 x
 */
        .equ    NARROW_ROWS, 0          /* of positions, left */
        .equ    NARROW_RUN, 4           /* bytes of x for one */
        .equ    NARROW_SKIP_X, 8        /* from its end to the next */
        .equ    NARROW_SKIP_SUMS, 12
        .equ    NARROW_END, 16
        .equ    NARROW_FRAME, 20

        .macro  NARROW_START
        push    {r4-r11, lr}
        sub     sp, sp, #NARROW_FRAME
        ldr     r12, [r3], #4
        ldmia   r3, {r8-r11}
        stmia   sp, {r8-r11}
        mov     lr, r1
        mov     r1, r2
        mov     r2, r12
        ldr     r4, [lr], r2
        ldr     r5, [lr], r2
        ldr     r6, [lr], r2
        .endm

        .macro  NARROW_NEXT_ROW label, done
        ldr     r12, [sp, #NARROW_ROWS]
        add     lr, sp, #NARROW_SKIP_X
        ldmia   lr, {r3, lr}
        subs    r12, r12, #1
        str     r12, [sp, #NARROW_ROWS]
        add     r1, r1, r3
        add     r0, r0, lr
        bne     \label
\done:
        add     sp, sp, #NARROW_FRAME
        pop     {r4-r11, pc}
        .endm

/* Two positions, x in \a, \b and, for five, \c. */
        .macro  NARROW_TWO a, b, c
        ldr     r12, [r0]
        ldr     lr, [r0, r2]
        smlawb  r12, r4, \a, r12
        smlawt  lr, r4, \a, lr
        smlawt  r12, r5, \a, r12
        smlawb  lr, r5, \b, lr
        smlawb  r12, r6, \b, r12
        smlawt  lr, r6, \b, lr
        .ifnb   \c
        smlawt  r12, r7, \b, r12
        smlawb  lr, r7, \c, lr
        smlawb  r12, r8, \c, r12
        smlawt  lr, r8, \c, lr
        .endif
        str     r12, [r0], r2
        str     lr, [r0], r2
        .endm

        .section .text.convolution_narrow_3, "ax", %progbits
        .balign 4
        .global convolution_narrow_3
        .type   convolution_narrow_3, %function
convolution_narrow_3:                   /* r0 sums, r1 weights, r2 x, r3 {step, rows, run, skip of x, of sums} */
        NARROW_START
        orrs    r3, r4, r5
        cmpeq   r6, #0
        beq     .Lnarrow_3_done
.Lnarrow_3_row:
        ldr     r3, [sp, #NARROW_RUN]
        add     r3, r3, r1
.Lnarrow_3_four:
        ldmia   r1, {r7-r9}
        add     r1, r1, #8
        orrs    r12, r7, r8
        cmpeq   r9, #0
        beq     .Lnarrow_3_zero
        NARROW_TWO r7, r8
        NARROW_TWO r8, r9
        cmp     r1, r3
        bne     .Lnarrow_3_four
        b       .Lnarrow_3_next
.Lnarrow_3_zero:
        add     r0, r0, r2, lsl #2
        cmp     r1, r3
        bne     .Lnarrow_3_four
.Lnarrow_3_next:
        NARROW_NEXT_ROW .Lnarrow_3_row, .Lnarrow_3_done
        .size   convolution_narrow_3, . - convolution_narrow_3

        .section .text.convolution_narrow_5, "ax", %progbits
        .balign 4
        .global convolution_narrow_5
        .type   convolution_narrow_5, %function
convolution_narrow_5:                   /* as convolution_narrow_3 */
        NARROW_START
        ldr     r7, [lr], r2
        ldr     r8, [lr], r2
        orr     r3, r4, r5
        orr     r3, r3, r6
        orr     r3, r3, r7
        orrs    r3, r3, r8
        beq     .Lnarrow_5_done
.Lnarrow_5_row:
        ldr     r12, [sp, #NARROW_RUN]
        add     r12, r12, r1
        str     r12, [sp, #NARROW_END]
.Lnarrow_5_four:
        ldmia   r1, {r3, r9-r11}
        add     r1, r1, #8
        orr     r12, r3, r9
        orr     r12, r12, r10
        orrs    r12, r12, r11
        addeq   r0, r0, r2, lsl #2
        beq     .Lnarrow_5_next
        NARROW_TWO r3, r9, r10
        NARROW_TWO r9, r10, r11
.Lnarrow_5_next:
        ldr     r12, [sp, #NARROW_END]
        cmp     r1, r12
        bne     .Lnarrow_5_four
        NARROW_NEXT_ROW .Lnarrow_5_row, .Lnarrow_5_done
        .size   convolution_narrow_5, . - convolution_narrow_5

/* ------------------------------------------------------------------ backward, one position
 * Eight errors: r0 e   r1 weights   r2, r3 two of them   r4-r11 errors   r12 sum   lr to the next row of weights
 * The first weight of a row is loaded before the sum of the row above is stored: the multiplier's result needs a cycle.
 */
        .equ    BACKWARD_ROWS, 0        /* the kernel's */
        .equ    BACKWARD_RUN, 4         /* bytes of e in one of them */
        .equ    BACKWARD_SKIP, 8        /* from its end to the next */
        .equ    BACKWARD_STEP, 12       /* bytes of a row of weights */
        .equ    BACKWARD_EIGHTS, 16     /* columns / 8, still to do */
        .equ    BACKWARD_FOUR, 20       /* whether 4 more follow */
        .equ    BACKWARD_E, 24
        .equ    BACKWARD_WEIGHTS, 28    /* of this tile */
        .equ    BACKWARD_D, 32          /* of the next tile */
        .equ    BACKWARD_END, 36        /* of this run of e */
        .equ    BACKWARD_LEFT, 40       /* kernel rows */
        .equ    BACKWARD_ENTRY, 44
        .equ    BACKWARD_FRAME, 48

        .macro  BACKWARD_ROW next
        ldr     r12, [r0]
        ldr     r3, [r1], #4
        smlawt  r12, r4, r2, r12
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
        .endm                           /* 16 instructions, 18 cycles */

/* Starts a run of e at r0: its end, and where to enter code of 4 rows of \size bytes (a power of two) each. */
        .macro  BACKWARD_START_RUNS label, log_size
        ldr     r2, [sp, #BACKWARD_RUN]
        ldr     r3, [sp, #BACKWARD_ROWS]
        adr     r12, \label
        str     r3, [sp, #BACKWARD_LEFT]
        rsb     r3, r2, #0
        and     r3, r3, #3 << 2
        add     r12, r12, r3, lsl #(\log_size - 2)
        add     r2, r2, r0
        str     r12, [sp, #BACKWARD_ENTRY]
        str     r2, [sp, #BACKWARD_END]
        .endm

        .macro  BACKWARD_NEXT_RUN label
        ldr     r3, [sp, #BACKWARD_LEFT]
        ldr     r2, [sp, #BACKWARD_SKIP]
        subs    r3, r3, #1
        add     r0, r0, r2
        ldr     r2, [sp, #BACKWARD_RUN]
        str     r3, [sp, #BACKWARD_LEFT]
        add     r2, r2, r0
        str     r2, [sp, #BACKWARD_END]
        bne     \label
        .endm

        .section .text.convolution_backward_position, "ax", %progbits
        .balign 4
        .global convolution_backward_position
        .type   convolution_backward_position, %function
convolution_backward_position:          /* r0 e, r1 weights, r2 d, r3 {rows, run, skip, step, eights, four} */
        push    {r4-r11, lr}
        sub     sp, sp, #BACKWARD_FRAME
        ldmia   r3, {r4-r9}
        stmia   sp, {r4-r9}
        add     r3, sp, #BACKWARD_E
        stmia   r3, {r0-r2}
        cmp     r8, #0
        beq     .Lbackward_tail
.Lbackward_eight:
        ldmia   r2!, {r4-r11}
        mov     r12, #0
        .irp    n, 4, 5, 6, 7, 8, 9, 10, 11
        cmp     r\n, #0
        addne   r12, r12, #1
        .endr
        str     r2, [sp, #BACKWARD_D]
        cmp     r12, #3
        subls   r2, r2, #32
        bls     .Lbackward_few

        ldr     lr, [sp, #BACKWARD_STEP]
        sub     lr, lr, #28
        BACKWARD_START_RUNS .Lbackward_rows, 6
.Lbackward_run:
        ldr     r2, [r1], #4
        ldr     pc, [sp, #BACKWARD_ENTRY]
.Lbackward_loop:
        ldr     r2, [r1], #4
.Lbackward_rows:
        .rept   3
        BACKWARD_ROW 1
        .endr
        BACKWARD_ROW 0
        cmp     r0, r2
        bne     .Lbackward_loop
        BACKWARD_NEXT_RUN .Lbackward_run

.Lbackward_next:
        ldr     r3, [sp, #BACKWARD_EIGHTS]
        add     r12, sp, #BACKWARD_E
        ldmia   r12, {r0-r2}
        add     r1, r1, #32
        str     r1, [sp, #BACKWARD_WEIGHTS]
        subs    r3, r3, #1
        str     r3, [sp, #BACKWARD_EIGHTS]
        bgt     .Lbackward_eight
        blt     .Lbackward_end          /* that was the tail */
.Lbackward_tail:
        ldr     r3, [sp, #BACKWARD_FOUR]
        cmp     r3, #0
        beq     .Lbackward_end
        ldmia   r2!, {r4-r7}
        mov     r12, #0
        .irp    n, 4, 5, 6, 7
        cmp     r\n, #0
        addne   r12, r12, #1
        .endr
        cmp     r12, #1
        subls   r2, r2, #16
        bls     .Lbackward_few

        ldr     lr, [sp, #BACKWARD_STEP]
        BACKWARD_START_RUNS .Lbackward_tail_rows, 5
.Lbackward_tail_run:
        ldr     r3, [sp, #BACKWARD_END]
        ldr     pc, [sp, #BACKWARD_ENTRY]
.Lbackward_tail_rows:
        .rept   4
        ldr     r12, [r0]
        ldmia   r1, {r8-r11}
        smlawt  r12, r4, r8, r12
        smlawt  r12, r5, r9, r12
        smlawt  r12, r6, r10, r12
        smlawt  r12, r7, r11, r12
        add     r1, r1, lr
        str     r12, [r0], #4
        .endr                           /* 8 instructions, 11 cycles */
        cmp     r0, r3
        bne     .Lbackward_tail_rows
        BACKWARD_NEXT_RUN .Lbackward_tail_run
.Lbackward_end:
        add     sp, sp, #BACKWARD_FRAME
        pop     {r4-r11, pc}

/*
 * One error at a time, down its column of weights.  r12 of them are not zero, r2 points at the first.
 * r0 e   r1 weights   r2, r3 two of e   r4 error   r5 bytes of a row of weights   r6 where to enter
 * r7 end   r8, r10 two weights   r9 kernel rows left   r11 errors   lr weights of the next error
 */
.Lbackward_few:
        mov     r11, r2
        mov     lr, r1
        ldr     r5, [sp, #BACKWARD_STEP]
        ldr     r7, [sp, #BACKWARD_RUN]
        adr     r6, .Lbackward_twos
        mov     r3, r7, lsr #3
        rsb     r3, r3, #0
        and     r3, r3, #3              /* 6 instructions each */
        add     r3, r3, r3, lsl #1
        add     r6, r6, r3, lsl #3
.Lbackward_seek:
        subs    r12, r12, #1
        blt     .Lbackward_next
.Lbackward_zero:
        ldr     r4, [r11], #4
        mov     r1, lr
        add     lr, lr, #4
        cmp     r4, #0
        beq     .Lbackward_zero
        ldr     r0, [sp, #BACKWARD_E]
        ldr     r9, [sp, #BACKWARD_ROWS]
.Lbackward_column:
        bic     r3, r7, #7
        cmp     r3, #0
        beq     .Lbackward_one
        add     r3, r3, r0
        str     r3, [sp, #BACKWARD_END]
        bx      r6
.Lbackward_twos:
        .rept   4
        ldmia   r0, {r2, r3}
        ldr     r8, [r1], r5
        ldr     r10, [r1], r5
        smlawt  r2, r4, r8, r2
        smlawt  r3, r4, r10, r3
        stmia   r0!, {r2, r3}
        .endr                           /* 8 cycles for 2 */
        ldr     r3, [sp, #BACKWARD_END]
        cmp     r0, r3
        bne     .Lbackward_twos
.Lbackward_one:
        tst     r7, #4
        beq     .Lbackward_even
        ldr     r8, [r1], r5
        ldr     r2, [r0]
        smlawt  r2, r4, r8, r2
        str     r2, [r0], #4
.Lbackward_even:
        ldr     r3, [sp, #BACKWARD_SKIP]
        subs    r9, r9, #1
        add     r0, r0, r3
        bne     .Lbackward_column
        b       .Lbackward_seek
        .size   convolution_backward_position, . - convolution_backward_position

/* ------------------------------------------------------------------ list of the errors of one column
 * r0 list   r1 d   r2 bytes to the next position's   r3 positions left in this row   r4 offset   r5 d
 * r6 rows left   r7 columns   r8, r9 offset's steps before even and odd columns   r10 and at a row's end
 */
        .section .text.convolution_errors, "ax", %progbits
        .balign 4
        .global convolution_errors
        .type   convolution_errors, %function
convolution_errors:     /* r0 list, r1 d, r2 step, r3 {offset, rows, columns, to_even, to_odd, to_row}; returns its end */
        push    {r4-r10, lr}
        mov     r12, r3
        ldr     r4, [r12], #4
        ldmia   r12, {r6-r10}
.Lerrors_row:
        mov     r3, r7
.Lerrors_two:
        ldr     r5, [r1], r2
        add     r4, r4, r8
        cmp     r5, #0
        stmiane r0!, {r4, r5}
        subs    r3, r3, #1
        beq     .Lerrors_next
        ldr     r5, [r1], r2
        add     r4, r4, r9
        cmp     r5, #0
        stmiane r0!, {r4, r5}
        subs    r3, r3, #1
        bne     .Lerrors_two
.Lerrors_next:
        subs    r6, r6, #1
        add     r4, r4, r10
        bne     .Lerrors_row
        pop     {r4-r10, pc}
        .size   convolution_errors, . - convolution_errors

/* ------------------------------------------------------------------ gradient, one column
 * r0 x, at this block   r1 list   r2, lr elements of x   r3 offset, then pointer   r4-r11 gradient   r12 error
 */
        .equ    GRADIENT_LIST, 0
        .equ    GRADIENT_G, 4
        .equ    GRADIENT_STEP, 8        /* bytes of a row of the gradient */
        .equ    GRADIENT_ROWS, 12       /* of the kernel, left */
        .equ    GRADIENT_RUN, 16        /* elements of one */
        .equ    GRADIENT_SKIP, 20       /* bytes from its end to the next */
        .equ    GRADIENT_LEFT, 24       /* elements of this row */
        .equ    GRADIENT_FRAME, 28

        .macro  GRADIENT_ENTRY n
        add     r3, r0, r3
        .if     \n > 2
        ldmia   r3!, {r2, lr}
        .else
        ldr     r2, [r3]
        .endif
        smlawb  r4, r12, r2, r4
        .if     \n > 1
        smlawt  r5, r12, r2, r5
        .endif
        .if     \n == 5 || \n == 6
        ldr     r2, [r3]
        .endif
        .if     \n > 2
        smlawb  r6, r12, lr, r6
        .endif
        .if     \n > 3
        smlawt  r7, r12, lr, r7
        .endif
        .if     \n > 6
        ldmia   r3, {r2, lr}
        .endif
        .if     \n > 4
        smlawb  r8, r12, r2, r8
        .endif
        .if     \n > 5
        smlawt  r9, r12, r2, r9
        .endif
        .if     \n > 6
        smlawb  r10, r12, lr, r10
        smlawt  r11, r12, lr, r11
        .endif
        ldmia   r1!, {r3, r12}
        .endm                           /* for 8: 13 instructions, 15 cycles */

/* Of the next \n elements; r1 is how many follow in this row. */
        .macro  GRADIENT_BLOCK n
.Lgradient_\n:
        sub     r1, r1, #\n
        str     r1, [sp, #GRADIENT_LEFT]
        ldmia   sp, {r1, r3, r12}
        .irp    r, 4, 5, 6, 7, 8, 9, 10, 11
        .if     \r < \n + 4
        ldr     r\r, [r3], r12
        .endif
        .endr
        ldmia   r1!, {r3, r12}
1:
        GRADIENT_ENTRY \n
        GRADIENT_ENTRY \n
        cmp     r12, #0
        bne     1b
        ldmib   sp, {r3, r12}
        ldr     r1, [sp, #GRADIENT_LEFT]
        .irp    r, 4, 5, 6, 7, 8, 9, 10, 11
        .if     \r < \n + 4
        str     r\r, [r3], r12
        .endif
        .endr
        add     r0, r0, #(\n * 2)
        str     r3, [sp, #GRADIENT_G]
        b       .Lgradient_next
        .endm

        .section .text.convolution_gradient_column, "ax", %progbits
        .balign 4
        .global convolution_gradient_column
        .type   convolution_gradient_column, %function
convolution_gradient_column:            /* r0 list, r1 gradient, r2 x, r3 {step, rows, run, skip}; an even list, not empty */
        push    {r4-r11, lr}
        sub     sp, sp, #GRADIENT_FRAME
        ldmia   r3, {r4-r7}
        stmia   sp, {r0, r1, r4-r7}
        mov     r0, r2
        mov     r1, r6
.Lgradient_next:
        cmp     r1, #8
        addlo   pc, pc, r1, lsl #2
        b       .Lgradient_8
        b       .Lgradient_row
        b       .Lgradient_1
        b       .Lgradient_2
        b       .Lgradient_3
        b       .Lgradient_4
        b       .Lgradient_5
        b       .Lgradient_6
        b       .Lgradient_4            /* 7: 4 and 3 */
.Lgradient_row:
        ldr     r3, [sp, #GRADIENT_SKIP]
        ldr     r2, [sp, #GRADIENT_ROWS]
        ldr     r1, [sp, #GRADIENT_RUN]
        add     r0, r0, r3
        subs    r2, r2, #1
        str     r2, [sp, #GRADIENT_ROWS]
        bne     .Lgradient_next
        add     sp, sp, #GRADIENT_FRAME
        pop     {r4-r11, pc}
        .irp    n, 8, 6, 5, 4, 3, 2, 1
        GRADIENT_BLOCK \n
        .endr
        .size   convolution_gradient_column, . - convolution_gradient_column
