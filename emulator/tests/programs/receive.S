@ Count packets.  DTCM: w0 number to take (0: all), w4 [out] taken, w5 [out] last key,
@ w6 [out] sum of payloads, w7 [out] count of timer 1 (down from all ones) at the last
        .text
        .arm
        .equ    CC, 0x20000000
        .equ    TIMER, 0x21000000
start:  mov     r10, #0x400000
        ldr     r1, [r10]
        mov     r9, #CC
        mov     r8, #TIMER
        mov     r4, #0
        mov     r7, #0
        mvn     r0, #0
        str     r0, [r8]
        mov     r0, #0x82
        str     r0, [r8, #8]
next:   ldr     r6, [r9, #12]
        cmp     r6, #0
        bpl     next
        ldr     r2, [r9, #16]
        ldr     r3, [r9, #20]
        ldr     r5, [r8, #4]
        add     r4, r4, #1
        add     r7, r7, r2
        str     r4, [r10, #16]
        str     r3, [r10, #20]
        str     r7, [r10, #24]
        str     r5, [r10, #28]
        cmp     r4, r1
        bne     next
end:    mcr     p15, 0, r0, c7, c0, 4
        b       end
