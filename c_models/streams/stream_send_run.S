/*
 * void stream_send_run(const uint32_t *words, uint32_t n_words, uint32_t key, sent_t *sent): sends a run of words that are not
 * zero, one after the other, and folds all of them.  By the ARM9E-S tables and the emulator's wait states 25 cycles each, where the
 * transmit register is free; 13 for a zero.
 *
 * r0 word's place   r1 end   r2 key   r3 what of the sample was sent   r4 multiplier   r5 fold   r6 count
 * r7 communications controller   r8 word   r12 its status
 */
#define CONTROLLER 0x20000000        /* buffered writes: SpiNNaker datasheet, chapter 5 */
#define STATUS 0x00                  /* registers of the communications controller: chapter 7 */
#define DATA 0x04
#define KEY 0x08                     /* a write to it sends */
#define NOT_FULL (1 << 28)

#include "words_fold.h"

    .syntax unified
    .arm
    .text
    .align 2

    .global stream_send_run
    .type stream_send_run, %function
stream_send_run:
    push    {r4-r8, lr}
    ldr     r4, =FOLD_MULTIPLIER
    ldmia   r3, {r5, r6}             /* stream_out.c's sent_t */
    mov     r7, #CONTROLLER
    add     r1, r0, r1, lsl #2
    sub     r2, r2, #1
    cmp     r0, r1
    beq     done
word:
    ldr     r8, [r0], #4
    add     r2, r2, #1
    mla     r5, r4, r5, r8
    cmp     r8, #0
    eor     r5, r5, r5, lsr #FOLD_SHIFT
    beq     next
full:
    ldr     r12, [r7, #STATUS]
    tst     r12, #NOT_FULL
    beq     full
    str     r8, [r7, #DATA]
    str     r2, [r7, #KEY]
    add     r6, r6, #1
next:
    cmp     r0, r1
    bne     word
done:
    stmia   r3, {r5, r6}
    pop     {r4-r8, pc}
