"""What a core keeps of the vectors that it sends, so that it can send them again (C side: ``c_models/streams/stream_kept.h``)."""
from __future__ import annotations

from dataclasses import dataclass

from dlgraph.mapping.plan import EXCHANGED, NO_VECTOR, Core, Plan, StreamKind


@dataclass(frozen=True)
class Kept:
    """What is kept of one vector.

    :param n_words: of a sample; 0: nothing is, as the vector stays where it is until all have got it, or there is none
    :param n_slots: samples that are kept, a power of two
    :param is_credit: there is no vector, but a number
    """

    n_words: int
    n_slots: int = 1
    is_credit: bool = False


def kept_vectors(plan: Plan, core: Core) -> list[Kept]:
    """Of every vector that the core's program numbers, up to the last that is sent."""
    found: dict[int, Kept] = {}
    for stream in core.streams_out:
        if stream.vector == NO_VECTOR:
            continue
        before = found.get(stream.vector, Kept(0))
        if stream.kind is StreamKind.CREDIT:
            found[stream.vector] = Kept(0, is_credit=True)
        elif stream.kind not in EXCHANGED:
            n_words = stream.source.first + stream.source.extent
            found[stream.vector] = Kept(max(n_words, before.n_words), max(plan.slots_of_stream(stream), before.n_slots))
    return [found.get(vector, Kept(0)) for vector in range(1 + max(
        (stream.vector for stream in core.streams_out if stream.vector != NO_VECTOR), default=-1))]


def log_words(plan: Plan, core: Core) -> int:
    """32-bit words of SDRAM for them."""
    return sum(kept.n_words * kept.n_slots for kept in kept_vectors(plan, core))
