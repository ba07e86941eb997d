/* SPDX-License-Identifier: Apache-2.0
 *
 * Exception vectors, start-up, and the little that only assembly can do.
 *
 * The loader (SC&MP's, at the top of ITCM) has copied the image and jumps to 0
 * with the application ID in bits 7:0 and the flags in bits 15:8 of r0.
 */
#include "layout.h"

        .syntax unified
        .arm

        .equ    MODE_FIQ, 0x11
        .equ    MODE_IRQ, 0x12
        .equ    MODE_SVC, 0x13
        .equ    MODE_ABT, 0x17
        .equ    MODE_UND, 0x1b
        .equ    MODE_SYS, 0x1f
        .equ    IRQ_OFF, 0x80
        .equ    FIQ_OFF, 0x40
        .equ    ALL_OFF, 0xc0

        .equ    VIC_BASE, 0x1f000000
        .equ    VIC_VADDR, 0x30

@ ---- vectors -----------------------------------------------------------------

        .section .vectors, "ax", %progbits
        .global runtime_vectors
runtime_vectors:
        ldr     pc, table + 0x00        @ reset
        ldr     pc, table + 0x04        @ undefined instruction
        ldr     pc, table + 0x08        @ software interrupt
        ldr     pc, table + 0x0c        @ prefetch abort
        ldr     pc, table + 0x10        @ data abort
        b       .
        ldr     pc, [pc, #-0xff0]       @ IRQ: the VIC's handler, at 0xfffff030
        ldr     pc, table + 0x1c        @ FIQ: runtime_install_fiq() may put a
                                        @ direct branch here

@ The words at 0x20 have the layout of sark_vec_t.
        .global runtime_sark_vec
runtime_sark_vec:
table:
        .word   start
        .word   fault_undefined
        .word   fault_svc
        .word   fault_prefetch
        .word   fault_data
        .word   0
        .word   fault_irq
        .word   fault_fiq
        .hword  FAULT_STACK_BYTES / 4, IRQ_STACK_BYTES / 4, FIQ_STACK_BYTES / 4
        .hword  STACK_SIZE_HALFWORD
        .word   __itcm_end
        .word   __heap_base
        .word   __stack_top
        .word   STACK_FILL
        .byte   0, 15, 0, 0
app_id_and_flags:
        .hword  0
        .hword  0

@ ---- start -------------------------------------------------------------------

        .section .text.start, "ax", %progbits
        .balign 4
start:
        ldr     r1, =app_id_and_flags
        strh    r0, [r1]
        ldr     r1, =table
        ldr     r0, =fault_reset        @ from now on reaching 0 is an error
        str     r0, [r1]

        ldr     r0, =0x1f7e             @ ITCM, DTCM, write buffer on; vectors
        mcr     p15, 0, r0, c1, c0, 0   @ low; alignment faults on

        ldr     r0, =__stack_top
        msr     cpsr_c, #ALL_OFF | MODE_UND
        mov     sp, r0
        msr     cpsr_c, #ALL_OFF | MODE_ABT
        mov     sp, r0
        msr     cpsr_c, #ALL_OFF | MODE_SVC
        mov     sp, r0
        sub     r0, r0, #FAULT_STACK_BYTES
        msr     cpsr_c, #ALL_OFF | MODE_IRQ
        mov     sp, r0
        sub     r0, r0, #IRQ_STACK_BYTES
        msr     cpsr_c, #ALL_OFF | MODE_FIQ
        mov     sp, r0
        sub     r0, r0, #FIQ_STACK_BYTES
        msr     cpsr_c, #ALL_OFF | MODE_SYS
        mov     sp, r0

        ldr     r1, =__stack_base       @ fill the main stack, to see its use
        ldr     r2, =STACK_FILL
1:      cmp     r1, r0
        strlo   r2, [r1], #4
        blo     1b

        bl      runtime_start
        b       cpu_sleep
        .ltorg

@ ---- faults ------------------------------------------------------------------
@ All end in runtime_fault(code, r0 to r7, psr, sp, lr), which does not return.

        .macro  fault name, code
        .section .text.\name, "ax", %progbits
        .balign 4
\name:  stmfd   sp!, {r0-r7}
        mov     r0, #\code
        b       fault_common
        .endm

        .section .text.fault_common, "ax", %progbits
        .balign 4
fault_common:
        mrs     r2, spsr
        and     r3, r2, #0x1f
        teq     r3, #0x10               @ user mode shares its sp with SYS
        moveq   r3, #MODE_SYS
        orr     r3, r3, #ALL_OFF
        mrs     r4, cpsr
        msr     cpsr_c, r3
        mov     r5, sp
        msr     cpsr_c, r4
        mov     r3, r5
        mov     r1, sp
        str     lr, [sp, #-8]!
        bl      runtime_fault

        fault   fault_undefined, 2
        fault   fault_svc, 3
        fault   fault_prefetch, 4
        fault   fault_data, 5
        fault   fault_irq, 6
        fault   fault_fiq, 7

@ A vector of the VIC that nobody set.
        .section .text.runtime_unset_vector, "ax", %progbits
        .balign 4
        .global runtime_unset_vector
runtime_unset_vector:
        stmfd   sp!, {r0-r7}
        mov     r0, #8
        b       fault_common

        .section .text.fault_reset, "ax", %progbits
        .balign 4
fault_reset:
        mov     r0, #1                  @ falls into rt_error

@ void rt_error(uint code, ...): in whatever mode it is called.
        .global rt_error
        .type   rt_error, %function
rt_error:
        stmfd   sp!, {r0-r7}
        mrs     r2, cpsr
        mov     r1, sp
        add     r3, sp, #32
        mov     r4, lr
        msr     cpsr_c, #ALL_OFF | MODE_SVC
        ldr     sp, =__stack_top
        str     r4, [sp, #-8]!
        bl      runtime_fault
        .ltorg

@ ---- interrupts --------------------------------------------------------------
@ C handlers run in SYS mode on the main stack, so the IRQ stack stays small. FIQ
@ stays as it was. A nested one lets IRQs of higher VIC priority through.

        .macro  irq_entry name, function, mode
        .section .text.\name, "ax", %progbits
        .balign 4
        .global \name
\name:  sub     lr, lr, #4
        stmfd   sp!, {r0-r3, r12, lr}
        mov     r0, lr                  @ argument: where it was interrupted
        mrs     r12, spsr
        stmfd   sp!, {r3, r12}
        and     r1, r12, #FIQ_OFF
        orr     r1, r1, #\mode
        msr     cpsr_c, r1
        and     r1, sp, #4              @ C wants a stack aligned to 8
        sub     sp, sp, r1
        stmfd   sp!, {r1, lr}
        bl      \function
        ldmfd   sp!, {r1, lr}
        add     sp, sp, r1
        mrs     r1, cpsr
        and     r1, r1, #FIQ_OFF
        orr     r1, r1, #IRQ_OFF | MODE_IRQ
        msr     cpsr_c, r1
        ldmfd   sp!, {r3, r12}
        msr     spsr_cxsf, r12
        mov     r0, #VIC_BASE
        str     r0, [r0, #VIC_VADDR]
        ldmfd   sp!, {r0-r3, r12, pc}^
        .endm

        irq_entry runtime_irq_mailbox, runtime_mailbox, MODE_SYS
        irq_entry runtime_irq_multicast, runtime_multicast, IRQ_OFF | MODE_SYS
        irq_entry runtime_irq_fixed_route, runtime_fixed_route, IRQ_OFF | MODE_SYS
        irq_entry runtime_irq_dma, runtime_dma_complete, IRQ_OFF | MODE_SYS
        irq_entry runtime_irq_timer, runtime_timer_tick, IRQ_OFF | MODE_SYS
        irq_entry runtime_irq_user, runtime_user_event, IRQ_OFF | MODE_SYS

@ The source went away before the VIC was asked; the VIC still wants an end.
        .section .text.runtime_irq_spurious, "ax", %progbits
        .balign 4
        .global runtime_irq_spurious
runtime_irq_spurious:
        stmfd   sp!, {r0, r1}
        mov     r0, #VIC_BASE
        str     r0, [r0, #VIC_VADDR]
        ldmfd   sp!, {r0, r1}
        subs    pc, lr, #4

@ FIQ handler of packets whose callback is a C function (priority -1).
        .section .text.runtime_fiq_multicast, "ax", %progbits
        .balign 4
        .global runtime_fiq_multicast
runtime_fiq_multicast:
        stmfd   sp!, {r0-r3, r12, lr}
        bl      runtime_multicast
        ldmfd   sp!, {r0-r3, r12, lr}
        subs    pc, lr, #4

@ ---- processor state -----------------------------------------------------------

        .macro  function name
        .section .text.\name, "ax", %progbits
        .balign 4
        .global \name
        .type   \name, %function
\name:
        .endm

        .macro  mask_function name, operation, bits
        function \name
        mrs     r0, cpsr
        \operation r1, r0, #\bits
        msr     cpsr_c, r1
        bx      lr
        .endm

        mask_function cpu_irq_enable, bic, IRQ_OFF
        mask_function cpu_fiq_enable, bic, FIQ_OFF
        mask_function cpu_int_enable, bic, ALL_OFF
        mask_function cpu_irq_disable, orr, IRQ_OFF
        mask_function cpu_fiq_disable, orr, FIQ_OFF
        mask_function cpu_int_disable, orr, ALL_OFF

        function cpu_int_restore
        msr     cpsr_cxsf, r0
        bx      lr

        function cpu_get_cpsr
        mrs     r0, cpsr
        bx      lr

        function cpu_wfi
        mov     r0, #0
        mcr     p15, 0, r0, c7, c0, 4
        bx      lr

        function cpu_sleep
        mov     r0, #0
        mcr     p15, 0, r0, c7, c0, 4
        b       cpu_sleep

@ void runtime_set_fiq_registers(const uint32_t values[5])
        function runtime_set_fiq_registers
        mrs     r1, cpsr
        msr     cpsr_c, #ALL_OFF | MODE_FIQ
        ldmia   r0, {r8-r12}
        msr     cpsr_c, r1
        bx      lr

@ void runtime_get_fiq_registers(uint32_t values[5])
        function runtime_get_fiq_registers
        mrs     r1, cpsr
        msr     cpsr_c, #ALL_OFF | MODE_FIQ
        stmia   r0, {r8-r12}
        msr     cpsr_c, r1
        bx      lr

@ uint sark_lock_get(spin_lock lock)
        function sark_lock_get
        mov     r2, #0xe2000000         @ system controller
        add     r2, r2, #0x100          @ test-and-set registers
        add     r2, r2, r0, lsl #2
        mrs     r0, cpsr
        orr     r1, r0, #IRQ_OFF
        msr     cpsr_c, r1
1:      ldr     r1, [r2]
        tst     r1, #0x80000000
        bne     1b
        bx      lr

@ void sark_lock_free(uint cpsr, spin_lock lock)
        function sark_lock_free
        mov     r2, #0xe2000000
        add     r2, r2, #0x180          @ test-and-clear registers
        ldr     r1, [r2, r1, lsl #2]
        msr     cpsr_c, r0
        bx      lr

@ void runtime_spin(uint loops): 4 cycles each
        function runtime_spin
1:      subs    r0, r0, #1
        bhs     1b
        bx      lr

@ Names under which Thumb code calls them (ARM code has them inline).
        .macro  alias name, target
        .global \name
        .type   \name, %function
        .set    \name, \target
        .endm

        alias   spin1_irq_disable, cpu_irq_disable
        alias   spin1_fiq_disable, cpu_fiq_disable
        alias   spin1_int_disable, cpu_int_disable
        alias   spin1_mode_restore, cpu_int_restore
        alias   wait_for_interrupt, cpu_wfi
