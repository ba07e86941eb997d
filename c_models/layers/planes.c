#include "planes.h"

#include "vertex.h"
#include "words_clear.h"

static bool overflowed;

const uint32_t *planes_read(planes_t *planes, const uint32_t *words)
{
    uint32_t n_words = words[0] * (sizeof(plane_t) / sizeof(uint32_t));
    planes->count = words[0];
    planes->plane = vertex_claim(n_words * sizeof(uint32_t));
    vertex_copy_words((uint32_t *) planes->plane, words + 1, n_words);
    return words + 1 + n_words;
}

/* Adds `n` words to e. */
static inline void add_run(int32_t *e, const int32_t *words, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        int32_t sum;
        if (__builtin_add_overflow(e[i], words[i], &sum)) {
            overflowed = true;
        }
        e[i] = sum;
    }
}

void planes_sum(const planes_t *planes, const uint32_t *inlet, int32_t *e, uint32_t n_elements)
{
    words_clear((uint32_t *) e, n_elements);
    for (uint32_t p = 0; p < planes->count; p++) {
        const plane_t *plane = &planes->plane[p];
        const int32_t *words = (const int32_t *) inlet + plane->first;
        int32_t *outer = e + plane->element;
        for (uint32_t j = 0; j < plane->n_outer; j++, outer += plane->outer_stride) {
            int32_t *run = outer;
            for (uint32_t i = 0; i < plane->n_runs; i++, run += plane->run_stride, words += plane->run) {
                add_run(run, words, plane->run);
            }
        }
    }
}

bool planes_overflowed(void)
{
    bool was = overflowed;
    overflowed = false;
    return was;
}
