"""Optimisers: what a layer graph is trained with, and the state that they keep of every parameter.

The update rules are those of Keras 3, in the integers of ``docs/arithmetic.rst``.  What a machine needs to know of an
optimiser in each step is in :mod:`dlgraph.update_words`.
"""
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from enum import Enum, IntEnum
from typing import Callable, Sequence

import numpy as np
import numpy.typing as npt

Int32Array = npt.NDArray[np.int32]

#: (first step, number of steps) -> their learning rates; raises ModelError for one that is negative or not finite.
Schedule = Callable[[int, int], list[float]]

#: Which array of a layer: its weights or its biases.
WEIGHTS, BIASES = 0, 1


class OptimiserKind(IntEnum):
    """The rule of the update; the value is the number the machine knows it by."""

    SGD = 0
    MOMENTUM = 1
    ADAM = 2
    RMSPROP = 3


class Plane(Enum):
    """What is kept of every parameter, one 32-bit word each; the value is Keras' name of the variables.

    ``MOMENTUM`` has two more fraction bits than the parameter; ``MEAN`` is a signed number, ``SQUARE`` and
    ``LARGEST_SQUARE`` are unsigned ones, of 26 bits with an exponent.
    """

    MOMENTUM = "momentum"
    MEAN = "mean"
    SQUARE = "velocity"
    LARGEST_SQUARE = "velocity_hat"


@dataclass(frozen=True)
class Optimiser(ABC):
    """What all have.

    :param learning_rate: the value of the float32 that Keras holds; of a schedule, that of the first step
    :param weight_decay: share of a parameter, times the learning rate, that is taken off in every step
    :param undecayed: (number among the layers with weights, :data:`WEIGHTS` or :data:`BIASES`) without weight decay
    """

    learning_rate: float
    _: KW_ONLY
    weight_decay: float = 0.0
    undecayed: frozenset[tuple[int, int]] = frozenset()

    @property
    @abstractmethod
    def kind(self) -> OptimiserKind:
        """The rule of the update."""

    @property
    def planes(self) -> tuple[Plane, ...]:
        """What is kept of every parameter, in the machine's order."""
        return ()


@dataclass(frozen=True)
class Sgd(Optimiser):
    """Stochastic gradient descent, with or without momentum.

    :param momentum: 0 to 1; 0: none is kept
    """

    momentum: float = 0.0
    nesterov: bool = False

    @property
    def kind(self) -> OptimiserKind:
        return OptimiserKind.MOMENTUM if self.momentum else OptimiserKind.SGD

    @property
    def planes(self) -> tuple[Plane, ...]:
        return (Plane.MOMENTUM,) if self.momentum else ()


@dataclass(frozen=True)
class Adam(Optimiser):
    """Adam; with weight decay, AdamW (in Keras 3 both decay alike).

    :param beta_1: of the mean of the gradients
    :param beta_2: of the mean of their squares
    :param epsilon: added to the square root
    :param amsgrad: divide by the largest mean square so far
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False

    @property
    def kind(self) -> OptimiserKind:
        return OptimiserKind.ADAM

    @property
    def planes(self) -> tuple[Plane, ...]:
        planes = (Plane.MEAN, Plane.SQUARE)
        return (*planes, Plane.LARGEST_SQUARE) if self.amsgrad else planes


@dataclass(frozen=True)
class RmsProp(Optimiser):
    """RMSprop, not centred.

    :param rho: of the mean of the squared gradients
    :param momentum: 0: none is kept
    :param epsilon: added under the square root
    """

    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7

    @property
    def kind(self) -> OptimiserKind:
        return OptimiserKind.RMSPROP

    @property
    def planes(self) -> tuple[Plane, ...]:
        return (Plane.SQUARE, Plane.MOMENTUM) if self.momentum else (Plane.SQUARE,)


@dataclass(frozen=True)
class OptimiserState:
    """What an optimiser has gathered.

    :param iterations: updates so far
    :param slots: of every layer with weights, in order: int32 (planes, \\*shape of the weights) and (planes, n_units)
    """

    iterations: int
    slots: tuple[tuple[Int32Array, Int32Array], ...]

    def copy(self) -> OptimiserState:
        """With arrays of its own."""
        return OptimiserState(self.iterations, tuple((weights.copy(), biases.copy()) for weights, biases in self.slots))


def fresh_state(optimiser: Optimiser, parameters: Sequence[tuple[Int32Array, Int32Array]]) -> OptimiserState:
    """The state before the first step: all zeros.

    :param parameters: (weights, biases) of every layer that has any
    """
    n = len(optimiser.planes)
    return OptimiserState(0, tuple((np.zeros((n, *weights.shape), np.int32), np.zeros((n, *biases.shape), np.int32))
                                   for weights, biases in parameters))
