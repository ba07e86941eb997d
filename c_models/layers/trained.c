#include "trained.h"

#include <stddef.h>

#include "optimisers.h"
#include "vertex.h"
#include "words_clear.h"

void trained_claim(trained_t *trained, uint32_t count, const exchange_shape_t *shape, uint32_t inlets, uint32_t vectors)
{
    trained->count = count;
    trained->exchange = (exchange_t) {*shape, inlets, vectors};
    trained->parameters = vertex_claim(exchange_words(&trained->exchange) * sizeof(int32_t));
    trained->gradient = vertex_claim(exchange_words(&trained->exchange) * sizeof(int32_t));
    trained->state = NULL;
}

static uint32_t n_planes(void)
{
    return optimiser_n_planes(&pass.optimiser);
}

/* Of a segment: planes of this core's share, one after the other. */
static int32_t *state_of(const trained_t *trained, uint32_t segment)
{
    const exchange_shape_t *shape = &trained->exchange.shape;
    return trained->state + segment * (shape->stop - shape->start) * n_planes();
}

/* Between SDRAM, where a plane is as the parameters are, and DTCM, which holds this core's share only. */
static void copy_state(const trained_t *trained, bool to_sdram)
{
    for (uint32_t segment = 0; segment < trained->exchange.shape.n_segments; segment++) {
        share_t own = exchange_share(&trained->exchange, segment, trained->count);
        uint32_t n = own.stop - own.first;
        uint32_t *here = (uint32_t *) state_of(trained, segment);
        uint32_t *there = (uint32_t *) vertex_region(REGION_STATE) + own.first;
        for (uint32_t i = 0; i < n_planes(); i++, there += trained->count, here += n) {
            vertex_copy_words(to_sdram ? there : here, to_sdram ? here : there, n);
        }
    }
}

void trained_begin(trained_t *trained)
{
    if (!pass.load_parameters) {
        return;
    }
    vertex_copy_words((uint32_t *) trained->parameters, vertex_parameters(), trained->count);
    words_clear((uint32_t *) trained->gradient, exchange_words(&trained->exchange));
    if (n_planes() != 0) {
        const exchange_shape_t *shape = &trained->exchange.shape;
        uint32_t n_state = n_planes() * shape->n_segments * (shape->stop - shape->start);
        if (trained->state == NULL) {          /* the optimiser is the same in every pass */
            trained->state = vertex_claim(n_state * sizeof(int32_t));
        }
        if (pass.load_parameters & PASS_FRESH_STATE) {
            words_clear((uint32_t *) trained->state, n_state);
        } else {
            copy_state(trained, false);
        }
    }
}

/* The table of a pass holds the first words of each step. */
optimiser_step_t trained_step(uint32_t batch, bool biases)
{
    bool last = batch + 1 == pass.n_batches;
    optimiser_step_t step = biases ? (last ? pass.last_bias_step : pass.bias_step) : (last ? pass.last_step : pass.step);
    if (pass.step_words != 0) {
        const uint32_t *table = (const uint32_t *) vertex_region(REGION_STEPS)
                + (biases ? TRAINED_STEPS_BYTES / sizeof(uint32_t) : 0);
        vertex_copy_words((uint32_t *) &step, table + batch * pass.step_words, pass.step_words);
    }
    return step;
}

/* What the others gathered for this core's share of a segment. */
static void add_gradients(trained_t *trained, uint32_t segment, uint32_t number)
{
    const exchange_shape_t *shape = &trained->exchange.shape;
    uint32_t first = segment * shape->segment;
    uint32_t n = shape->stop - shape->start;
    const int32_t *others = exchange_gradients(&trained->exchange, number, trained->gradient + first);
    for (uint32_t core = 1; core < shape->n_cores; core++, others += n) {
        if (!exchange_add(trained->gradient + first + shape->start, others, n)) {
            result.status = PASS_SUM_OVERFLOW;
        }
    }
    exchange_gradients_taken(&trained->exchange, number);
}

void trained_update(trained_t *trained, uint32_t batch)
{
    const exchange_t *exchange = &trained->exchange;
    bool alone = exchange->shape.n_cores == 1;
    optimiser_step_t step = trained_step(batch, false);
    for (uint32_t segment = 0; segment < exchange->shape.n_segments; segment++) {
        uint32_t number = exchange_number(exchange, batch, segment);
        share_t own = exchange_share(exchange, segment, trained->count);
        if (!alone) {
            exchange_begin(exchange, number);
            add_gradients(trained, segment, number);
        }
        result.saturations += optimiser_update(&pass.optimiser, &step, trained->parameters + own.first,
                trained->gradient + own.first, state_of(trained, segment), own.stop - own.first);
        if (!alone) {
            exchange_parameters(exchange, number, trained->parameters + segment * exchange->shape.segment);
        }
    }
    if (!alone) {
        words_clear((uint32_t *) trained->gradient, exchange_words(exchange));
    }
}

void trained_update_rest(trained_t *trained, uint32_t batch)
{
    for (; pass.training && batch < pass.n_batches; batch++) {
        trained_update(trained, batch);
    }
}

void trained_end(const trained_t *trained)
{
    if (!pass.training) {
        return;
    }
    vertex_copy_words(vertex_region(REGION_PARAMETERS), (const uint32_t *) trained->parameters, trained->count);
    if (trained->state != NULL) {
        copy_state(trained, true);
    }
}
