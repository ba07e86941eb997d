"""How cores that hold the same parameters share the sums of their gradients and the updates (C side:
``c_models/layers/exchange.h``).
"""
from __future__ import annotations

from dataclasses import dataclass

from dlgraph.mapping.intervals import Interval, split_evenly

#: Of parameters, exchanged at a time: what is on its way at once needs 16 bytes for each.
SEGMENT_WORDS = 512
#: Of a segment, that a core sums and updates, where so many cores hold the same: every share makes a stream from each of them.
LEAST_SHARE_WORDS = 16


@dataclass(frozen=True)
class Exchange:
    """How cores with the same parameters exchange gradients and parameters: c_models/layers/exchange.h.

    :param n_columns: of a convolution: biases, and columns of the kernels in memory
    :param n_weights: words of the kernels, or of a weight slice's weights or a group's biases
    :param segment: words that are exchanged at a time
    :param shares: of each segment, of every core; ends are even
    """

    n_columns: int
    n_weights: int
    segment: int
    shares: tuple[Interval, ...]

    @property
    def n_words(self) -> int:
        """Of the vector: two for each bias, then the kernels."""
        return 2 * self.n_columns + self.n_weights

    @property
    def n_segments(self) -> int:
        """Pieces that are sent one after the other, the last one perhaps smaller."""
        return -(-self.n_words // self.segment)

    def shape_words(self, peer: int) -> list[int]:
        """What the core with this number is told of it: ``exchange_shape_t``."""
        return [len(self.shares), self.n_segments, self.segment, self.shares[peer].start, self.shares[peer].stop]


def make_exchange(n_columns: int, n_weights: int, n_cores: int) -> Exchange:
    """Of so many cores."""
    n_words = 2 * n_columns + n_weights
    segment = n_words if n_cores == 1 else min(SEGMENT_WORDS, -(-n_words // 8) * 8)
    if n_cores == 1:
        return Exchange(n_columns, n_weights, segment, (Interval(0, segment),))
    return Exchange(n_columns, n_weights, segment, tuple(shares_of(Interval(0, segment), n_cores)))


def shares_of(words: Interval, n_cores: int) -> list[Interval]:
    """Of every core, of words that they have in common; empty for some, where there are many."""
    n_shares = min(n_cores, max(1, len(words) // LEAST_SHARE_WORDS))
    shares = [Interval(words.start + share.start, words.start + share.stop)
              for share in (split_evenly(len(words), n_shares, 2) if len(words) else ())]
    return shares + [Interval(words.stop, words.stop)] * (n_cores - len(shares))
