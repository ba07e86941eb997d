/* SPDX-License-Identifier: Apache-2.0
 * For costs.c: the shortest useful FIQ handler, and a loop of known length. */
        .syntax unified
        .arm

@ r8: comms controller, r9: next place in a ring
        .section .text.costs_fiq, "ax", %progbits
        .balign 4
        .global costs_fiq
        .type   costs_fiq, %function
costs_fiq:
        ldr     r10, [r8, #0x10]
        ldr     r11, [r8, #0x14]
        stmia   r9!, {r10, r11}
        subs    pc, lr, #4

@ uint costs_loop(uint loops): cycles of `loops` turns
        .section .text.costs_loop, "ax", %progbits
        .balign 4
        .global costs_loop
        .type   costs_loop, %function
costs_loop:
        mov     r1, #0x21000000         @ timers
        ldr     r2, [r1, #0x24]
1:      subs    r0, r0, #1
        bne     1b
        ldr     r3, [r1, #0x24]
        sub     r0, r2, r3
        bx      lr
