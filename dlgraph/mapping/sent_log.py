"""Where a core's log has the vectors that it sent, which samples they are of, and what streams carried of them.

The log is what :mod:`dlgraph.mapping.sent` describes; here it is read, after a pass.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dlgraph.mapping.boxes import Block
from dlgraph.mapping.plan import NO_VECTOR, Core, Plan, Stream, StreamKind
from dlgraph.mapping.sent import kept_vectors

Words = npt.NDArray[np.int32]
IndexArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LoggedVector:
    """One of a core's vectors.

    :param first: word of the core's log at which it begins
    :param n_words: of a sample
    :param n_slots: samples that are kept
    :param replica: which of the samples it is of: of every ``n_replicas`` one
    :param streams: that carry parts of it
    """

    core: Core
    vector: int
    first: int
    n_words: int
    n_slots: int
    replica: int
    n_replicas: int
    streams: tuple[Stream, ...]

    @property
    def kind(self) -> StreamKind:
        """What it is."""
        return self.streams[0].kind

    def samples(self, n: int) -> IndexArray:
        """Which of the ``n`` samples of a pass of one batch it is sent for."""
        return np.arange(self.replica, n, self.n_replicas)

    def end(self, n: int) -> int:
        """The word of the log behind the last that a pass of ``n`` samples writes."""
        return self.first + min(len(self.samples(n)), self.n_slots) * self.n_words

    def words(self, log: Words, n: int) -> Words:
        """(samples, words) of a pass of ``n`` samples, not more than are kept.

        :param log: from the log's first word to :meth:`end` or beyond
        """
        n_kept = len(self.samples(n))
        assert n_kept <= self.n_slots
        return log[self.first:self.first + n_kept * self.n_words].reshape(n_kept, self.n_words)


def logged_vectors(plan: Plan, core: Core) -> list[LoggedVector]:
    """Those that a core's log has."""
    found = []
    first = 0
    for vector, kept in enumerate(kept_vectors(plan, core)):
        if kept.n_words:
            streams = tuple(stream for stream in core.streams_out if stream.vector == vector != NO_VECTOR)
            found.append(LoggedVector(core, vector, first, kept.n_words, kept.n_slots, *_replica_of(plan, streams[0]), streams))
        first += kept.n_words * kept.n_slots
    return found


def _replica_of(plan: Plan, stream: Stream) -> tuple[int, int]:
    """Which replica's samples a stream carries, and of how many: of one replica, where it leads to one or comes from one."""
    for core in (stream.producer, *stream.consumers[:1]):
        if plan.replicas_of(core) > 1:
            return core.replica, plan.replicas_of(core)
    return 0, 1


def samples_logged(plan: Plan) -> int:
    """How many samples a pass may have so that the logs have all of them."""
    return min(vector.n_slots * vector.n_replicas for core in plan.cores for vector in logged_vectors(plan, core))


def positions(block: Block) -> IndexArray:
    """Where the elements of a block lie, in the order in which a stream carries them."""
    outer, inner, run = (np.arange(n) for n in (block.n_outer, block.n_runs, block.run))
    found: IndexArray = block.first + outer[:, None, None] * block.outer_stride + inner[:, None] * block.run_stride + run
    return found.reshape(-1)
