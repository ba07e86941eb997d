"""The training sets of boosting: which of many candidates go into the second and the third one.

Drucker, Schapire and Simard, "Boosting performance in neural networks", International Journal of Pattern Recognition and
Artificial Intelligence 7 (1993).
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph.errors import DataError

Array = npt.NDArray[Any]
#: From samples and labels, which of them are looked for.
Judge = Callable[[Array, Array], npt.NDArray[np.bool_]]
#: Called after every chunk: samples taken so far, candidates seen so far.
Told = Callable[[int, int], None]


@dataclass
class Selection:
    """What was chosen.

    :ivar x: the samples
    :ivar y: their labels
    :ivar n_wanted: how many there should have been
    :ivar n_candidates: how many were looked at
    """

    x: Array
    y: Array
    n_wanted: int
    n_candidates: int

    def __len__(self) -> int:
        return len(self.x)


@dataclass
class _Taken:
    """Samples chosen so far."""

    n_wanted: int
    x: list[Array] = field(default_factory=list)
    y: list[Array] = field(default_factory=list)
    n: int = 0
    n_candidates: int = 0

    def add(self, x: Array, y: Array, chosen: list[int] | Array) -> None:
        self.x.append(x[chosen])
        self.y.append(y[chosen])
        self.n += len(chosen)

    def finished(self) -> Selection:
        if not self.x:
            raise DataError("There are no candidates. Give at least one.")
        return Selection(np.concatenate(self.x), np.concatenate(self.y), self.n_wanted, self.n_candidates)


def half_wrong(candidates: Iterable[tuple[Array, Array]], wrong: Judge, n_wanted: int, random: np.random.Generator,
               told: Told = lambda n, n_candidates: None) -> Selection:
    """Samples of which a network gets about half wrong.

    As in the paper: a fair coin says whether the next sample is to be a wrong one or a right one, and candidates are passed
    over until there is one.  Where candidates run out the set stays smaller, still about half wrong.

    :param candidates: chunks of samples with labels
    :param wrong: which of a chunk the network gets wrong
    :param n_wanted: size of the set
    :param random: the coin
    """
    taken = _Taken(n_wanted)
    heads = bool(random.integers(2))
    for x, y in candidates:
        missed = np.asarray(wrong(x, y))
        places = {True: np.flatnonzero(missed), False: np.flatnonzero(~missed)}
        chosen: list[int] = []
        start = 0
        while taken.n + len(chosen) < n_wanted:
            those = places[heads]
            next_one = int(np.searchsorted(those, start))
            if next_one == len(those):
                start = len(x)
                break
            chosen.append(int(those[next_one]))
            start = chosen[-1] + 1
            heads = bool(random.integers(2))
        taken.add(x, y, chosen)
        taken.n_candidates += start if taken.n == n_wanted else len(x)
        told(taken.n, taken.n_candidates)
        if taken.n == n_wanted:
            break
    return taken.finished()


def disagreeing(candidates: Iterable[tuple[Array, Array]], disagree: Judge, n_wanted: int,
                told: Told = lambda n, n_candidates: None) -> Selection:
    """Samples on which two networks disagree, in the order in which they come.

    :param candidates: chunks of samples with labels
    :param disagree: on which of a chunk they do
    :param n_wanted: size of the set; where candidates run out it stays smaller
    """
    taken = _Taken(n_wanted)
    for x, y in candidates:
        chosen = np.flatnonzero(disagree(x, y))[:n_wanted - taken.n]
        taken.add(x, y, chosen)
        taken.n_candidates += int(chosen[-1]) + 1 if taken.n == n_wanted else len(x)
        told(taken.n, taken.n_candidates)
        if taken.n == n_wanted:
            break
    return taken.finished()
