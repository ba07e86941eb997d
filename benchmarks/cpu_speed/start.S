    .section .text.start, "ax"
    .arm
    .global _start
_start:
    ldr sp, =0x0040fff0
    ldr r0, =0x00400000
    b run_for_ever
