/* SPDX-License-Identifier: Apache-2.0
 * Heaps with the structure that SC&MP and the other cores use: blocks chained
 * by address, free ones also among themselves, first fit. A block's room is all
 * that lies between its head and the next block's head. */
#include "internal.h"

#define HEAD_BYTES ((uint) sizeof(block_t))
#define ALLOCATED_MARK 0xffff0000u

static uint bytes_to_next(const block_t *block)
{
    return (uint) ((const uchar *) block->next - (const uchar *) block);
}

static uint lock_heap(uint flag)
{
    return (flag & ALLOC_LOCK) ? sark_lock_get(LOCK_HEAP) : spin1_irq_disable();
}

static void unlock_heap(uint flag, uint cpsr)
{
    if (flag & ALLOC_LOCK) {
        sark_lock_free(cpsr, LOCK_HEAP);
    } else {
        spin1_mode_restore(cpsr);
    }
}

/* Take the first free block with room for `bytes` (head included). */
static block_t *take_block(heap_t *heap, uint bytes)
{
    block_t **link = &heap->free;

    while (*link != NULL && bytes_to_next(*link) < bytes) {
        link = &(*link)->free;
    }
    block_t *block = *link;
    if (block == NULL) {
        return NULL;
    }
    if (bytes_to_next(block) - bytes > HEAD_BYTES) {
        block_t *rest = (block_t *) ((uchar *) block + bytes);
        rest->next = block->next;
        rest->free = block->free;
        block->next = rest;
        *link = rest;
    } else {
        *link = block->free;
    }
    heap->free_bytes -= bytes_to_next(block);
    return block;
}

static void *allocate(heap_t *heap, uint size, uint tag, uint owner, bool retry)
{
    block_t **tagged = &sv->alloc_tag[owner << 8 | tag];

    if (tag != 0 && *tagged != NULL) {
        block_t *block = *tagged - 1;
        bool same = retry && bytes_to_next(block) - HEAD_BYTES == size;
        return same ? *tagged : NULL;
    }
    block_t *block = take_block(heap, size + HEAD_BYTES);
    if (block == NULL) {
        return NULL;
    }
    block->free = (block_t *) (ALLOCATED_MARK | owner << 8 | tag);
    if (tag != 0) {
        *tagged = block + 1;
    }
    return block + 1;
}

void *sark_xalloc(heap_t *heap, uint size, uint tag, uint flag)
{
    if (size == 0 || size > SDRAM_SIZE || tag > 255) {
        return NULL;
    }
    uint owner = (flag & ALLOC_ID) ? (flag >> 8) & 255 : sark_vec->app_id;
    uint cpsr = lock_heap(flag);
    void *memory = allocate(heap, (size + 3) & ~3u, tag, owner,
                            (flag & ALLOC_TAG_RETRY) != 0);
    unlock_heap(flag, cpsr);
    return memory;
}

/* Join a block with its successor if nothing lies between them. */
static void join_with_next_free(block_t *block)
{
    if (block->free != NULL && block->next == block->free) {
        block_t *next = block->free;
        block->next = next->next;
        block->free = next->free;
    }
}

static void release(heap_t *heap, block_t *block)
{
    uint entry = (uint) block->free & 0xffffu;

    if ((entry & 255) != 0) {
        sv->alloc_tag[entry] = NULL;
    }
    heap->free_bytes += bytes_to_next(block);

    block_t *before = NULL;
    block_t *after = heap->free;
    while (after != NULL && after < block) {
        before = after;
        after = after->free;
    }
    block->free = after;
    if (before == NULL) {
        heap->free = block;
    } else {
        before->free = block;
    }
    join_with_next_free(block);
    if (before != NULL) {
        join_with_next_free(before);
    }
}

void sark_xfree(heap_t *heap, void *ptr, uint flag)
{
    if (ptr == NULL) {
        rt_error(RTE_NULL);
    }
    uint cpsr = lock_heap(flag);
    release(heap, (block_t *) ptr - 1);
    unlock_heap(flag, cpsr);
}

uint sark_heap_max(heap_t *heap, uint flag)
{
    uint cpsr = lock_heap(flag);
    uint largest = HEAD_BYTES;

    for (block_t *block = heap->free; block != NULL; block = block->free) {
        if (block->next != NULL && bytes_to_next(block) > largest) {
            largest = bytes_to_next(block);
        }
    }
    unlock_heap(flag, cpsr);
    return largest - HEAD_BYTES;
}

heap_t *sark_heap_init(uint *base, uint *top)
{
    heap_t *heap = (heap_t *) base;
    block_t *first = (block_t *) heap->buffer;
    block_t *last = (block_t *) top - 1;

    *last = (block_t) {NULL, NULL};
    *first = (block_t) {last, NULL};
    heap->free = first;
    heap->first = first;
    heap->last = last;
    heap->free_bytes = bytes_to_next(first) - HEAD_BYTES;
    return heap;
}

void *sark_alloc(uint count, uint size)
{
    unsigned long long bytes = (unsigned long long) count * size;
    return bytes > DTCM_SIZE ? NULL : sark_xalloc(sark.heap, (uint) bytes, 0, 0);
}

void sark_free(void *ptr)
{
    sark_xfree(sark.heap, ptr, 0);
}

void *sark_tag_ptr(uint tag, uint app_id)
{
    uint owner = app_id == 0 ? sark_vec->app_id : app_id;
    return sv->alloc_tag[owner << 8 | tag];
}
