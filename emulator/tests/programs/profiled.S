@ Code in seven places, 0x100 bytes apart: set-up, a loop of ARM code, one of Thumb code, reads of SDRAM, the handler of a fast interrupt
@ that timer 1 raises, and sleep until it has come often enough.  DTCM: w0 turns of the ARM loop, w2 interrupts, w3 cycles between
@ them
        .syntax unified
        .text
        .arm
        .equ    TIMER, 0x11000000
        .equ    VIC, 0x1f000000
start:  mov     r10, #0x400000
        ldr     r0, [r10]
        ldr     r1, =VECTOR_CODE
        mov     r2, #0x1c
        str     r1, [r2]
        b       arm
        .equ    VECTOR_CODE, 0xea000000 | (((0x400 + 0x400 - 0x1c - 8) >> 2) & 0xffffff)   @ b handler
        .ltorg

        .org    0x100
arm:    subs    r0, r0, #1              @ 1
        bne     arm                     @ 3 or 1
        adr     r1, thumb + 1           @ 1
        bx      r1                      @ 3

        .org    0x200
        .thumb
thumb:  movs    r2, #0                  @ 1
        ldr     r3, count               @ 1
1:      adds    r2, #1                  @ 1
        adds    r2, #0                  @ 1
        subs    r3, #1                  @ 1
        bne     1b                      @ 3 or 1
        ldr     r1, after               @ 1, and 1 until it can be used
        bx      r1                      @ 3
        .align  2
after:  .word   0x400 + 0x300
count:  .word   7
        .arm

        .org    0x300
sdram:  mov     r1, #0x60000000         @ 1
        ldr     r2, [r1]                @ 1 and the wait
        ldr     r2, [r1, #4]
        ldr     r2, [r1, #8]
        b       wait                    @ 3

        .org    0x400
handler:
        mov     r8, #TIMER              @ 1
        str     r8, [r8, #12]           @ 1 and the wait: no interrupt any more
        add     r9, r9, #1              @ 1
        subs    pc, lr, #4              @ 3

        .org    0x500
wait:   mov     r8, #VIC
        mov     r0, #0x10
        str     r0, [r8, #12]           @ a fast interrupt
        str     r0, [r8, #16]
        mov     r8, #TIMER
        ldr     r0, [r10, #12]
        str     r0, [r8]
        mov     r0, #0xe2
        str     r0, [r8, #8]
        ldr     r4, [r10, #8]
        mrs     r0, cpsr
        bic     r0, r0, #0x40
        msr     cpsr_c, r0
        b       sleep

        .org    0x600
sleep:  mcr     p15, 0, r0, c7, c0, 4   @ 1
        subs    r4, r4, #1              @ 1
        bne     sleep                   @ 3 or 1
        mov     r0, #0                  @ 1
        str     r0, [r8, #8]            @ 1 and the wait: no timer any more
end:    mcr     p15, 0, r0, c7, c0, 4   @ 1
        b       end
