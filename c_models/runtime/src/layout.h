/* SPDX-License-Identifier: Apache-2.0
 * Sizes of the stacks at the top of DTCM, shared by assembly, C and linker
 * script: faults, IRQ, FIQ from the top down; the main stack gets the rest. */
#ifndef LAYOUT_H
#define LAYOUT_H

#define FAULT_STACK_BYTES 64
#define IRQ_STACK_BYTES 192
#define FIQ_STACK_BYTES 192
#define STACK_FILL 0xdeaddead

/* In sark_vec_t; the real size is the linker's STACK_SIZE. */
#ifndef STACK_SIZE_HALFWORD
#define STACK_SIZE_HALFWORD 2048
#endif

#endif
