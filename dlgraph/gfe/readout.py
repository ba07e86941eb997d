"""Updates that tell the gradient: a step of plain gradient descent by the sum itself.

Where a batch ends, a core that holds parameters updates them and clears their gradient; neither can be left out.  But with the
rate 1 in units of both integers' last bits, ``P' = sat32(P - G)``: the parameters that come back tell ``G`` in every bit, unless
one was clipped, and the host has those of before.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dlgraph import formats
from dlgraph.errors import MachineError
from dlgraph.gfe.pass_updates import VertexUpdates
from dlgraph.layers import Int32Array
from dlgraph.optimisers import Sgd
from dlgraph.update_words import Array, Constants, Step, constants

Int64Array = npt.NDArray[np.int64]
#: Weights and biases of a layer.
Parameters = tuple[Int32Array, Int32Array]


class GradientReadout:
    """In the place of a pass's updates: the same step for every array."""

    def __init__(self) -> None:
        rate = formats.rate(1.0)
        words = Step(rate.mantissa, rate.shift, formats.rate(0.0)).words()
        self._updates = VertexUpdates(words, words)

    @property
    def constants(self) -> Constants:
        """What holds in every step."""
        return constants(Sgd(1.0))

    def of(self, array: Array) -> VertexUpdates:
        """The words for one array of parameters."""
        return self._updates


def gradients(before: Sequence[Parameters], after: Sequence[Parameters],
              names: Sequence[str]) -> list[tuple[Int64Array, Int64Array]]:
    """The gradients of every layer's weights and biases.

    :param names: of the layers
    :raises MachineError: where one is so large that a parameter was clipped
    """
    found = []
    for old, new, name in zip(before, after, names, strict=True):
        for array in new:
            if np.any((array == formats.INT32_MIN) | (array == formats.INT32_MAX)):
                raise MachineError(f"The gradients of layer {name!r} are too large to be read from the machine: a parameter that "
                                   f"one was taken off left its number format. Trace fewer samples, or smaller ones.")
        found.append((old[0].astype(np.int64) - new[0], old[1].astype(np.int64) - new[1]))
    return found
