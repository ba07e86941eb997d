"""Weights at the start: random numbers that are a function of the graph's seed and the layer's name alone.

They come from the counter-based generator of the arithmetic (``docs/arithmetic.rst``, *Order of samples*), so that they are the
same with every version of NumPy, and a layer's do not change with what is built before it.
"""
from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np
import numpy.typing as npt

from dlgraph.errors import ModelError
from dlgraph.formats import Float32Array
from dlgraph.order import hash_step, hash_words

#: The third word of the hash: 1 is the order of samples, 2 and more are layers' dropout.
_PURPOSE_WEIGHTS = 0


class Numbers:
    """Random numbers for one array.

    :param seed: of the graph, unsigned 32 bits
    :param name: of the array
    """

    def __init__(self, seed: int, name: str) -> None:
        self._state = hash_words(seed, zlib.crc32(name.encode()), _PURPOSE_WEIGHTS)

    def uniform(self, shape: tuple[int, ...], draw: int = 0) -> npt.NDArray[np.float64]:
        """Between 0 and 1, neither included: a word of 32 bits and a half, divided by 2**32.

        :param draw: others for another number
        """
        words = hash_step(np.array([self._state], np.uint32), np.arange(prod(shape), dtype=np.uint32))
        words = hash_step(words, np.array([draw], np.uint32))
        return ((words.astype(np.float64) + 0.5) / 2.0**32).reshape(shape)

    def normal(self, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """Of mean 0 and deviation 1, from two uniform ones each (Box and Muller, Annals of Mathematical Statistics 1958)."""
        return np.sqrt(-2.0 * np.log(self.uniform(shape))) * np.cos(2.0 * np.pi * self.uniform(shape, 1))


class Initialiser(ABC):
    """What a layer's weights, or its biases, are at the start."""

    @abstractmethod
    def values(self, shape: tuple[int, ...], fan_in: int, fan_out: int, numbers: Numbers) -> npt.NDArray[np.float64]:
        """The array.

        :param fan_in: inputs that a unit of the layer takes; of a convolution, kernel height x width x channels that come in
        :param fan_out: units that take an input; of a convolution, kernel height x width x channels that go out
        """


@dataclass(frozen=True)
class Constant(Initialiser):
    """All of one value."""

    value: float = 0.0

    def values(self, shape: tuple[int, ...], fan_in: int, fan_out: int, numbers: Numbers) -> npt.NDArray[np.float64]:
        return np.full(shape, self.value, np.float64)


@dataclass(frozen=True)
class Uniform(Initialiser):
    """Uniform between ``-limit`` and ``limit``."""

    limit: float = 0.05

    def values(self, shape: tuple[int, ...], fan_in: int, fan_out: int, numbers: Numbers) -> npt.NDArray[np.float64]:
        return self.limit * (2.0 * numbers.uniform(shape) - 1.0)


@dataclass(frozen=True)
class Normal(Initialiser):
    """Normal of mean 0."""

    deviation: float = 0.05

    def values(self, shape: tuple[int, ...], fan_in: int, fan_out: int, numbers: Numbers) -> npt.NDArray[np.float64]:
        return self.deviation * numbers.normal(shape)


@dataclass(frozen=True)
class Scaled(Initialiser):
    """Of mean 0 and a variance of ``scale`` divided by the layer's fan.

    :param scale: above 0
    :param fan: ``"in"``, ``"out"`` or ``"mean"`` of the two
    :param normal: normal, not cut off, else uniform
    """

    scale: float = 1.0
    fan: str = "in"
    normal: bool = False

    def __post_init__(self) -> None:
        if self.fan not in ("in", "out", "mean"):
            raise ModelError(f"Scaled was given fan={self.fan!r}. dlgraph accepts 'in', 'out' and 'mean'.")

    def values(self, shape: tuple[int, ...], fan_in: int, fan_out: int, numbers: Numbers) -> npt.NDArray[np.float64]:
        fan = {"in": fan_in, "out": fan_out, "mean": (fan_in + fan_out) / 2}[self.fan]
        deviation = sqrt(self.scale / max(1, fan))
        if self.normal:
            return deviation * numbers.normal(shape)
        return sqrt(3.0) * deviation * (2.0 * numbers.uniform(shape) - 1.0)       # of -l .. l the variance is l * l / 3


#: By the names that Keras has for them.  Glorot: 2 / (fan in + fan out), Glorot and Bengio, AISTATS 2010, equation 16.  He:
#: 2 / fan in, He et al., ICCV 2015, equation 10.  LeCun: 1 / fan in, LeCun et al., Efficient BackProp, 1998, equation 16.
INITIALISERS: dict[str, Initialiser] = {
    "zeros": Constant(0.0),
    "glorot_uniform": Scaled(1.0, "mean"), "glorot_normal": Scaled(1.0, "mean", normal=True),
    "he_uniform": Scaled(2.0), "he_normal": Scaled(2.0, normal=True),
    "lecun_uniform": Scaled(1.0), "lecun_normal": Scaled(1.0, normal=True),
}


def initial_values(initialiser: Initialiser, shape: tuple[int, ...], fans: tuple[int, int], seed: int, name: str) -> Float32Array:
    """An array at the start.

    :param fans: in and out
    :param name: of the array, unique in its graph
    """
    return initialiser.values(shape, *fans, Numbers(seed, name)).astype(np.float32)
