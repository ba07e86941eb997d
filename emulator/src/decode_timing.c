/* Stalls between instructions that follow each other: the rules of cpu_timing.h. */
#include "cpu_timing.h"
#include "decoded.h"

unsigned stall_cycles(const Timing *producer, unsigned cycles_between, const Timing *consumer)
{
    uint16_t result = producer->late_results;
    bool reads = result & consumer->reads;
    bool accumulates = result & consumer->accumulates;
    bool stores = result & consumer->stores;
    bool stores_later = result & consumer->stores_later;
    unsigned latency = 0;

    switch (producer->result) {
    case RESULT_LOAD:
        latency = reads || accumulates || stores ? LATENCY_LOAD : 0;
        break;
    case RESULT_LOAD_NARROW:
        latency = reads || accumulates || stores ? LATENCY_LOAD_NARROW
                  : stores_later ? LATENCY_LOAD_NARROW - 1 : 0;
        break;
    case RESULT_MULTIPLY:
        latency = reads || stores ? LATENCY_MULTIPLY : 0;
        break;
    case RESULT_SATURATE:
        latency = reads ? LATENCY_SATURATE : 0;
        break;
    default:
        break;
    }
    return latency > cycles_between ? latency - cycles_between : 0;
}

void add_stalls(Decoded *first, const Decoded *second, const Decoded *third)
{
    const Timing *timing = &first->timing;
    if (timing->leaves) {
        return;                       /* what a taken branch costs covers any latency */
    }
    unsigned stall = stall_cycles(timing, 0, &second->timing);
    first->entry.cost = (uint8_t)(first->entry.cost + stall);
    if (!second->timing.leaves) {
        stall = stall_cycles(timing, second->timing.cycles + stall, &third->timing);
        first->entry.cost = (uint8_t)(first->entry.cost + stall);
    }
}
