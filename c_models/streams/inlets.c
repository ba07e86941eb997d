/* Which samples an inlet lets in: stream_in.h. */
#include "stream_in.h"
#include "stream_state.h"
#include "words_clear.h"

void inlet_open(uint32_t number, uint32_t sample)
{
    inlet_t *inlet = &inlets[number];
    uint32_t start = stream_fold_start(pass_received, sample);
    const stream_t *stream = &streams[inlet->first_stream];
    for (const stream_t *end = stream + inlet->n_streams; stream != end; stream++) {
        if (stream_drain.markers[stream->first_slot + (sample & inlet->held_mask)].state == SLOT_COMPLETE) {
            slot_open(stream, sample, start);  /* else it is open, and may hold something already */
        }
    }
}

void inlet_free(uint32_t number, uint32_t sample)
{
    inlet_t *inlet = &inlets[number];
    words_clear(inlet_words(number, sample), inlet->n_words);
    inlet->complete[sample & inlet->held_mask] = 0;
    inlet->wanted = NOTHING_WANTED;
    if (inlet->held_mask != 0) {
        inlet_open(number, sample + n_open(inlet));
    }
}

bool inlet_has_credit(uint32_t number, uint32_t n_samples)
{
    inlet_t *inlet = &inlets[number];
    bool has = inlet->credit >= n_samples;
    inlet->wanted = has ? NOTHING_WANTED : n_samples;
    return has;
}
