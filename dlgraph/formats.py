"""Fixed-point formats: from Keras' floats to the machine's integers and back.

Every rule here is stated in ``docs/arithmetic.rst``.  Functions that convert user's numbers raise
:class:`~dlgraph.errors.NumberFormatError`, which names what does not fit, before anything runs.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph.errors import NumberFormatError
from dlgraph.layer_graph import Activation, Int32Array, LayerGraph, Loss

Int16Array = npt.NDArray[np.int16]
Int64Array = npt.NDArray[np.int64]
Float32Array = npt.NDArray[np.float32]

WEIGHT_FRACTION = 28
LOGIT_FRACTION = 23          #: biases, pre-activations, losses, mean-squared-error targets
ERROR_FRACTION = 28          #: d, probabilities, cross-entropy targets
DERIVATIVE_FRACTION = 15     #: f'
SAMPLE_WEIGHT_FRACTION = 30  #: of a sample's weight, in units of the power of two that no weight exceeds
INPUT_FRACTION = 11          #: of the network's inputs, where they are small enough for it

#: The largest weight that a sample may have.
MAX_SAMPLE_WEIGHT = 2**20
_MIN_WEIGHT_EXPONENT = -20

INT32_MIN, INT32_MAX = -2**31, 2**31 - 1
INT16_MIN, INT16_MAX = -2**15, 2**15 - 1

#: What to change when a checked sum overflowed and it is not known which.
OVERFLOW_ADVICE = ("lower the fraction of the activations that come in, start from smaller weights, lower the learning "
                   "rate, or scale the targets down")

_ACTIVATION_FRACTION = {Activation.LINEAR: 11, Activation.RELU: 11,
                        Activation.SIGMOID: 13, Activation.TANH: 13, Activation.LEAKY_RELU: 11}
_MAX_MANTISSA = 2**31
_MAX_RATE_SHIFT = 62
_CHUNK = 1 << 22             # values converted at a time: bounds the memory of temporary doubles


# --------------------------------------------------------------------------- integers

def clog2(n: int) -> int:
    """The smallest k with 2**k >= n, for n >= 1."""
    return (n - 1).bit_length()


def round_shift(values: Int64Array, shift: int) -> Int64Array:
    """``round(v, n)`` of the arithmetic: shift right with rounding, or left where ``shift`` < 0.

    :param values: int64, far enough from the limits that adding the half does not wrap
    """
    if shift > 0:
        return (values + (1 << (shift - 1))) >> shift
    return values << -shift


def saturate(values: Int64Array, low: int, high: int) -> tuple[Int64Array, int]:
    """Clip, and count what was clipped."""
    clipped = np.clip(values, low, high)
    return clipped, int(np.count_nonzero(clipped != values))


def saturate32(values: Int64Array) -> tuple[Int64Array, int]:
    """``sat32`` of the arithmetic, as (int64 values, number of clips)."""
    return saturate(values, INT32_MIN, INT32_MAX)


def saturate16(values: Int64Array) -> tuple[Int64Array, int]:
    """``sat16`` of the arithmetic, as (int64 values, number of clips)."""
    return saturate(values, INT16_MIN, INT16_MAX)


# --------------------------------------------------------------------------- parameters

def _to_fixed(values: npt.ArrayLike, fraction: int, what: str) -> Int32Array:
    given = np.asarray(values)
    scaled = np.rint(given.astype(np.float64) * 2.0**fraction)
    bad = ~((scaled >= INT32_MIN) & (scaled <= INT32_MAX))        # catches NaN too
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        limit = 2 ** (31 - fraction)
        raise NumberFormatError(f"{what}: {int(bad.sum())} of {bad.size} values are outside [-{limit}, {limit}) "
                                f"(s{31 - fraction}.{fraction}), the first is {float(given[index])!r} at {list(index)}")
    return scaled.astype(np.int32)


def _to_float32(values: Int32Array, fraction: int) -> Float32Array:
    return (np.asarray(values).astype(np.float64) * 2.0**-fraction).astype(np.float32)


def weights_from_float(weights: npt.ArrayLike, layer: str) -> Int32Array:
    """s3.28 of a layer's kernel; an error if a weight is outside [-8, 8)."""
    return _to_fixed(weights, WEIGHT_FRACTION, f"weights of layer {layer!r}")


def biases_from_float(biases: npt.ArrayLike, layer: str) -> Int32Array:
    """s8.23 of a layer's biases; an error if one is outside [-256, 256)."""
    return _to_fixed(biases, LOGIT_FRACTION, f"biases of layer {layer!r}")


def weights_to_float(weights: Int32Array) -> Float32Array:
    """The float32 nearest to each s3.28 weight (ties to even)."""
    return _to_float32(weights, WEIGHT_FRACTION)


def biases_to_float(biases: Int32Array) -> Float32Array:
    """The float32 nearest to each s8.23 bias (ties to even)."""
    return _to_float32(biases, LOGIT_FRACTION)


# --------------------------------------------------------------------------- activations

def activation_fraction(activation: Activation, option: int | None = None) -> int:
    """Fraction of the 16-bit activations that a hidden layer sends.

    :param option: the user's choice, or None for the default of the kind
    """
    if activation not in _ACTIVATION_FRACTION:
        raise NumberFormatError(f"{activation.name.lower()} activations are outputs only; they have no 16-bit format")
    if option is None:
        return _ACTIVATION_FRACTION[activation]
    # 1.0, which sigmoid and tanh reach, must fit 16 bits
    largest = 14 if activation in (Activation.SIGMOID, Activation.TANH) else 15
    if not 0 <= option <= largest:
        raise NumberFormatError(f"the fraction of {activation.name.lower()} activations must be 0..{largest}, not {option}")
    return option


def input_fraction(inputs: npt.ArrayLike, option: int | None = None) -> int:
    """Fraction of the network's inputs: 11, or less where ``max |X|`` asks for it.

    :param inputs: every sample that is to be used with it
    :param option: the user's choice: returned if the inputs fit it, else an error
    """
    values = np.asarray(inputs)
    largest = max(abs(float(values.max())), abs(float(values.min()))) if values.size else 0.0
    if not math.isfinite(largest):
        raise NumberFormatError("the inputs hold NaN or infinity")
    if option is not None:
        if not 0 <= option <= 15:
            raise NumberFormatError(f"the fraction of the inputs must be 0..15, not {option}")
        if largest * 2.0**option > INT16_MAX:
            raise NumberFormatError(f"inputs up to {largest!r} do not fit 16 bits with fraction {option}")
        return option
    for fraction in range(INPUT_FRACTION, -1, -1):
        if largest * 2.0**fraction <= INT16_MAX:
            return fraction
    raise NumberFormatError(f"inputs up to {largest!r} do not fit 16 bits; scale them to at most {INT16_MAX}")


def inputs_from_float(inputs: npt.ArrayLike, fraction: int) -> Int16Array:
    """int16 activations of the network's inputs, in the shape given; an error where one does not fit."""
    values = np.asarray(inputs)
    flat = values.reshape(-1)
    result = np.empty(flat.size, np.int16)
    for start in range(0, flat.size, _CHUNK):
        scaled = np.rint(flat[start:start + _CHUNK].astype(np.float64) * 2.0**fraction)
        bad = ~((scaled >= INT16_MIN) & (scaled <= INT16_MAX))
        if bad.any():
            at = start + int(np.argmax(bad))
            index = [int(i) for i in np.unravel_index(at, values.shape)]
            raise NumberFormatError(f"input {float(flat[at])!r} at {index} does not fit 16 bits with fraction {fraction}")
        result[start:start + _CHUNK] = scaled
    return result.reshape(values.shape)


def encode_inputs(activations: Int16Array) -> tuple[npt.NDArray[np.uint8] | Int16Array, Int16Array | None]:
    """Inputs at one byte each where they have at most 256 distinct values.

    :return: ``codes`` and ``table`` of :class:`~dlgraph.layer_graph.Samples`
    """
    seen = np.zeros(65536, np.bool_)
    flat = activations.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        seen[flat[start:start + _CHUNK].view(np.uint16)] = True
    distinct = np.sort(np.flatnonzero(seen).astype(np.uint16).view(np.int16))
    if distinct.size > 256:
        return activations, None
    table = np.zeros(256, np.int16)
    table[:distinct.size] = distinct
    code_of = np.zeros(65536, np.uint8)
    code_of[distinct.view(np.uint16)] = np.arange(distinct.size, dtype=np.uint8)
    return code_of[activations.view(np.uint16)], table


# --------------------------------------------------------------------------- targets and outputs

def target_fraction(loss: Loss) -> int:
    """Fraction of the targets: 23 for the mean squared error, 28 for the cross-entropies."""
    return LOGIT_FRACTION if loss is Loss.MEAN_SQUARED_ERROR else ERROR_FRACTION


def targets_from_float(targets: npt.ArrayLike, loss: Loss) -> Int32Array:
    """Targets in the loss's format.

    :param targets: (n_samples, n_outputs); for the cross-entropies in [0, 1], and for the categorical one each
        sample's must sum to 1 (the error ``p - y`` holds only then)
    """
    if loss is Loss.SPARSE_CATEGORICAL_CROSSENTROPY:
        raise NumberFormatError("sparse categorical cross-entropy has labels, not targets")
    values = np.asarray(targets)
    if loss is not Loss.MEAN_SQUARED_ERROR and not np.all((values >= 0) & (values <= 1)):
        raise NumberFormatError("targets of a cross-entropy must be in 0..1")
    if loss is Loss.CATEGORICAL_CROSSENTROPY and values.size:
        off = np.abs(values.astype(np.float64).sum(axis=-1) - 1.0)
        if off.max() > 1e-3:
            raise NumberFormatError("each sample's targets of the categorical cross-entropy must sum to 1, "
                                    f"those of sample {int(off.argmax())} do not")
    return _to_fixed(values, target_fraction(loss), "targets")


def labels_from_array(labels: npt.ArrayLike, n_classes: int) -> Int32Array:
    """int32 (n_samples,) class numbers; an error where one is not a class."""
    values = np.asarray(labels).reshape(-1)
    result = values.astype(np.int32)
    bad = ~((values >= 0) & (values < n_classes) & (result == values))
    if bad.any():
        at = int(np.argmax(bad))
        raise NumberFormatError(f"label {values[at]} of sample {at} is not a class number in 0..{n_classes - 1}")
    return result


def sample_weights_from_float(weights: npt.ArrayLike) -> tuple[npt.NDArray[np.uint32], int]:
    """Samples' weights of fraction 30, and the exponent of the power of two that is their 1.0.

    :param weights: (n_samples,), 0 to :data:`MAX_SAMPLE_WEIGHT`
    """
    values = np.asarray(weights, np.float64)
    if not np.all((values >= 0) & (values <= MAX_SAMPLE_WEIGHT)):              # catches NaN too
        raise NumberFormatError(f"a sample's weight must be in 0..{MAX_SAMPLE_WEIGHT}")
    largest = float(values.max()) if values.size else 0.0
    mantissa, exponent = math.frexp(largest)                                  # largest = mantissa * 2**exponent
    exponent = max(exponent - (mantissa == 0.5), _MIN_WEIGHT_EXPONENT) if largest else 0
    return np.rint(values * 2.0 ** (SAMPLE_WEIGHT_FRACTION - exponent)).astype(np.uint32), exponent


def output_fraction(graph: LayerGraph) -> int:
    """Fraction of the outputs ``p`` that a pass over samples keeps."""
    bounded = graph.output_layer.activation in (Activation.SOFTMAX, Activation.SIGMOID, Activation.TANH)
    return ERROR_FRACTION if bounded else LOGIT_FRACTION


def outputs_to_float(outputs: Int32Array, graph: LayerGraph) -> Float32Array:
    """The float32 nearest to each output: what ``predict`` returns."""
    return _to_float32(outputs, output_fraction(graph))


def mean_loss(loss_sum: int, n_samples: int, graph: LayerGraph) -> float:
    """The loss of an epoch as Keras reports it, from the exact sum (fraction 23)."""
    n_values = n_samples
    if graph.loss in (Loss.BINARY_CROSSENTROPY, Loss.MEAN_SQUARED_ERROR):
        n_values *= graph.n_outputs
    return loss_sum / 2**LOGIT_FRACTION / n_values if n_values else 0.0


# --------------------------------------------------------------------------- rates and gradients

@dataclass(frozen=True)
class Rate:
    """The positive real ``mantissa / 2**shift``; mantissa < 2**31, shift 1..62."""

    mantissa: int
    shift: int


def rate(rho: float) -> Rate:
    """``rho`` with the largest shift <= 62 for which the mantissa has 31 bits."""
    if not 0.0 <= rho < 2.0**30:
        raise NumberFormatError(f"a rate must be in 0 .. 2**30, not {rho!r}")
    if rho == 0.0:
        return Rate(0, _MAX_RATE_SHIFT)
    _, exponent = math.frexp(rho)                      # 2**(exponent - 1) <= rho < 2**exponent
    shift = min(31 - exponent, _MAX_RATE_SHIFT)
    mantissa = round(math.ldexp(rho, shift))
    if mantissa == _MAX_MANTISSA:
        shift -= 1
        mantissa = round(math.ldexp(rho, shift))
    if shift < 1:
        raise NumberFormatError(f"a rate must be below 2**30, not {rho!r}")
    return Rate(mantissa, shift)


def weight_gradient_shift(batch_size: int, n_positions: int = 1) -> int:
    """``s``: how far the errors are shifted right before they enter the weights' gradient.

    :param n_positions: how often a weight is used in a sample: height x width of a convolution's value
    """
    return max(0, clog2(batch_size) + clog2(n_positions) // 4 - 4)


def bias_gradient_shift(batch_size: int, n_positions: int = 1) -> int:
    """``sb``: how far the errors, or in a convolution their sum, are shifted right for the biases' gradient."""
    return clog2(batch_size * n_positions)


def mean_rate(n: int) -> Rate:
    """``1/n`` of the losses' means."""
    return rate(1.0 / n)


def float32_value(value: Any) -> float:
    """The value of the float32 nearest to ``value``: what Keras holds of a learning rate."""
    return float(np.float32(value))
