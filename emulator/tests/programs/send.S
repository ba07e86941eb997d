@ Send multicast packets as fast as the communications controller takes them.
@ DTCM: w0 first key, w1 number of packets (0: for ever), w2 1 = with payload,
@       w3 cycles of delay loop after each, w4 [out] sent, w5 added to the key each time
        .text
        .arm
        .equ    CC, 0x20000000
start:  mov     r10, #0x400000
        ldm     r10, {r0-r3}
        ldr     r7, [r10, #20]
        mov     r9, #CC
        mov     r4, #0
        cmp     r2, #0
        movne   r5, #0x20000
        moveq   r5, #0
        str     r5, [r9]
next:   ldr     r6, [r9]
        tst     r6, #0x10000000
        beq     next
        cmp     r2, #0
        strne   r4, [r9, #4]
        str     r0, [r9, #8]
        add     r0, r0, r7
        add     r4, r4, #1
        str     r4, [r10, #16]
        mov     r8, r3
delay:  subs    r8, r8, #1
        bpl     delay
        cmp     r4, r1
        bne     next
end:    mcr     p15, 0, r0, c7, c0, 4
        b       end
