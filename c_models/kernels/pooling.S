/* Windows of pooling.  The C twins are in pooling.c. */
        .syntax unified
        .arm

/*
 * The structure of a run of windows, pooling.c's windows_t.  Gaps are in bytes: DOWN from the end of a window's row to the
 * next, ACROSS from the channels of a window's first cell to those of the next window, TO from pixel to pixel of the other
 * image.
 */
        .equ    RUN_WINDOWS, 0
        .equ    RUN_CHANNELS, 4
        .equ    RUN_ROWS, 8
        .equ    RUN_COLUMNS, 12
        .equ    RUN_PITCH, 16
        .equ    RUN_DOWN, 20
        .equ    RUN_ACROSS, 24
        .equ    RUN_TO, 28
        .equ    RUN_SHARE, 32           /* mantissa, left, 32 - left, right */

/*
 * value = round(value * mantissa, 32 - left + right) for left or right = 0: the last bit shifted out is the carry.  A shift by
 * 0 leaves the carry of the doubling.  15 cycles.
 */
        .macro  SHARE value, of, low, high, mantissa, left, rest, right
        add     \mantissa, \of, #RUN_SHARE
        ldmia   \mantissa, {\mantissa, \left, \rest, \right}
        smull   \low, \high, \value, \mantissa
        mov     \value, \high, lsl \left
        orr     \value, \value, \low, lsr \rest
        mov     \low, \low, lsl \left
        adds    \low, \low, \low
        movs    \value, \value, asr \right
        adc     \value, \value, #0
        .endm

/* ------------------------------------------------------------------ means: 7 cycles for a cell
 * r0 first cell   r1 out   r2 the structure   r3 windows left   r4 channels left   r5 rows left   r6 columns left   r7 sum
 * r8 cell   r9 bytes to the next   r10 value of it   r11 rows   r12 columns   lr bytes from a row's end to the next
 */
        .section .text.average_windows, "ax", %progbits
        .balign 4
        .global average_windows
        .type   average_windows, %function
average_windows:                        /* r0 x, r1 out, r2 {windows, channels, rows, columns, pitch, down, across, to, share} */
        push    {r4-r11, lr}
        ldr     r3, [r2, #RUN_WINDOWS]
.Laverage_window:
        ldr     r4, [r2, #RUN_CHANNELS]
.Laverage_channel:
        add     r11, r2, #RUN_ROWS
        ldmia   r11, {r5, r12}
        ldr     r9, [r2, #RUN_PITCH]
        ldr     lr, [r2, #RUN_DOWN]
        mov     r8, r0
        mov     r7, #0
.Laverage_row:
        mov     r6, r12
.Laverage_cell:
        ldrsh   r10, [r8], r9
        subs    r6, r6, #1
        add     r7, r7, r10
        bne     .Laverage_cell
        subs    r5, r5, #1
        add     r8, r8, lr
        bne     .Laverage_row
        SHARE   r7, r2, r5, r6, r8, r9, r10, r11
        strh    r7, [r1], #2
        add     r0, r0, #2
        subs    r4, r4, #1
        bne     .Laverage_channel
        ldr     r5, [r2, #RUN_ACROSS]
        ldr     r6, [r2, #RUN_TO]
        subs    r3, r3, #1
        add     r0, r0, r5
        add     r1, r1, r6
        bne     .Laverage_window
        pop     {r4-r11, pc}
        .size   average_windows, . - average_windows

/* ------------------------------------------------------------------ errors of means: 10 cycles for a cell
 * r0 error of a window   r1 first cell's   r2 the structure   r3 windows left   r4 channels left   r5 rows left
 * r6 columns left   r7 part of each cell   r8 cell's   r9 bytes to the next   r10 its error   r12 overflows
 */
        .section .text.spread_windows, "ax", %progbits
        .balign 4
        .global spread_windows
        .type   spread_windows, %function
spread_windows:                         /* r0 e of the windows, r1 e, r2 as above; returns overflows */
        push    {r4-r11, lr}
        ldr     r3, [r2, #RUN_WINDOWS]
        mov     r12, #0
.Lspread_window:
        ldr     r4, [r2, #RUN_CHANNELS]
.Lspread_channel:
        ldr     r7, [r0], #4
        cmp     r7, #0
        beq     .Lspread_next
        SHARE   r7, r2, r5, r6, r8, r9, r10, r11
        add     r5, r2, #RUN_ROWS
        ldmia   r5, {r5, r11}
        ldr     r9, [r2, #RUN_PITCH]
        ldr     lr, [r2, #RUN_DOWN]
        mov     r8, r1
.Lspread_row:
        mov     r6, r11
.Lspread_cell:
        ldr     r10, [r8]
        sub     r6, r6, #1
        adds    r10, r10, r7
        addvs   r12, r12, #1
        str     r10, [r8], r9
        cmp     r6, #0
        bne     .Lspread_cell
        subs    r5, r5, #1
        add     r8, r8, lr
        bne     .Lspread_row
.Lspread_next:
        add     r1, r1, #4
        subs    r4, r4, #1
        bne     .Lspread_channel
        ldr     r5, [r2, #RUN_ACROSS]
        ldr     r6, [r2, #RUN_TO]
        subs    r3, r3, #1
        add     r1, r1, r5
        add     r0, r0, r6
        bne     .Lspread_window
        mov     r0, r12
        pop     {r4-r11, pc}
        .size   spread_windows, . - spread_windows

/* ------------------------------------------------------------------ largest of one window, channels in pairs
 * r0 first cell   r1 largest   r2 winners   r3 the structure   r4 rows left   r5 columns left   r7 bytes to the next cell
 * r8 from a row's end to the next   r10 cell   lr two channels of it
 * r11 the first's largest << 16, in r6   r12 the second's, in r9   13 cycles for a cell of both
 */
        .equ    LARGEST_ROWS, 0
        .equ    LARGEST_COLUMNS, 4
        .equ    LARGEST_X, 8            /* the image */
        .equ    LARGEST_PAIRS, 12
        .equ    LARGEST_PITCH, 16       /* bytes; behind it those from a row's end */

        .section .text.largest_of_pairs, "ax", %progbits
        .balign 4
        .global largest_of_pairs
        .type   largest_of_pairs, %function
largest_of_pairs:                       /* r0 cell, r1 largest, r2 winners, r3 {rows, columns, x, pairs, pitch, down} */
        push    {r4-r11, lr}
        ldr     r4, [r3, #LARGEST_PAIRS]
        add     r7, r3, #LARGEST_PITCH
        ldmia   r7, {r7, r8}
        push    {r4}
.Llargest_pair:
        ldr     lr, [r0]
        ldr     r4, [r3, #LARGEST_ROWS]
        mov     r10, r0
        mov     r6, r0
        mov     r9, r0
        mov     r11, lr, lsl #16
        mov     r12, lr, asr #16
.Llargest_row:
        ldr     r5, [r3, #LARGEST_COLUMNS]
.Llargest_cell:
        ldr     lr, [r10]
        sub     r5, r5, #1
        cmp     r11, lr, lsl #16
        movlt   r11, lr, lsl #16
        movlt   r6, r10
        cmp     r12, lr, asr #16
        movlt   r12, lr, asr #16
        movlt   r9, r10
        cmp     r5, #0
        add     r10, r10, r7
        bne     .Llargest_cell
        subs    r4, r4, #1
        add     r10, r10, r8
        bne     .Llargest_row
        ldr     lr, [r3, #LARGEST_X]
        ldr     r4, [sp]
        sub     r6, r6, lr
        sub     r9, r9, lr
        add     r9, r9, #2
        mov     r6, r6, lsr #1          /* element numbers: the second's << 16 */
        orr     r6, r6, r9, lsl #15
        str     r6, [r2], #4
        mov     r11, r11, lsr #16
        orr     r11, r11, r12, lsl #16
        str     r11, [r1], #4
        add     r0, r0, #4
        subs    r4, r4, #1
        str     r4, [sp]
        bne     .Llargest_pair
        pop     {r4}
        pop     {r4-r11, pc}
        .size   largest_of_pairs, . - largest_of_pairs
