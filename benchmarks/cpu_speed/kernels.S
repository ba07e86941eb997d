@ The inner loops of a fully connected layer, as a careful programmer writes them for the ARM968E-S.
@ Weights are 32-bit, inputs 16-bit in pairs, errors and gradients 32-bit; four outputs at a time.
    .syntax unified
    .arm
    .text

@ void forward4(const int32_t *weights, const int32_t *input_pairs, int32_t *sums, int pairs)
@ sums[j] += weight[i][j] * input[i] >> 16
    .global forward4
forward4:
    push {r4-r11, lr}
    ldm r2, {r8-r11}
1:  ldr r12, [r1], #4
    ldmia r0!, {r4-r7}
    smlawb r8, r4, r12, r8
    smlawb r9, r5, r12, r9
    smlawb r10, r6, r12, r10
    smlawb r11, r7, r12, r11
    ldmia r0!, {r4-r7}
    smlawt r8, r4, r12, r8
    smlawt r9, r5, r12, r9
    smlawt r10, r6, r12, r10
    smlawt r11, r7, r12, r11
    subs r3, r3, #1
    bne 1b
    stm r2, {r8-r11}
    pop {r4-r11, pc}

@ void backward4(const int32_t *weights, const int32_t *errors, int32_t *sums, int pairs)
@ sums[i] += error[j] * (weight[i][j] >> 16) >> 16
    .global backward4
backward4:
    push {r4-r11, lr}
    ldm r1, {r8-r11}
1:  ldm r2, {r12, lr}
    ldmia r0!, {r4-r7}
    smlawt r12, r8, r4, r12
    smlawt r12, r9, r5, r12
    smlawt r12, r10, r6, r12
    smlawt r12, r11, r7, r12
    ldmia r0!, {r4-r7}
    smlawt lr, r8, r4, lr
    smlawt lr, r9, r5, lr
    smlawt lr, r10, r6, lr
    smlawt lr, r11, r7, lr
    subs r3, r3, #1
    stmia r2!, {r12, lr}
    bne 1b
    pop {r4-r11, pc}

@ void gradient4(int32_t *gradients, const int32_t *input_pairs, const int32_t *errors, int pairs)
@ gradient[i][j] += error[j] * input[i] >> 16
    .global gradient4
gradient4:
    push {r4-r11, lr}
    ldm r2, {r8-r11}
1:  ldr r12, [r1], #4
    ldm r0, {r4-r7}
    smlawb r4, r8, r12, r4
    smlawb r5, r9, r12, r5
    smlawb r6, r10, r12, r6
    smlawb r7, r11, r12, r7
    stmia r0!, {r4-r7}
    ldm r0, {r4-r7}
    smlawt r4, r8, r12, r4
    smlawt r5, r9, r12, r5
    smlawt r6, r10, r12, r6
    smlawt r7, r11, r12, r7
    stmia r0!, {r4-r7}
    subs r3, r3, #1
    bne 1b
    pop {r4-r11, pc}

@ void forward8(const int32_t *weights, const int32_t *input_pairs, int32_t *sums, int pairs)
@ The same with eight sums in registers, which leaves two registers for weights.
    .global forward8
forward8:
    push {r2, r4-r11, lr}
    ldm r2, {r4-r11}
1:  ldr r2, [r1], #4
    .irp half, b, t
    ldmia r0!, {r12, lr}
    smlaw\half r4, r12, r2, r4
    smlaw\half r5, lr, r2, r5
    ldmia r0!, {r12, lr}
    smlaw\half r6, r12, r2, r6
    smlaw\half r7, lr, r2, r7
    ldmia r0!, {r12, lr}
    smlaw\half r8, r12, r2, r8
    smlaw\half r9, lr, r2, r9
    ldmia r0!, {r12, lr}
    smlaw\half r10, r12, r2, r10
    smlaw\half r11, lr, r2, r11
    .endr
    subs r3, r3, #1
    bne 1b
    ldr r2, [sp], #4
    stm r2, {r4-r11}
    pop {r4-r11, pc}
