/* The unit operations that most networks spend time in: ReLU, its error, and the largest of a window.  The C twins are in
 * unit_ops.c and pooling.c. */
        .syntax unified
        .arm

/* ------------------------------------------------------------------ sums to ReLU's values: 19 cycles each, or 17 to zero
 * r0 sums   r1 x   r2 f'   r3 biases   r4 channels left, negative   r5 excess   r6 sum, pre-activation, value   r7 bias
 * r8 half of what is shifted out   r9 shift   r10 pixels left   r11 1.0 of f', one more than the largest x   r12 clips
 * lr the structure
 * At .Lrelu_unit the carry is clear: the shift puts its last bit there, and leaves it alone where it shifts nothing.
 */
        .equ    RELU_FROM_GAP, 40
        .equ    RELU_TO_GAP, 44

        .section .text.relu_pixels, "ax", %progbits
        .balign 4
        .global relu_pixels
        .type   relu_pixels, %function
relu_pixels:    /* r0 {sums, x, f', biases, -channels, excess, half, shift, pixels, 0x8000, gaps in bytes}; returns clips */
        push    {r4-r11, lr}
        mov     lr, r0
        ldmia   lr, {r0-r5}
        add     r12, lr, #24
        ldmia   r12, {r8-r11}
        mov     r12, #0
        adds    r4, r4, #0
.Lrelu_unit:
        ldr     r6, [r0], #4
        ldr     r7, [r3], #4
        movs    r6, r6, asr r5
        adc     r6, r6, #0
        adds    r6, r6, r7
        bvs     .Lrelu_overflow
        ble     .Lrelu_zero
.Lrelu_positive:
        add     r6, r6, r8
        mov     r6, r6, lsr r9
        cmp     r6, r11
        bhs     .Lrelu_clip
.Lrelu_store:
        strh    r6, [r1], #2
        strh    r11, [r2], #2
        adds    r4, r4, #1
        bne     .Lrelu_unit
        b       .Lrelu_next
.Lrelu_zero:
        mov     r6, #0
        strh    r6, [r1], #2
        strh    r6, [r2], #2
        adds    r4, r4, #1
        bne     .Lrelu_unit
.Lrelu_next:
        add     r6, lr, #RELU_FROM_GAP
        ldmia   r6, {r3, r6}
        subs    r10, r10, #1
        add     r0, r0, r3
        add     r1, r1, r6
        add     r2, r2, r6
        add     r3, lr, #12
        ldmia   r3, {r3, r4}
        bne     .Lrelu_pixel
        mov     r0, r12
        pop     {r4-r11, pc}
.Lrelu_pixel:
        adds    r4, r4, #0
        b       .Lrelu_unit
.Lrelu_overflow:
        add     r12, r12, #1
        cmp     r7, #0
        mvngt   r6, #1 << 31
        bgt     .Lrelu_positive
        b       .Lrelu_zero
.Lrelu_clip:
        add     r12, r12, #1
        sub     r6, r11, #1
        b       .Lrelu_store
        .size   relu_pixels, . - relu_pixels

/* ------------------------------------------------------------------ ReLU's and linear errors: 13 cycles each
 * r0 e   r1 f'   r2 d   r3 channels left   r4-r7 the structure   r8 e   r9 f'   r10 d   r12 clips
 */
        .section .text.relu_errors, "ax", %progbits
        .balign 4
        .global relu_errors
        .type   relu_errors, %function
relu_errors:                            /* r0 e, r1 f', r2 d, r3 {pixels, channels, from_gap, to_gap}; returns clips */
        push    {r4-r10, lr}
        ldmia   r3, {r4-r7}
        mov     r12, #0
.Lerror_pixel:
        mov     r3, r5
.Lerror_unit:
        ldr     r8, [r0], #4
        ldrh    r9, [r1], #2
        mov     r10, r8, lsl #4
        cmp     r8, r10, asr #4
        bne     .Lerror_clip
.Lerror_fits:
        cmp     r9, #0
        moveq   r10, #0
        str     r10, [r2], #4
        subs    r3, r3, #1
        bne     .Lerror_unit
        subs    r4, r4, #1
        add     r0, r0, r6, lsl #2
        add     r1, r1, r6, lsl #1
        add     r2, r2, r7, lsl #2
        bne     .Lerror_pixel
        mov     r0, r12
        pop     {r4-r10, pc}
.Lerror_clip:
        add     r12, r12, #1
        mvn     r10, #1 << 31           /* 2**31 - 1, or for the negative -2**31 */
        eor     r10, r10, r8, asr #31
        b       .Lerror_fits
        .size   relu_errors, . - relu_errors

/* ------------------------------------------------------------------ largest of one window, channels in pairs
 * r0 first cell   r1 largest   r2 winners   r3 the structure   r4 rows left   r5 columns left   r7 bytes to the next cell
 * r8 from a row's end to the next   r10 cell   lr two channels of it
 * r11 the first's largest << 16, in r6   r12 the second's, in r9   13 cycles for a cell of both
 */
        .equ    LARGEST_ROWS, 0
        .equ    LARGEST_COLUMNS, 4
        .equ    LARGEST_X, 8            /* the image */
        .equ    LARGEST_PAIRS, 12
        .equ    LARGEST_PITCH, 16       /* bytes; behind it those from a row's end */

        .section .text.largest_of_pairs, "ax", %progbits
        .balign 4
        .global largest_of_pairs
        .type   largest_of_pairs, %function
largest_of_pairs:                       /* r0 cell, r1 largest, r2 winners, r3 {rows, columns, x, pairs, pitch, down} */
        push    {r4-r11, lr}
        ldr     r4, [r3, #LARGEST_PAIRS]
        add     r7, r3, #LARGEST_PITCH
        ldmia   r7, {r7, r8}
        push    {r4}
.Llargest_pair:
        ldr     lr, [r0]
        ldr     r4, [r3, #LARGEST_ROWS]
        mov     r10, r0
        mov     r6, r0
        mov     r9, r0
        mov     r11, lr, lsl #16
        mov     r12, lr, asr #16
.Llargest_row:
        ldr     r5, [r3, #LARGEST_COLUMNS]
.Llargest_cell:
        ldr     lr, [r10]
        sub     r5, r5, #1
        cmp     r11, lr, lsl #16
        movlt   r11, lr, lsl #16
        movlt   r6, r10
        cmp     r12, lr, asr #16
        movlt   r12, lr, asr #16
        movlt   r9, r10
        cmp     r5, #0
        add     r10, r10, r7
        bne     .Llargest_cell
        subs    r4, r4, #1
        add     r10, r10, r8
        bne     .Llargest_row
        ldr     lr, [r3, #LARGEST_X]
        ldr     r4, [sp]
        sub     r6, r6, lr
        sub     r9, r9, lr
        add     r9, r9, #2
        mov     r6, r6, lsr #1          /* element numbers: the second's << 16 */
        orr     r6, r6, r9, lsl #15
        str     r6, [r2], #4
        mov     r11, r11, lsr #16
        orr     r11, r11, r12, lsl #16
        str     r11, [r1], #4
        add     r0, r0, #4
        subs    r4, r4, #1
        str     r4, [sp]
        bne     .Llargest_pair
        pop     {r4}
        pop     {r4-r11, pc}
        .size   largest_of_pairs, . - largest_of_pairs
