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
    blo     few
    push    {r4-r5, lr}
four:
    ldmia   r0!, {r3-r5, r12}
    subs    r1, r1, #4
    .irp    word, r3, r4, r5, r12
    add     r2, \word, r2, ror #FOLD_ROTATION
    eor     r2, r2, r2, lsr #FOLD_SHIFT
    .endr
    bhs     four
    pop     {r4-r5, lr}
few:
    adds    r1, r1, #4
    beq     done
one:
    ldr     r3, [r0], #4
    subs    r1, r1, #1
    add     r2, r3, r2, ror #FOLD_ROTATION
    eor     r2, r2, r2, lsr #FOLD_SHIFT
    bne     one
done:
    mov     r0, r2
    bx      lr
