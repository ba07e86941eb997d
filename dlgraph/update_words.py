"""What a vertex is told of the optimiser: numbers that hold for a pass, and those of every step.

C side: ``optimiser_t`` and ``optimiser_step_t`` in ``c_models/kernels/optimisers.h``; the formulas are in
``docs/arithmetic.rst``.  All of it is computed in double precision, without functions whose last bit could differ between
computers.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Sequence

import numpy as np
import numpy.typing as npt

from dlgraph import formats
from dlgraph.errors import NumberFormatError
from dlgraph.formats import Rate, float32_value
from dlgraph.layers import WeightLayer
from dlgraph.optimisers import BIASES, Adam, Optimiser, OptimiserKind, RmsProp, Sgd

MOMENTUM_FRACTION = 30           #: of the factor that a momentum is multiplied by
MOMENTUM_EXTRA = 2               #: fraction bits that a momentum has more than its parameter

#: ``E`` of a gradient, a mean or a root: 0 .. 63.
MAX_EXPONENT = 63
_SCALE_BASE = 97                 # C = 97 - x: exponent of a gradient that fills 31 bits
_LEAST_SCALE = 31                # smaller, and a gradient of 1 would have a negative exponent
_SMALLEST_ROOT = -36             # exponent of the smallest epsilon, as an addend of a root
_STEP_BASE = 29                  # of the step's shift: 66 - 5 - 32, see docs/arithmetic.rst
_LEAST_MEAN_SHIFT, _MOST_MEAN_SHIFT = 28, 58

NESTEROV, AMSGRAD, KEEPS_MOMENTUM = 1, 2, 4


@dataclass(frozen=True)
class Array:
    """An array of parameters, as the update sees it.

    :param fraction: of the parameters
    :param gradient_fraction: of the gradient's sum over a batch
    :param number: of its layer among those with weights
    :param part: :data:`~dlgraph.optimisers.WEIGHTS` or :data:`~dlgraph.optimisers.BIASES`
    """

    fraction: int
    gradient_fraction: int
    number: int
    part: int


def gradient_shift(layer: WeightLayer, batch_size: int, n_positions: int = 1) -> int:
    """``s`` of a layer: by its option, or by the rule."""
    if layer.gradient_shift is not None:
        return layer.gradient_shift
    return formats.weight_gradient_shift(batch_size, n_positions)


def array_of(number: int, part: int, layer: WeightLayer, batch_size: int, n_positions: int = 1) -> Array:
    """The weights or biases of a layer.

    :param number: of the layer among those with weights
    :param n_positions: how often a weight is used in a sample
    """
    if part == BIASES:
        fraction = formats.ERROR_FRACTION - formats.bias_gradient_shift(batch_size, n_positions)
        return Array(formats.LOGIT_FRACTION, fraction, number, part)
    fraction = 12 + layer.input_fraction - gradient_shift(layer, batch_size, n_positions)
    return Array(formats.WEIGHT_FRACTION, fraction, number, part)


@dataclass(frozen=True)
class Constants:
    """``optimiser_t``: what holds in every step.

    :param momentum: the factor, fraction 30
    :param mean: 1 - beta_1
    :param square: 1 - beta_2, or 1 - rho
    :param epsilon_mantissa: 2**29 .. 2**30 for Adam, 2**24 .. 2**26 for RMSprop
    :param epsilon_exponent: binary for Adam, of four for RMSprop
    """

    kind: OptimiserKind
    flags: int = 0
    momentum: int = 0
    mean: Rate = Rate(0, _LEAST_MEAN_SHIFT)
    square: Rate = Rate(0, _LEAST_MEAN_SHIFT)
    epsilon_mantissa: int = 0
    epsilon_exponent: int = 0

    def words(self) -> tuple[int, ...]:
        """As the machine reads them."""
        return (int(self.kind), self.flags, self.momentum, self.mean.mantissa, self.mean.shift, self.square.mantissa,
                self.square.shift, self.epsilon_mantissa, self.epsilon_exponent)


@dataclass(frozen=True)
class Step:
    """``optimiser_step_t``: what differs from step to step.

    :param mantissa: of the rate, below 2**31
    :param shift: of the rate; for Adam and RMSprop what to add to the difference of the exponents, may be negative
    :param decay: share that is taken off the parameter
    :param scale_mantissa: of what makes a mean gradient of a sum: 2**30 .. 2**31
    :param scale_exponent: exponent of a gradient that fills 31 bits
    """

    mantissa: int
    shift: int
    decay: Rate
    scale_mantissa: int = 0
    scale_exponent: int = 0

    def words(self) -> tuple[int, ...]:
        """As the machine reads them."""
        return (self.mantissa, self.shift & 0xffffffff, self.decay.mantissa, self.decay.shift, self.scale_mantissa,
                self.scale_exponent)


#: Lengths in 32-bit words.
CONSTANT_WORDS, STEP_WORDS = 9, 6
NO_STEP = Step(0, 62, Rate(0, 62))


@lru_cache(maxsize=64)
def constants(optimiser: Optimiser) -> Constants:
    """What holds in every step.

    :raises NumberFormatError: naming the option that does not fit
    """
    if isinstance(optimiser, Sgd):
        flags = NESTEROV if optimiser.nesterov else 0
        return Constants(optimiser.kind, flags, _momentum(optimiser.momentum))
    if isinstance(optimiser, Adam):
        mantissa, exponent = _root_epsilon(float32_value(optimiser.epsilon))
        return Constants(optimiser.kind, AMSGRAD if optimiser.amsgrad else 0, 0, _share(optimiser.beta_1, "beta_1"),
                         _share(optimiser.beta_2, "beta_2"), mantissa, exponent)
    assert isinstance(optimiser, RmsProp)
    mantissa, exponent = _square_epsilon(float32_value(optimiser.epsilon))
    return Constants(optimiser.kind, KEEPS_MOMENTUM if optimiser.momentum else 0, _momentum(optimiser.momentum),
                     square=_share(optimiser.rho, "rho"), epsilon_mantissa=mantissa, epsilon_exponent=exponent)


def _momentum(momentum: float) -> int:
    value = float32_value(momentum)
    if not 0.0 <= value <= 1.0:
        raise NumberFormatError(f"momentum must be in 0..1, not {momentum!r}")
    return round(math.ldexp(value, MOMENTUM_FRACTION))


def _share(beta: float, name: str) -> Rate:
    """``1 - beta``, computed as Keras does: in double precision, then as a float32."""
    share = float32_value(1 - beta)
    if not 2.0**-24 <= share <= 1.0:
        raise NumberFormatError(f"{name} must be in 0 .. 1 - 2**-24, not {beta!r}")
    rate = formats.rate(share)
    assert _LEAST_MEAN_SHIFT <= rate.shift <= _MOST_MEAN_SHIFT
    return rate


def _root_epsilon(epsilon: float) -> tuple[int, int]:
    """``epsilon`` as mantissa * 2**(exponent - 65)."""
    if not 2.0**_SMALLEST_ROOT <= epsilon <= 2.0**20:
        raise NumberFormatError(f"epsilon must be in 2**{_SMALLEST_ROOT} (1.5e-11) .. 2**20, not {epsilon!r}")
    part, exponent = math.frexp(epsilon)
    return round(math.ldexp(part, 30)), exponent + 35           # a float32 has 24 bits: nothing is rounded


def _square_epsilon(epsilon: float) -> tuple[int, int]:
    """``epsilon`` as mantissa * 4**exponent * 2**-96."""
    least = 2 * _SMALLEST_ROOT
    if not 2.0**least <= epsilon <= 2.0**20:
        raise NumberFormatError(f"epsilon must be in 2**{least} (2e-22) .. 2**20, not {epsilon!r}")
    _, exponent = math.frexp(epsilon)
    fours = (exponent + 96 - 26 + 1) // 2
    return round(math.ldexp(epsilon, 96 - 2 * fours)), fours


@lru_cache(maxsize=1 << 16)
def step(optimiser: Optimiser, learning_rate: float, iteration: int, n_samples: int, unit: float, array: Array) -> Step:
    """The numbers of one step.

    :param learning_rate: in this step, a float32
    :param iteration: updates before this one; without meaning for kinds without bias correction
    :param n_samples: samples in this batch (fewer in the last one)
    :param unit: what gradients are to be multiplied by
    :raises NumberFormatError: for what is outside the formats
    """
    decay = Rate(0, 62)
    if optimiser.weight_decay and (array.number, array.part) not in optimiser.undecayed:
        share = float32_value(optimiser.weight_decay) * learning_rate
        if not 0.0 <= share <= 1.0:
            raise NumberFormatError(f"weight_decay times the learning rate must be in 0..1, not {share!r}")
        decay = formats.rate(share)
    unit_of_sum = math.ldexp(unit / n_samples, -array.gradient_fraction)
    if optimiser.kind in (OptimiserKind.SGD, OptimiserKind.MOMENTUM):
        extra = MOMENTUM_EXTRA if optimiser.kind is OptimiserKind.MOMENTUM else 0
        rho = math.ldexp(learning_rate * unit / n_samples, array.fraction + extra - array.gradient_fraction)
        rate = formats.rate(rho)
        return Step(rate.mantissa, rate.shift, decay)
    mantissa, scale_exponent = _normalised(unit_of_sum)
    scale_exponent = _SCALE_BASE - scale_exponent if mantissa else _LEAST_SCALE
    if not _LEAST_SCALE <= scale_exponent <= MAX_EXPONENT:
        raise NumberFormatError(f"a gradient of {unit_of_sum!r} per unit is outside the format of means of gradients; choose "
                                f"another batch size, or another fraction of the activations that come in")
    fraction, rho = array.fraction, learning_rate
    if isinstance(optimiser, Adam):
        rho *= _correction(optimiser, iteration + 1)
    elif isinstance(optimiser, RmsProp) and optimiser.momentum:
        fraction += MOMENTUM_EXTRA
    if not 0.0 <= rho < 2.0**30:
        raise NumberFormatError(f"a rate must be in 0 .. 2**30, not {rho!r}")
    rate_mantissa, shift = _normalised(rho)
    return Step(rate_mantissa, _STEP_BASE + shift - fraction, decay, mantissa, scale_exponent)


def steps(optimiser: Optimiser, learning_rates: Sequence[float], iteration: int, sizes: Sequence[int], unit: float,
          array: Array) -> npt.NDArray[np.uint32]:
    """The words of every step of a pass: (steps, :data:`STEP_WORDS`).

    :param learning_rates: of every step
    :param iteration: updates before the first one
    :param sizes: samples in every batch
    """
    counts = optimiser.kind is OptimiserKind.ADAM
    made = [step(optimiser, rate, iteration + k if counts else 0, n, unit, array).words()
            for k, (rate, n) in enumerate(zip(learning_rates, sizes, strict=True))]
    return np.array(made, np.uint32).reshape(len(made), STEP_WORDS)


def batch_sizes(n_samples: int, batch_size: int) -> list[int]:
    """Samples in every batch of an epoch."""
    return [min(batch_size, n_samples - start) for start in range(0, n_samples, batch_size)]


def _normalised(rho: float) -> tuple[int, int]:
    """(mantissa, shift): ``rho`` as mantissa / 2**shift with 2**30 <= mantissa < 2**31; (0, 0) for 0."""
    if rho == 0.0:
        return 0, 0
    part, exponent = math.frexp(rho)
    mantissa = round(math.ldexp(part, 31))
    if mantissa == 2**31:
        mantissa, exponent = 2**30, exponent + 1
    return mantissa, 31 - exponent


def _correction(optimiser: Adam, n: int) -> float:
    """``sqrt(1 - beta_2**n) / (1 - beta_1**n)`` with the float32 of both, as Keras has them."""
    return (math.sqrt(1.0 - _power(float32_value(optimiser.beta_2), n))
            / (1.0 - _power(float32_value(optimiser.beta_1), n)))


def _power(base: float, n: int) -> float:
    """By multiplications only: the same bits on every computer."""
    result = 1.0
    while n:
        if n & 1:
            result *= base
        base *= base
        n >>= 1
    return result
