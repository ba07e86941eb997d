#include "stream_kept.h"

#include <stddef.h>

#include "runtime.h"

/* Estimate: to queue a transfer and to take its interrupt costs about as much as to store so many words. */
#define FEW_WORDS 24

/* Unlike the tags that others use. */
#define KEPT_TAG 15

kept_t *kept_vectors;
uint32_t n_kept_vectors;

uint32_t stream_keep(uint32_t kind, uint32_t sample, const uint32_t *vector)
{
    if (kind >= n_kept_vectors) {
        return 0;                              /* no stream takes it */
    }
    kept_t *kept = &kept_vectors[kind];
    kept->vector = vector;
    kept->here &= ~(1u << (sample & kept->slot_mask));
    if (kept->log == NULL) {
        return 0;
    }
    uint32_t *log = kept->log + (sample & kept->slot_mask) * kept->n_words;
    uint32_t n_words = kept->n_words;
    if (n_words <= FEW_WORDS) {
        for (uint32_t i = 0; i < n_words; i++) {
            log[i] = vector[i];
        }
        return 0;
    }
    uint32_t transfer;
    do {
        transfer = spin1_dma_transfer(KEPT_TAG, log, (void *) vector, DMA_WRITE, n_words * sizeof(uint32_t));
    } while (transfer == 0);                   /* the queue is full */
    return transfer;
}

static void sent(uint32_t kind, uint32_t sample, bool zeros)
{
    if (kind < n_kept_vectors) {
        kept_t *kept = &kept_vectors[kind];
        uint32_t bit = 1u << (sample & kept->slot_mask);
        kept->here |= bit;
        kept->zeros = zeros ? kept->zeros | bit : kept->zeros & ~bit;
        if (kept->next <= sample) {            /* of two packet lists the later may be done first */
            kept->next = sample + 1;
        }
    }
}

void stream_kept(uint32_t kind, uint32_t sample, uint32_t transfer)
{
    while (transfer != 0 && !runtime_dma_is_done(transfer)) {
    }
    sent(kind, sample, false);
}

void stream_kept_zeros(uint32_t kind, uint32_t sample)
{
    sent(kind, sample, true);
}

void stream_kept_credit(uint32_t kind, uint32_t sample)
{
    if (kind < n_kept_vectors) {
        kept_vectors[kind].next = sample;
    }
}
