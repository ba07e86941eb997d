@ Keep what the communications controller shows of each packet.  DTCM: w0 number to take (0: all), w1 1 = clear the error flags
@ after each, w4 [out] taken; from 0x1000 four words for each: receive status, key, payload, count of timer 1 (down from all ones).
@ From 0x800, the raw interrupts at the last packet.
        .text
        .arm
        .equ    CC, 0x20000000
        .equ    TIMER, 0x21000000
        .equ    VIC, 0x2f000000
start:  mov     r10, #0x400000
        ldm     r10, {r0-r1}
        mov     r9, #CC
        mov     r8, #TIMER
        mov     r7, #VIC
        add     r11, r10, #0x1000
        mov     r4, #0
        mvn     r2, #0
        str     r2, [r8]
        mov     r2, #0x82
        str     r2, [r8, #8]
next:   ldr     r2, [r9, #12]
        cmp     r2, #0
        bpl     next
        ldr     r6, [r7, #8]
        str     r6, [r10, #0x800]
        ldr     r5, [r8, #4]
        ldr     r3, [r9, #16]
        ldr     r6, [r9, #20]
        str     r2, [r11], #4
        str     r6, [r11], #4
        str     r3, [r11], #4
        str     r5, [r11], #4
        cmp     r1, #0
        strne   r0, [r9, #12]
        add     r4, r4, #1
        str     r4, [r10, #16]
        cmp     r4, r0
        bne     next
end:    mcr     p15, 0, r0, c7, c0, 4
        b       end
