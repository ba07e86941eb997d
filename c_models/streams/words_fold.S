/* uint32_t words_fold(const uint32_t *words, uint32_t n, uint32_t fold) */
#include "words_fold.h"

    .syntax unified
    .arm
    .text
    .align 2

    .global words_fold
    .type words_fold, %function
words_fold:
    subs    r1, r1, #4
    ldr     r12, =FOLD_MULTIPLIER
    blo     few
    push    {r4-r6, lr}
four:
    ldmia   r0!, {r3-r6}
    .irp    word, r3, r4, r5
    mla     r2, r12, r2, \word
    eor     r2, r2, r2, lsr #FOLD_SHIFT
    .endr
    mla     r2, r12, r2, r6
    subs    r1, r1, #4
    eor     r2, r2, r2, lsr #FOLD_SHIFT
    bhs     four
    pop     {r4-r6, lr}
few:
    adds    r1, r1, #4
    beq     done
one:
    ldr     r3, [r0], #4
    subs    r1, r1, #1
    mla     r2, r12, r2, r3
    eor     r2, r2, r2, lsr #FOLD_SHIFT
    bne     one
done:
    mov     r0, r2
    bx      lr
