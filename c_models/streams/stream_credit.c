/* Credit that comes: only into programs that get any. */
#include "stream_in.h"
#include "stream_state.h"

void stream_take_credit(stream_t *stream, uint32_t credit)
{
    uint32_t before = stream->credit;
    inlet_t *inlet = stream->inlet;
    uint32_t n_samples = credit & ((1u << STREAM_PASS_SHIFT) - 1);
    if ((credit - (pass_received << STREAM_PASS_SHIFT)) != n_samples || n_samples <= before) {
        stream_counts.repeated++;              /* or of an earlier pass */
        return;
    }
    stream->credit = n_samples;
    if (before != inlet->credit || --inlet->n_least != 0) {
        return;
    }
    uint32_t least = n_samples;
    const stream_t *other = &streams[inlet->first_stream];
    for (const stream_t *end = other + inlet->n_streams; other != end; other++) {
        if (other->credit > least) {
            continue;
        }
        if (other->credit < least) {
            least = other->credit;
            inlet->n_least = 0;
        }
        inlet->n_least++;
    }
    inlet->credit = least;
}
