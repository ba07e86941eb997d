/* The sticky overflow flag: bit 27 of CPSR. */
        .syntax unified
        .arm

        .section .text.q_flag_read_and_clear, "ax", %progbits
        .balign 4
        .global q_flag_read_and_clear
        .type   q_flag_read_and_clear, %function
q_flag_read_and_clear:
        mrs     r1, cpsr
        bic     r0, r1, #1 << 27
        msr     cpsr_f, r0
        mov     r0, r1, lsr #27
        and     r0, r0, #1
        bx      lr
        .size   q_flag_read_and_clear, . - q_flag_read_and_clear
