#include "trained.h"

#include <stddef.h>

#include "optimisers.h"
#include "vertex.h"

void trained_claim(trained_t *trained, uint32_t count)
{
    trained->count = count;
    trained->parameters = vertex_claim(count * sizeof(int32_t));
    trained->gradient = vertex_claim(count * sizeof(int32_t));
    trained->state = NULL;
}

static uint32_t n_state_words(const trained_t *trained)
{
    return trained->count * optimiser_n_planes(&pass.optimiser);
}

void trained_begin(trained_t *trained)
{
    if (!pass.load_parameters) {
        return;
    }
    vertex_copy_words((uint32_t *) trained->parameters, vertex_region(REGION_PARAMETERS), trained->count);
    for (uint32_t i = 0; i < trained->count; i++) {
        trained->gradient[i] = 0;
    }
    uint32_t n_words = n_state_words(trained);
    if (n_words != 0) {
        if (trained->state == NULL) {          /* the optimiser is the same in every pass */
            trained->state = vertex_claim(n_words * sizeof(int32_t));
        }
        vertex_copy_words((uint32_t *) trained->state, vertex_region(REGION_STATE), n_words);
    }
}

/* The table of a pass holds the first words of each step. */
optimiser_step_t trained_step(uint32_t batch_end, bool biases)
{
    bool last = batch_end == pass.n_samples;
    optimiser_step_t step = biases ? (last ? pass.last_bias_step : pass.bias_step) : (last ? pass.last_step : pass.step);
    if (pass.step_words != 0) {
        const uint32_t *table = (const uint32_t *) vertex_region(REGION_STEPS)
                + (biases ? TRAINED_STEPS_BYTES / sizeof(uint32_t) : 0);
        uint32_t batch = (batch_end - 1) / pass.batch_size;
        vertex_copy_words((uint32_t *) &step, table + batch * pass.step_words, pass.step_words);
    }
    return step;
}

void trained_update(trained_t *trained, uint32_t batch_end)
{
    optimiser_step_t step = trained_step(batch_end, false);
    result.saturations += optimiser_update(&pass.optimiser, &step, trained->parameters, trained->gradient, trained->state,
            trained->count);
}

void trained_end(const trained_t *trained)
{
    if (!pass.training) {
        return;
    }
    vertex_copy_words(vertex_region(REGION_PARAMETERS), (const uint32_t *) trained->parameters, trained->count);
    if (trained->state != NULL) {
        vertex_copy_words(vertex_region(REGION_STATE), (const uint32_t *) trained->state, n_state_words(trained));
    }
}
