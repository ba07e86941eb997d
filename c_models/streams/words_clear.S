/* void words_clear(uint32_t *words, uint32_t n) */
    .syntax unified
    .arm
    .text
    .align 2

    .global words_clear
    .type words_clear, %function
words_clear:
    mov     r2, #0
    subs    r1, r1, #8
    blo     few
    push    {r4-r8, lr}
    mov     r3, #0
    mov     r4, #0
    mov     r5, #0
    mov     r6, #0
    mov     r7, #0
    mov     r8, #0
    mov     r12, #0
eight:
    stmia   r0!, {r2-r8, r12}
    subs    r1, r1, #8
    bhs     eight
    pop     {r4-r8, lr}
few:
    adds    r1, r1, #8
    bxeq    lr
one:
    str     r2, [r0], #4
    subs    r1, r1, #1
    bne     one
    bx      lr
