@ An application binary without SARK: says in its VCPU block and in an IOBUF that it ran.
        .text
        .arm
table:  .word   2, 0, code - table, end - code          @ copy to ITCM 0 ...
        .word   4, 0, 0, 0                              @ ... and execute
code:   mov     r0, #0x40000000                         @ DMA status: which core this is
        ldr     r1, [r0, #0x14]
        mov     r1, r1, lsr #24
        ldr     r2, =0xf5007f94                         @ SC&MP's map of physical to virtual cores
        ldrb    r3, [r2, r1]
        ldr     r4, =0xe5007000
        add     r4, r4, r3, lsl #7                      @ VCPU block
        str     r1, [r4, #112]
        mov     r5, #0x61000000
        add     r5, r5, r3, lsl #16
        adr     r6, text
        ldm     r6, {r7-r10}
        mov     r11, #0
        mov     r12, #14
        str     r11, [r5]
        str     r11, [r5, #4]
        str     r11, [r5, #8]
        str     r12, [r5, #12]
        add     r6, r5, #16
        stm     r6, {r7-r10}
        str     r5, [r4, #88]
        mov     r6, #11                                 @ finished
        strb    r6, [r4, #46]
rest:   mcr     p15, 0, r0, c7, c0, 4
        b       rest
text:   .ascii  "I have run...\n\0\0"
        .ltorg
        .balign 32
end:
