@ DMA transfers one after the other.
@ DTCM: w0 system address, w1 description (length, direction), w2 number, w4 [out] done,
@       w5 [out] cycles for all of them
        .text
        .arm
        .equ    DMA, 0x40000000
        .equ    TIMER, 0x21000000
start:  mov     r10, #0x400000
        ldm     r10, {r0-r2}
        mov     r9, #DMA
        mov     r8, #TIMER
        mvn     r3, #0
        str     r3, [r8]
        mov     r3, #0x82
        str     r3, [r8, #8]
        add     r7, r10, #0x1000
        mov     r4, #0
next:   str     r0, [r9, #4]
        str     r7, [r9, #8]
        str     r1, [r9, #12]
wait:   ldr     r6, [r9, #20]
        tst     r6, #0x400
        beq     wait
        mov     r6, #8
        str     r6, [r9, #16]
        add     r4, r4, #1
        str     r4, [r10, #16]
        cmp     r4, r2
        bne     next
        ldr     r5, [r8, #4]
        mvn     r5, r5
        str     r5, [r10, #20]
end:    mcr     p15, 0, r0, c7, c0, 4
        b       end
