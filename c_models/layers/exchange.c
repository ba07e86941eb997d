#include "exchange.h"

#include "stream_in.h"
#include "stream_out.h"

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

share_t exchange_share(const exchange_t *exchange, uint32_t segment, uint32_t n_words)
{
    uint32_t first = segment * exchange->shape.segment;
    return (share_t) {smaller(first + exchange->shape.start, n_words), smaller(first + exchange->shape.stop, n_words)};
}

uint32_t exchange_words(const exchange_t *exchange)
{
    return exchange->shape.n_segments * exchange->shape.segment;
}

uint32_t exchange_number(const exchange_t *exchange, uint32_t batch, uint32_t segment)
{
    return batch * exchange->shape.n_segments + segment;
}

/* Samples go on arriving meanwhile. */
static const int32_t *await(uint32_t inlet, uint32_t number)
{
    streams_drain();
    while (!inlet_ready(inlet, number)) {
        streams_wait();
        streams_drain();
    }
    return (const int32_t *) inlet_words(inlet, number);
}

/* Parameters go to many.  Whoever sends them again because one has not got them must not fill the slots of those that have: these
 * are open only from here to the end of exchange_parameters. */
void exchange_begin(const exchange_t *exchange, uint32_t number)
{
    inlet_open(exchange->inlets + 1, number);
}

const int32_t *exchange_gradients(const exchange_t *exchange, uint32_t number, const int32_t *segment)
{
    streams_send_all(exchange->vectors, number, (const uint32_t *) segment);
    return await(exchange->inlets, number);
}

void exchange_gradients_taken(const exchange_t *exchange, uint32_t number)
{
    inlet_free(exchange->inlets, number);
    inlet_open(exchange->inlets, number + 1);
}

bool exchange_add(int32_t *sums, const int32_t *words, uint32_t n)
{
    bool fits = true;
    for (uint32_t i = 0; i < n; i++) {
        if (__builtin_add_overflow(sums[i], words[i], &sums[i])) {
            fits = false;
        }
    }
    return fits;
}

void exchange_parameters(const exchange_t *exchange, uint32_t number, int32_t *segment)
{
    uint32_t inlet = exchange->inlets + 1;
    streams_send_all(exchange->vectors + 1, number, (const uint32_t *) segment);
    const int32_t *others = await(inlet, number);
    for (uint32_t i = 0; i < exchange->shape.segment; i++) {
        if (i < exchange->shape.start || i >= exchange->shape.stop) {
            segment[i] = others[i];
        }
    }
    inlet_free(inlet, number);
}
