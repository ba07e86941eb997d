"""The streams region of a vertex (C side: ``config_t`` in ``c_models/streams/stream_in.c``)."""
from __future__ import annotations

from typing import Callable

import numpy as np
import numpy.typing as npt

from dlgraph.mapping.memory import ring_entries
from dlgraph.mapping.plan import INDEX_BITS, SLOT_BITS, Core, Plan, Stream, StreamEnd
from dlgraph.mapping.sent import Kept, kept_vectors
from dlgraph.vertices.packing import PLAIN_WIDTH, Block
from dlgraph.vertices.stream_places import find_places

KEY_BITS = INDEX_BITS + SLOT_BITS
N_HEADER_WORDS = 11
#: Words of ``inlet_config_t``, ``in_config_t``, ``stream_out_t`` and ``kept_config_t``.
_INLET_WORDS, _IN_WORDS, _OUT_WORDS, _KEPT_WORDS = 2, 7, 14, 3
N_BLOCKS = 5                #: of :func:`config_blocks`
_ALL_ONES = 0xffffffff


def n_config_words(core: Core, plan: Plan) -> int:
    """Length of the region in 32-bit words."""
    return (N_HEADER_WORDS + _INLET_WORDS * len(core.inlet_words) + _IN_WORDS * len(core.streams_in)
            + _OUT_WORDS * len(core.streams_out) + _KEPT_WORDS * len(kept_vectors(plan, core)))


def ends_in_order(core: Core) -> list[StreamEnd]:
    """What comes in, as the core numbers it."""
    return sorted(core.streams_in, key=lambda end: end.inlet)


def asking(core: Core, end: StreamEnd) -> Stream:
    """The stream out of a core along which it asks for what has not come of a stream into it."""
    return next(stream for stream in core.streams_out if end.stream.producer in stream.consumers)


def config_words(core: Core, plan: Plan, key_of: Callable[[Stream], int]) -> npt.NDArray[np.uint32]:
    """The region's content.

    :param key_of: the first key of a stream's partition, as the key allocation gave it
    """
    return np.concatenate([words for words, _ in config_blocks(core, plan, key_of)])


def config_blocks(core: Core, plan: Plan, key_of: Callable[[Stream], int]) -> list[Block]:
    """The same, structures of one kind as the rows of a block."""
    ends = ends_in_order(core)
    kept = kept_vectors(plan, core)
    slots_of_inlet = plan.slots_of_inlets(core)
    places = find_places([key_of(end.stream) >> KEY_BITS for end in ends])
    header = [plan.n_slots_of(core) - 1, plan.window_of(core), plan.looks.cycles, plan.looks.patient, plan.looks.last,
              places.multiplier, len(core.inlet_words), len(core.streams_in), len(core.streams_out), ring_entries(plan, core),
              len(kept)]
    inlets: list[int] = []
    for n_words, n_held in zip(core.inlet_words, slots_of_inlet):
        inlets += [n_words, n_held]
    streams_in: list[int] = []
    for end in ends:
        streams_in += [end.inlet, end.first, end.stream.extent,
                       key_of(asking(core, end)) >> KEY_BITS << 16 | key_of(end.stream) >> KEY_BITS, *_shape_words(end.stream)]
    streams_out: list[int] = []
    for stream in core.streams_out:
        source, index = stream.source, stream.index
        streams_out += [key_of(stream), plan.slots_of_stream(stream) - 1, stream.vector, source.first, source.run, source.n_runs,
                        source.run_stride, source.n_outer, source.outer_stride, index.run_stride, index.outer_stride,
                        stream.spacing, 0, 0]               # what it counts
    return [(np.array(words, np.uint32), width) for words, width in (
        (header, PLAIN_WIDTH), (inlets, _INLET_WORDS), (streams_in, _IN_WORDS), (streams_out, _OUT_WORDS),
        (_kept_words(kept), _KEPT_WORDS))]


def _shape_words(stream: Stream) -> list[int]:
    """``stream_shape_t``."""
    index = stream.index
    if stream.n_words == 0:                                # markers alone, whatever place they have at the consumer
        return [0, 0, 0]
    if index.n_runs * index.n_outer == 1:
        return [index.run, 0, 0]
    return [index.run | index.n_runs << 16, index.run_stride | index.n_outer << 16, index.outer_stride]


def _kept_words(vectors: list[Kept]) -> list[int]:
    """``kept_config_t`` of each."""
    words = []
    offset = 0
    for kept in vectors:
        words += [offset if kept.n_words else _ALL_ONES, kept.n_words, _ALL_ONES if kept.is_credit else kept.n_slots - 1]
        offset += kept.n_words * kept.n_slots
    return words
