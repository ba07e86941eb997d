/*
 * Stochastic gradient descent.  sgd.h says what it does, sgd.c says it in C.
 *
 * With a shift of 33 and more, the step is the upper word of the product, rounded and shifted: 11 cycles per weight.
 * Below, the gradient is shifted left first, to make it a shift of 33: 15 cycles; where that does not fit 32 bits (a
 * step of 1.0 and more for a weight), the pair is done again in 64 bits.  Eight gradients that are zero cost 25 cycles.
 * No saturating instruction is used: they set the Q flag, which belongs to the checked sums.
 */
        .syntax unified
        .arm

/*
 * r0 weights   r1 gradient   r2 count left   r3 mantissa   r4 shift - 32, or 33 - shift   r5 half a unit
 * r6, r7 two gradients   r8, r9 two weights   r10-r12 scratch   lr zero
 */
        .equ    SGD_CLIPS, 0
        .equ    SGD_SHIFT, 4
        .equ    SGD_BYTES, 8

        .macro  FAR_PAIR
        smull   r10, r11, r3, r6
        smull   r10, r12, r3, r7
        add     r11, r11, r5
        add     r12, r12, r5
        subs    r8, r8, r11, asr r4
        blvs    .Lclip_r8
        subs    r9, r9, r12, asr r4
        blvs    .Lclip_r9
        .endm

        .macro  NEAR_PAIR slow
        mov     r11, r6, lsl r4
        cmp     r6, r11, asr r4
        bne     \slow
        mov     r12, r7, lsl r4
        cmp     r7, r12, asr r4
        bne     \slow
        smull   r10, r11, r3, r11
        smull   r10, r12, r3, r12
        add     r11, r11, #1
        add     r12, r12, #1
        subs    r8, r8, r11, asr #1
        blvs    .Lclip_r8
        subs    r9, r9, r12, asr #1
        blvs    .Lclip_r9
        .endm

        .macro  LOAD_PAIR
        ldmia   r1, {r6, r7}
        ldmia   r0, {r8, r9}
        .endm

        .macro  STORE_PAIR
        stmia   r0!, {r8, r9}
        str     lr, [r1], #4
        str     lr, [r1], #4
        .endm

/* The other six gradients, where the first two are zero: all zero, and the eight are done. */
        .macro  SKIP_EIGHT loop, some, rest
        add     r12, r1, #8
        ldmia   r12!, {r8-r11}
        orr     r8, r8, r9
        orr     r10, r10, r11
        orr     r8, r8, r10
        ldmia   r12, {r9, r10}
        orr     r8, r8, r9
        orrs    r8, r8, r10
        ldmiane r0, {r8, r9}
        bne     \some
        add     r0, r0, #32
        add     r1, r1, #32
        subs    r2, r2, #8
        bge     \loop
        b       \rest
        .endm

        .section .text.sgd_update, "ax", %progbits
        .balign 4
        .global sgd_update
        .type   sgd_update, %function
sgd_update:                             /* r0 weights, r1 gradient, r2 count, r3 mantissa, [sp] shift */
        push    {r4-r11, lr}
        ldr     r4, [sp, #36]
        sub     sp, sp, #SGD_BYTES
        mov     lr, #0
        str     lr, [sp, #SGD_CLIPS]
        str     r4, [sp, #SGD_SHIFT]
        cmp     r4, #33
        blt     .Lnear

        sub     r4, r4, #33
        mov     r5, #1
        mov     r5, r5, lsl r4
        add     r4, r4, #1
        subs    r2, r2, #8
        blt     .Lfar_rest
.Lfar_eight:
        LOAD_PAIR
        orrs    r10, r6, r7
        beq     .Lfar_zeros
.Lfar_some:
        FAR_PAIR
        STORE_PAIR
        .rept   3
        LOAD_PAIR
        FAR_PAIR
        STORE_PAIR
        .endr
        subs    r2, r2, #8
        bge     .Lfar_eight
.Lfar_rest:
        adds    r2, r2, #8
        beq     .Lupdated
.Lfar_one:
        ldr     r6, [r1]
        ldr     r8, [r0]
        smull   r10, r11, r3, r6
        subs    r2, r2, #1
        str     lr, [r1], #4
        add     r11, r11, r5
        subs    r8, r8, r11, asr r4
        blvs    .Lclip_r8
        str     r8, [r0], #4
        cmp     r2, #0
        bne     .Lfar_one
.Lupdated:
        ldr     r0, [sp, #SGD_CLIPS]
        add     sp, sp, #SGD_BYTES
        pop     {r4-r11, pc}
.Lfar_zeros:
        SKIP_EIGHT .Lfar_eight, .Lfar_some, .Lfar_rest

.Lnear:
        rsb     r4, r4, #33
        subs    r2, r2, #8
        blt     .Lnear_rest
.Lnear_eight:
        LOAD_PAIR
        orrs    r10, r6, r7
        beq     .Lnear_zeros
.Lnear_some:
        NEAR_PAIR .Lslow_0
.Lnear_0: STORE_PAIR
        LOAD_PAIR
        NEAR_PAIR .Lslow_1
.Lnear_1: STORE_PAIR
        LOAD_PAIR
        NEAR_PAIR .Lslow_2
.Lnear_2: STORE_PAIR
        LOAD_PAIR
        NEAR_PAIR .Lslow_3
.Lnear_3: STORE_PAIR
        subs    r2, r2, #8
        bge     .Lnear_eight
.Lnear_rest:
        adds    r2, r2, #8
        beq     .Lupdated
.Lnear_one:
        ldr     r6, [r1]
        ldr     r8, [r0]
        bl      .Lslow_r8
        str     lr, [r1], #4
        str     r8, [r0], #4
        subs    r2, r2, #1
        bne     .Lnear_one
        b       .Lupdated
.Lnear_zeros:
        SKIP_EIGHT .Lnear_eight, .Lnear_some, .Lnear_rest

        .irp    n, 0, 1, 2, 3
.Lslow_\n:
        bl      .Lslow_pair
        b       .Lnear_\n
        .endr

/* A weight that left 32 bits in a subtraction: its sign is the wrong one. */
.Lclip_r8:
        mov     r8, r8, asr #31
        eor     r8, r8, #0x80000000
        b       .Lcount_clip
.Lclip_r9:
        mov     r9, r9, asr #31
        eor     r9, r9, #0x80000000
.Lcount_clip:
        ldr     r10, [sp, #SGD_CLIPS]
        add     r10, r10, #1
        str     r10, [sp, #SGD_CLIPS]
        mov     r10, lr
        mov     lr, #0
        bx      r10

/* Both of a pair in 64 bits. */
.Lslow_pair:
        push    {r6, r8, lr}
        mov     r6, r7
        mov     r8, r9
        bl      .Lslow_r8_pushed
        mov     r9, r8
        pop     {r6, r8, lr}
        /* fall through */

/* r8 = sat32(r8 - round(r6 * r3, shift)), shift = 1 .. 32; changes r10-r12; lr = 0 at the end. */
.Lslow_r8:
        push    {r0, r1, lr}
        add     r0, sp, #12
        b       .Lslow_at_r0
.Lslow_r8_pushed:                         /* the same, 12 bytes deeper in the stack */
        push    {r0, r1, lr}
        add     r0, sp, #24
.Lslow_at_r0:
        ldr     r12, [r0, #SGD_SHIFT]
        smull   r10, r11, r3, r6
        mov     r1, #1
        sub     r12, r12, #1
        mov     r1, r1, lsl r12
        add     r12, r12, #1
        adds    r10, r10, r1
        adc     r11, r11, #0
        mov     r10, r10, lsr r12
        rsb     r1, r12, #32
        orr     r10, r10, r11, lsl r1
        mov     r11, r11, asr r12       /* r11:r10 the step */
        mov     r1, r8, asr #31
        subs    r8, r8, r10
        sbc     r11, r1, r11
        cmp     r11, r8, asr #31
        beq     .Lslow_fits
        mvn     r8, #0x80000000
        eor     r8, r8, r11, asr #31
        ldr     r10, [r0, #SGD_CLIPS]
        add     r10, r10, #1
        str     r10, [r0, #SGD_CLIPS]
.Lslow_fits:
        pop     {r0, r1, r10}
        mov     lr, #0
        bx      r10
        .size   sgd_update, . - sgd_update
