"""Where a core's receive interrupt finds the slots of a stream by its number: in a table, at one place that a product gives.

C side: ``receiver_t`` in ``c_models/streams/stream_slots.h``, which fills the table.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np

from dlgraph.mapping.memory import PLACE_BITS

N_MULTIPLIERS = 256
_GOLDEN = 0x9e3779b1             # odd, and its multiples lie far apart (Knuth, The Art of Computer Programming, 6.4)
_MULTIPLIERS = ((_GOLDEN + 2 * np.arange(N_MULTIPLIERS, dtype=np.uint64) * 0x3c6ef372) & 0xffffffff | 1).astype(np.uint32)


@dataclass(frozen=True)
class Places:
    """The table.

    :param multiplier: a stream's place is ``(number * multiplier mod 2**32) >> (32 - PLACE_BITS)``
    :param n_left_out: streams whose place is taken: their packets are received by software, at some 150 cycles each
    """

    multiplier: int
    n_left_out: int


def find_places(numbers: Sequence[int]) -> Places:
    """The multiplier, of some, that leaves the fewest streams without a place of their own.

    :param numbers: of the streams, 16 bits each
    """
    if not numbers:
        return Places(int(_MULTIPLIERS[0]), 0)
    best: Places | None = None
    for some in np.split(_MULTIPLIERS, 16):
        places = np.sort(np.multiply.outer(some, np.array(numbers, np.uint32)) >> np.uint32(32 - PLACE_BITS), axis=1)
        left_out = (places[:, 1:] == places[:, :-1]).sum(axis=1)
        at = int(left_out.argmin())
        if best is None or left_out[at] < best.n_left_out:
            best = Places(int(some[at]), int(left_out[at]))
        if best.n_left_out == 0:
            break
    assert best is not None
    return best
