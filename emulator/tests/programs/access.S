@ Time 64 single accesses.  DTCM: w0 address, w1 1 = write, w5 [out] cycles
        .text
        .arm
        .equ    TIMER, 0x21000000
start:  mov     r10, #0x400000
        ldm     r10, {r0-r1}
        mov     r8, #TIMER
        mvn     r3, #0
        str     r3, [r8]
        mov     r3, #0x82
        str     r3, [r8, #8]
        mov     r4, #64
        ldr     r6, [r8, #4]
        cmp     r1, #0
        bne     write
read:   ldr     r5, [r0]
        subs    r4, r4, #1
        bne     read
        b       done
write:  str     r5, [r0]
        subs    r4, r4, #1
        bne     write
done:   ldr     r5, [r8, #4]
        sub     r5, r6, r5
        str     r5, [r10, #20]
end:    mcr     p15, 0, r0, c7, c0, 4
        b       end
