@ Receives, or sends, packets with the streams' own code (c_models/streams), for packet_cycles.py.  What it takes from DTCM is there
@ when it begins: at 0 a receiver's first ring entry, or a sender's key, number of words and place of words; at 12 whether it is a
@ sender; at 0x80 a sender's sent_t (stream_out.c); at 0x100 what streams_drain.S keeps (stream_slots.h).  When the marker has come a
@ receiver takes it, and sleeps.
        .syntax unified
        .arm
        .text
        .equ    DTCM, 0x400000
        .equ    VIC, 0x1f000000
        .equ    CC, 0x20000000

        .global receiver
        .type   receiver, %function
receiver:
        mov     r10, #DTCM
        ldr     r0, [r10, #12]
        cmp     r0, #0
        bne     sender
        msr     cpsr_c, #0xd1           @ FIQ, both interrupts masked
        ldr     r8, =PLACES
        mov     r12, #0
        msr     cpsr_c, #0xdf           @ system
        ldr     sp, =STACK
        mov     r1, #0x1c               @ as runtime_install_fiq: a branch in the vector
        ldr     r0, =streams_receive
        sub     r0, r0, r1
        sub     r0, r0, #8
        mov     r0, r0, lsr #2
        orr     r0, r0, #0xea000000
        str     r0, [r1]
        mov     r1, #VIC
        mov     r0, #1 << 24            @ a packet has come
        str     r0, [r1, #12]
        str     r0, [r1, #16]
        ldr     r4, [r10]
        msr     cpsr_c, #0x9f
until_marker:
        ldr     r0, [r4, #4]
        cmn     r0, #1
        beq     until_marker
        bl      streams_drain
        b       sleep

        .global sender
        .type   sender, %function
sender:
        ldr     sp, =STACK
        mov     r1, #CC
        mov     r0, #0x20000            @ with payload
        str     r0, [r1]
        ldm     r10, {r2, r4, r5}
        mov     r0, r5
        mov     r1, r4
        add     r3, r10, #0x80          @ sent_t
        bl      stream_send_run
        mov     r1, #CC
        mov     r2, #0x1000
        ldr     r0, [r10, #0x80]        @ the checksum
        str     r0, [r1, #4]
        ldr     r0, [r10]
        add     r0, r0, r2
        sub     r0, r0, #1
        str     r0, [r1, #8]
        b       sleep

        .global sleep
        .type   sleep, %function
sleep:
        mcr     p15, 0, r0, c7, c0, 4
        b       sleep

        .global stream_take_slowly, stream_fold_scattered, streams_look_at_early
        .type   stream_take_slowly, %function
stream_take_slowly:                     @ nothing here is
stream_fold_scattered:
streams_look_at_early:
        b       stream_take_slowly
        .ltorg
