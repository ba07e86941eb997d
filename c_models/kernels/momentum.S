/*
 * Gradient descent with momentum that looks back.  momentum.h says what it does, momentum.c says it in C.
 * By the ARM9E-S tables 34 cycles per weight; 14 where gradient and momentum are zero.
 * No saturating instruction is used: they set the Q flag, which belongs to the checked sums.
 *
 * r0 parameters   r1 gradient   r2 momenta   r3 left, then the parameter   r4 count   r5 momentum   r6 mantissa   r7 half a unit
 * r8 right   r9 kept   r10 sum   r11, r12, lr scratch; on the stack the clips, and left
 */
    .syntax unified
    .arm
    .section .text.momentum_update, "ax", %progbits
    .balign 4

    .global momentum_update
    .type momentum_update, %function
momentum_update:                    /* r0 parameters, r1 gradient, r2 momenta, r3 momentum_step_t, [sp] count */
    push    {r4-r11, lr}
    ldr     r4, [sp, #36]
    mov     r11, #0
    ldmia   r3, {r5-r8, r12}
    push    {r11, r12}
    cmp     r4, #0
    beq     done
weight:
    ldr     r9, [r2]
    ldr     r10, [r1]
    ldr     r3, [sp, #4]
    orrs    r11, r9, r10
    beq     nothing
    mov     r10, r10, lsl r3
    ldr     r3, [r0]
    smull   r11, r12, r9, r5         /* the momentum times the factor, towards zero */
    smull   r9, lr, r10, r6
    mov     r10, r12, asr #31
    adds    r11, r11, r10, lsr #2
    adc     r12, r12, #0
    add     lr, lr, r7
    mov     r11, r11, lsr #30
    orr     r11, r11, r12, lsl #2
    mov     r10, #0
    subs    r11, r11, lr, asr r8
    blvs    clip_momentum
    str     r10, [r1], #4
    str     r11, [r2], #4
    movs    r12, r11, asr #2         /* the bit below goes into the carry: rounded */
    adcs    r3, r3, r12
    blvs    clip_parameter
    str     r3, [r0], #4
    subs    r4, r4, #1
    bne     weight
done:
    pop     {r0, r12}
    pop     {r4-r11, pc}

nothing:
    add     r0, r0, #4
    add     r1, r1, #4
    add     r2, r2, #4
    subs    r4, r4, #1
    bne     weight
    b       done

clip_momentum:
    mov     r11, r11, asr #31        /* wrapped, so of the wrong sign */
    eor     r11, r11, #0x80000000
    b       count
clip_parameter:
    mov     r3, r3, asr #31
    eor     r3, r3, #0x80000000
count:
    ldr     r9, [sp]
    add     r9, r9, #1
    str     r9, [sp]
    bx      lr
    .size   momentum_update, . - momentum_update

/* 4.5 cycles per word.  r0 next word   r1 count left   r2 found   r3-r5, r12 four words */
    .section .text.words_magnitude, "ax", %progbits
    .balign 4

    .global words_magnitude
    .type words_magnitude, %function
words_magnitude:                    /* r0 words, r1 count */
    mov     r2, #0
    subs    r1, r1, #4
    blo     few
    push    {r4, r5}
four:
    ldmia   r0!, {r3-r5, r12}
    subs    r1, r1, #4
    .irp    n, 3, 4, 5, 12
    eor     r\n, r\n, r\n, asr #31
    orr     r2, r2, r\n
    .endr
    bhs     four
    pop     {r4, r5}
few:
    adds    r1, r1, #4
    beq     found
one:
    ldr     r3, [r0], #4
    subs    r1, r1, #1
    eor     r3, r3, r3, asr #31
    orr     r2, r2, r3
    bne     one
found:
    mov     r0, r2
    bx      lr
    .size   words_magnitude, . - words_magnitude
