"""The updates of ``docs/arithmetic.rst`` in NumPy; the machine's are in ``c_models/kernels/optimisers.c``.

Numbers with an exponent are held as two int64 arrays.  Everything is int64 and stays below 2**63.
"""
from __future__ import annotations

import numpy as np

from dlgraph.formats import Int64Array, Rate, round_shift, saturate32
from dlgraph.layers import Int32Array
from dlgraph.optimisers import OptimiserKind
from dlgraph.reference.tables import ROOT_FIRST, reciprocal_table, root_table
from dlgraph.update_words import AMSGRAD, KEEPS_MOMENTUM, MOMENTUM_EXTRA, MOMENTUM_FRACTION, NESTEROV, Constants, Step

#: New parameters, new state, number of clips.
Updated = tuple[Int32Array, Int32Array, int]
#: Mantissa and exponent.
Number = tuple[Int64Array, Int64Array]

_ROOT = np.array(root_table(), np.int64)
_RECIPROCAL = np.array(reciprocal_table(), np.int64)
_SQUARE_BITS, _EXPONENT_BITS = 26, 6


def update(constants: Constants, step: Step, parameters: Int32Array, gradients: Int64Array, state: Int32Array) -> Updated:
    """One step of an optimiser.

    :param gradients: sums over a batch, within 32 bits, of the parameters' shape
    :param state: (planes, \\*shape of the parameters)
    """
    values = parameters.astype(np.int64)
    if step.decay.mantissa:
        values = values - round_shift(values * step.decay.mantissa, step.decay.shift)
    planes = state.astype(np.int64)
    if constants.kind is OptimiserKind.SGD:
        moved, clips = saturate32(values - round_shift(gradients * step.mantissa, step.shift))
    elif constants.kind is OptimiserKind.MOMENTUM:
        moved, clips = _momentum(constants, step, values, gradients, planes)
    elif constants.kind is OptimiserKind.ADAM:
        moved, clips = _adam(constants, step, values, gradients, planes)
    else:
        moved, clips = _rmsprop(constants, step, values, gradients, planes)
    return moved.astype(np.int32), planes.astype(np.uint32).view(np.int32), clips


# --------------------------------------------------------------------------- momentum

def _momentum(constants: Constants, step: Step, values: Int64Array, gradients: Int64Array,
              planes: Int64Array) -> tuple[Int64Array, int]:
    descent = round_shift(gradients * step.mantissa, step.shift)
    kept, clips = saturate32(_times_momentum(planes[0], constants.momentum) - descent)
    planes[0] = kept
    move = _times_momentum(kept, constants.momentum) - descent if constants.flags & NESTEROV else kept
    moved, more = saturate32(values + round_shift(move, MOMENTUM_EXTRA))
    return moved, clips + more


def _times_momentum(kept: Int64Array, momentum: int) -> Int64Array:
    """Towards zero."""
    return np.sign(kept) * (np.abs(kept) * momentum >> MOMENTUM_FRACTION)


# --------------------------------------------------------------------------- Adam and RMSprop

def _adam(constants: Constants, step: Step, values: Int64Array, gradients: Int64Array,
          planes: Int64Array) -> tuple[Int64Array, int]:
    gradient = _mean_gradient(gradients, step)
    mean = _mean_update(_mean_of_word(planes[0]), gradient, constants.mean)
    square = _square_update(_square_of_word(planes[1]), gradient, constants.square)
    planes[0] = _word_of_mean(mean)
    planes[1] = _word_of_square(square)
    if constants.flags & AMSGRAD:
        planes[2] = np.maximum(planes[2] & 0xffffffff, planes[1])
        square = _square_of_word(planes[2])
    mantissa, exponent = _added_to_root(square, constants)
    move = _quotient((mean[0] << _EXPONENT_BITS, mean[1]), _reciprocal(mantissa), exponent, step)
    return saturate32(values - move)


def _rmsprop(constants: Constants, step: Step, values: Int64Array, gradients: Int64Array,
             planes: Int64Array) -> tuple[Int64Array, int]:
    gradient = _mean_gradient(gradients, step)
    square = _square_update(_square_of_word(planes[0]), gradient, constants.square)
    planes[0] = _word_of_square(square)
    mantissa, exponent = _root_of_sum(square, constants)
    move = _quotient((gradient[0] << 1, gradient[1]), _reciprocal(mantissa), exponent, step)
    clips = 0
    if constants.flags & KEEPS_MOMENTUM:
        planes[1], clips = saturate32(_times_momentum(planes[1], constants.momentum) + move)
        move = round_shift(planes[1], MOMENTUM_EXTRA)
    moved, more = saturate32(values - move)
    return moved, clips + more


def _mean_gradient(sums: Int64Array, step: Step) -> Number:
    """Mantissa of up to 30 bits and exponent: mantissa * 2**(exponent - 65)."""
    n = 31 - _bits(np.where(sums < 0, ~sums, sums))
    h = ((sums << n) * step.scale_mantissa) >> 32
    return h + (h < 0), step.scale_exponent - n


def _mean_of_word(words: Int64Array) -> Number:
    return words >> _EXPONENT_BITS, words & 63


def _square_of_word(words: Int64Array) -> Number:
    words = words & 0xffffffff
    return words & (2**_SQUARE_BITS - 1), words >> _SQUARE_BITS


def _word_of_mean(mean: Number) -> Int64Array:
    return mean[0] << _EXPONENT_BITS | mean[1]


def _word_of_square(square: Number) -> Int64Array:
    return square[1] << _SQUARE_BITS | square[0]


def _mean_update(mean: Number, gradient: Number, share: Rate) -> Number:
    exponent = np.maximum(mean[1], gradient[1])
    a = _shift(mean[0], exponent - mean[1])
    b = _shift(gradient[0] >> 5, exponent - gradient[1])
    a = a + round_shift((b - a) * share.mantissa, share.shift)
    n = 25 - _bits(np.where(a < 0, ~a, a))
    return _kept(a, a << n, exponent - n)


def _square_update(square: Number, gradient: Number, share: Rate) -> Number:
    exponent = np.maximum(square[1], gradient[1])
    a = _shift(square[0], 2 * (exponent - square[1]))
    b = _shift(gradient[0] * gradient[0] >> 34, 2 * (exponent - gradient[1]))
    a = a + round_shift((b - a) * share.mantissa, share.shift)
    n = (26 - _bits(a)) >> 1
    return _kept(a, a << 2 * n, exponent - n)


def _kept(value: Int64Array, mantissa: Int64Array, exponent: Int64Array) -> Number:
    """What is too small is zero."""
    lost = (value == 0) | (exponent < 0)
    return np.where(lost, 0, mantissa), np.where(lost, 0, exponent)


def _added_to_root(square: Number, constants: Constants) -> Number:
    """sqrt(square) + epsilon: mantissa of 31 bits * 2**(exponent - 65)."""
    epsilon = constants.epsilon_exponent
    exponent = np.maximum(square[1], epsilon)
    root = np.where(square[0] == 0, 0, _root(np.where(square[0] == 0, 2**25, square[0])))
    total = _shift(root, exponent - square[1]) + _shift(np.array(constants.epsilon_mantissa, np.int64), exponent - epsilon)
    n = 31 - _bits(total)
    return total << n, exponent - n


def _root_of_sum(square: Number, constants: Constants) -> Number:
    """sqrt(square + epsilon): mantissa of 31 bits * 2**(exponent - 65)."""
    epsilon = constants.epsilon_exponent
    exponent = np.maximum(square[1], epsilon)
    total = (_shift(square[0], 2 * (exponent - square[1]))
             + _shift(np.array(constants.epsilon_mantissa, np.int64), 2 * (exponent - epsilon)))
    large = total >= 2**_SQUARE_BITS
    return _root(np.where(large, total >> 2, total)) << 1, exponent + large - 1


def _root(mantissa: Int64Array) -> Int64Array:
    """sqrt(mantissa) * 2**17, for 2**24 <= mantissa < 2**26."""
    at = (mantissa >> 18) - ROOT_FIRST
    return _ROOT[at] + ((_ROOT[at + 1] - _ROOT[at]) * ((mantissa & (2**18 - 1)) << 14) >> 32)


def _reciprocal(v: Int64Array) -> Int64Array:
    """2**60 / v, for 2**30 <= v < 2**31."""
    at = (v >> 22) - 256
    return _RECIPROCAL[at] - ((_RECIPROCAL[at] - _RECIPROCAL[at + 1]) * ((v & (2**22 - 1)) << 10) >> 32)


def _quotient(numerator: Number, reciprocal: Int64Array, exponent: Int64Array, step: Step) -> Int64Array:
    """round(u * ((rate * reciprocal) >> 32), n)."""
    product = numerator[0] * (step.mantissa * reciprocal >> 32)
    n = np.clip(exponent - numerator[1] + step.shift, 1, 62)
    return (product + (np.int64(1) << (n - 1))) >> n


def _shift(values: Int64Array, n: Int64Array) -> Int64Array:
    """To the right; by up to 126, where 63 is as much."""
    return values >> np.minimum(n, 63)


def _bits(values: Int64Array) -> Int64Array:
    """Bits of numbers from 0 to 2**53."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)
