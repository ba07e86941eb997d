/* SPDX-License-Identifier: Apache-2.0
 * IOBUF: text in a chain of blocks in SDRAM that the host reads. */
#include "internal.h"
#include <debug.h>
#include <runtime.h>

typedef struct text_block {
    struct text_block *next;
    uint unix_time;
    uint time_ms;
    uint length; /* bytes of text that the host may read */
    uchar text[];
} text_block_t;

static text_block_t *block; /* the last of the chain */
static uint used;           /* bytes of text in it */
static uint room;           /* bytes of text in any: a copy, System RAM is slow */
static bool out_of_memory;  /* further text is dropped */

static text_block_t *new_block(void)
{
    room = sv->iobuf_size;
    text_block_t *fresh = sark_xalloc(
            sv->sys_heap, sizeof(text_block_t) + room, 0, ALLOC_LOCK);

    if (fresh == NULL) {
        out_of_memory = true;
        return NULL;
    }
    fresh->next = NULL;
    fresh->unix_time = sv->unix_time;
    fresh->time_ms = sv->time_ms;
    fresh->length = 0;
    used = 0;
    return fresh;
}

static bool have_room(void)
{
    if (out_of_memory) {
        return false;
    }
    if (block == NULL) {
        block = new_block();
        sark.vcpu->iobuf = block;
    } else if (used == room) {
        text_block_t *fresh = new_block();
        if (fresh != NULL) {
            block->next = fresh;
            block = fresh;
        }
    }
    return !out_of_memory;
}

void runtime_iobuf_put(uint character)
{
    if (!have_room()) {
        return;
    }
    block->text[used++] = (uchar) character;
    if (character == '\n' || used == room) {
        block->length = used;
    }
}

void sark_io_buf_reset(void)
{
    uint cpsr = spin1_irq_disable();
    text_block_t *first = sark.vcpu->iobuf;

    if (first != NULL) {
        text_block_t *other = first->next;
        first->next = NULL;
        first->length = 0;
        block = first;
        used = 0;
        out_of_memory = false;
        while (other != NULL) {
            text_block_t *next = other->next;
            sark_xfree(sv->sys_heap, other, ALLOC_LOCK);
            other = next;
        }
    }
    spin1_mode_restore(cpsr);
}

void io_put_char(char *stream, uint c)
{
    uint cpsr = spin1_irq_disable();

    if (stream == IO_BUF) {
        runtime_iobuf_put(c);
    }
    spin1_mode_restore(cpsr);
}

void io_printf(char *stream, char *format, ...)
{
    va_list arguments;
    uint cpsr = spin1_irq_disable();

    va_start(arguments, format);
    if (stream == IO_BUF) {
        runtime_format(runtime_iobuf_put, format, arguments);
    }
    va_end(arguments);
    spin1_mode_restore(cpsr);
}

/* ---- log lines -------------------------------------------------------------- */

static void put_parts(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    runtime_format(runtime_iobuf_put, format, arguments);
    va_end(arguments);
}

static void put_line(uint level, const char *file, uint line, const char *format,
                     va_list arguments)
{
    const char *tag = level >= 40 ? "ERROR" : level >= 30 ? "WARNING"
            : level >= 20 ? "INFO" : "DEBUG";
    uint cpsr = spin1_irq_disable();

    put_parts("[%s] (%s: %u): ", tag, file, line);
    runtime_format(runtime_iobuf_put, format, arguments);
    runtime_iobuf_put('\n');
    spin1_mode_restore(cpsr);
}

void runtime_log(uint level, const char *file, uint line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put_line(level, file, line, format, arguments);
    va_end(arguments);
}

void runtime_fail_at(uint code, const char *file, uint line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put_line(40, file, line, format, arguments);
    va_end(arguments);
    rt_error(code);
}
