"""What the vertices are told of the updates in one pass: the steps, and a table of them where they differ."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlgraph.optimisers import Optimiser
from dlgraph.update_words import STEP_WORDS, Array, Constants, constants, steps

#: Words of a step in the table: its rate, or its rate and its decay.  The rest is the same in every full batch.
RATE_WORDS, RATE_AND_DECAY_WORDS = 2, 4


def words_of_table(optimiser: Optimiser) -> int:
    """Words of a step in the table, where there is one."""
    return RATE_AND_DECAY_WORDS if optimiser.weight_decay else RATE_WORDS


@dataclass(frozen=True)
class VertexUpdates:
    """The words for one kind of parameters.

    :param step: of a full batch
    :param last_step: of the last batch
    :param table: bytes of the steps' region; empty where all full batches are alike
    :param step_words: words of a step in it, or 0
    """

    step: tuple[int, ...]
    last_step: tuple[int, ...]
    table: bytes = b""
    step_words: int = 0


class PassUpdates:
    """The updates of one pass in training.

    :param rates: learning rate of every batch
    :param iteration: updates before the pass
    :param sizes: samples in every batch
    :param unit: what gradients are to be multiplied by
    :raises NumberFormatError: (of :meth:`of`) for what is outside the formats
    """

    def __init__(self, optimiser: Optimiser, rates: list[float], iteration: int, sizes: list[int], unit: float) -> None:
        self._optimiser = optimiser
        self._rates, self._iteration, self._sizes, self._unit = rates, iteration, sizes, unit
        self._made: dict[Array, VertexUpdates] = {}

    @property
    def constants(self) -> Constants:
        """What holds in every step."""
        return constants(self._optimiser)

    def of(self, array: Array) -> VertexUpdates:
        """The words for one array of parameters, or a part of it."""
        if array not in self._made:
            self._made[array] = self._make(array)
        return self._made[array]

    def _make(self, array: Array) -> VertexUpdates:
        words = steps(self._optimiser, self._rates, self._iteration, self._sizes, self._unit, array)
        assert words.shape == (len(self._sizes), STEP_WORDS)
        first, last = (tuple(int(word) for word in words[i]) for i in (0, -1))
        if np.all(words[:-1] == words[0]):
            return VertexUpdates(first, last)
        n = words_of_table(self._optimiser)
        return VertexUpdates(first, last, words[:, :n].astype("<u4").tobytes(), n)
