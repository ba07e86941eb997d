/* SPDX-License-Identifier: Apache-2.0
 * A queue in front of the DMA controller. One transfer is in the hardware at a
 * time; its completion interrupt starts the next one. */
#include "internal.h"
#include <runtime.h>

#define QUEUE_SIZE 16u /* a power of two */

/* Double words, in bursts of 16. */
#define DESCRIPTION(direction, bytes) (1u << 24 | 4u << 21 | (direction) << 19 | (bytes))

#define GCTL_DONE_INTERRUPT 0x000c00u
#define CTRL_CLEAR_DONE 0x08u
#define CTRL_ABORT_ALL 0x3fu
#define CTRL_RESTART 0x0du
#define STAT_BUSY 0x01u

typedef struct {
    uint system_address;
    uint tcm_address;
    uint description;
    uint tag;
} transfer_t;

static transfer_t queue[QUEUE_SIZE];
static uint last_queued; /* id of the youngest transfer; ids count from 1 */
static volatile uint last_done;

void runtime_dma_init(void)
{
    dma[DMA_CTRL] = CTRL_ABORT_ALL;
    dma[DMA_CTRL] = CTRL_RESTART;
    dma[DMA_GCTL] = GCTL_DONE_INTERRUPT;
    sark_vic_set(SLOT_DMA, DMA_DONE_INT, 1, runtime_irq_dma);
}

static void start(uint id)
{
    const transfer_t *transfer = &queue[id % QUEUE_SIZE];

    dma[DMA_ADRS] = transfer->system_address;
    dma[DMA_ADRT] = transfer->tcm_address;
    dma[DMA_DESC] = transfer->description;
}

uint spin1_dma_transfer(uint tag, void *system_address, void *tcm_address,
                        uint direction, uint length)
{
    uint cpsr = spin1_irq_disable();
    uint id = last_queued + 1;
    uint waiting = last_queued - last_done;

    if (waiting == QUEUE_SIZE) {
        diagnostics.dma_queue_full++;
        spin1_mode_restore(cpsr);
        return 0;
    }
    queue[id % QUEUE_SIZE] = (transfer_t) {
        .system_address = (uint) system_address,
        .tcm_address = (uint) tcm_address,
        .description = DESCRIPTION(direction, length),
        .tag = tag
    };
    last_queued = id;
    diagnostics.dma_transfers++;
    if (waiting == 0) {
        start(id);
    }
    spin1_mode_restore(cpsr);
    return id;
}

void runtime_dma_complete(void)
{
    dma[DMA_CTRL] = CTRL_CLEAR_DONE;
    if (last_done == last_queued) {
        return; /* flushed meanwhile */
    }
    uint id = last_done + 1;
    uint tag = queue[id % QUEUE_SIZE].tag;

    last_done = id;
    if (id != last_queued) {
        start(id + 1);
    }
    runtime_event(DMA_TRANSFER_DONE, id, tag);
}

bool runtime_dma_is_done(uint transfer_id)
{
    return (int) (last_done - transfer_id) >= 0;
}

void spin1_dma_flush(void)
{
    uint cpsr = spin1_irq_disable();

    dma[DMA_CTRL] = CTRL_ABORT_ALL;
    while ((dma[DMA_STAT] & STAT_BUSY) != 0) {
    }
    dma[DMA_CTRL] = CTRL_RESTART;
    last_done = last_queued;
    spin1_mode_restore(cpsr);
}
