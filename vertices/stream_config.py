"""The streams region of a vertex (C side: ``config_t`` in ``c_models/streams/stream_in.c``)."""
from __future__ import annotations

from itertools import accumulate
from typing import Callable

import numpy as np
import numpy.typing as npt

from dlgraph.mapping.memory import ring_entries
from dlgraph.mapping.plan import INDEX_BITS, SLOT_BITS, Core, Plan, Stream, StreamEnd
from dlgraph.mapping.sent import Kept, kept_vectors
from dlgraph.vertices.stream_places import find_places, n_places

KEY_BITS = INDEX_BITS + SLOT_BITS
N_HEADER_WORDS = 13
_ALL_ONES = 0xffffffff


def n_config_words(core: Core, plan: Plan) -> int:
    """Length of the region in 32-bit words."""
    return (N_HEADER_WORDS + 2 * len(core.inlet_words) + 4 * len(core.streams_in) + 14 * len(core.streams_out)
            + n_places(len(core.streams_in)) + 3 * len(kept_vectors(plan, core)))


def ends_in_order(core: Core) -> list[StreamEnd]:
    """What comes in, as the core numbers it."""
    return sorted(core.streams_in, key=lambda end: end.inlet)


def config_words(core: Core, plan: Plan, key_of: Callable[[Stream], int]) -> npt.NDArray[np.uint32]:
    """The region's content.

    :param key_of: the first key of a stream's partition, as the key allocation gave it
    """
    ends = ends_in_order(core)
    kept = kept_vectors(plan, core)
    slots_of_inlet = plan.slots_of_inlets(core)
    first_slots = [0, *accumulate(slots_of_inlet[end.inlet] for end in ends)]
    places = find_places([key_of(end.stream) >> KEY_BITS for end in ends], first_slots[:-1])
    words = [plan.n_slots_of(core), plan.window_of(core), places.multiplier, places.shift, len(places.words), len(core.inlet_words),
             len(core.streams_in), len(core.streams_out), ring_entries(plan, core), plan.looks.cycles, plan.looks.patient,
             plan.looks.last, len(kept)]
    for n_words, n_held in zip(core.inlet_words, slots_of_inlet):
        words += [n_words, n_held]
    for end in ends:
        ask = next(stream for stream in core.streams_out if end.stream.producer in stream.consumers)
        words += [end.inlet, end.first, end.stream.extent,
                  key_of(ask) >> KEY_BITS << 16 | key_of(end.stream) >> KEY_BITS]
    for stream in core.streams_out:
        source, index = stream.source, stream.index
        words += [key_of(stream), plan.slots_of_stream(stream) - 1, stream.vector, source.first, source.run, source.n_runs,
                  source.run_stride, source.n_outer, source.outer_stride, index.run_stride, index.outer_stride, stream.spacing,
                  0, 0]                                     # what it counts
    return np.array([*words, *places.words, *_kept_words(kept)], np.uint32)


def _kept_words(vectors: list[Kept]) -> list[int]:
    """``kept_config_t`` of each."""
    words = []
    offset = 0
    for kept in vectors:
        words += [offset if kept.n_words else _ALL_ONES, kept.n_words, _ALL_ONES if kept.is_credit else kept.n_slots - 1]
        offset += kept.n_words * kept.n_slots
    return words
