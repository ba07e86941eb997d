/* The unit operations that most networks spend time in: ReLU and its error.  The C twins are in unit_ops.c. */
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
