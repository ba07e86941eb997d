"""Outputs, losses and accuracy of the output layer, as ``docs/arithmetic.rst`` defines them.

``a``, ``p`` and ``d`` have shape (batch, n_outputs).
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dlgraph.errors import UnsupportedError
from dlgraph.formats import INT32_MAX, Int64Array, mean_rate, round_shift, saturate32, target_fraction
from dlgraph.layer_graph import Activation, Int32Array, LayerGraph, Loss, Metric
from dlgraph.reference.functions import (
    ONE,
    bit_length,
    exp_neg,
    ln_big,
    recip,
    sigma,
    sigmoid_slope,
    tanh,
    tanh_slope,
)

SampleWeights = npt.NDArray[np.uint32]       #: fraction 30
CATEGORICAL = (Loss.SPARSE_CATEGORICAL_CROSSENTROPY, Loss.CATEGORICAL_CROSSENTROPY)
_BOUNDED = (Activation.SOFTMAX, Activation.SIGMOID, Activation.TANH)


@dataclass(frozen=True)
class OutputRule:
    """What the output layer computes: the part of a layer graph that losses depend on."""

    activation: Activation
    loss: Loss
    from_logits: bool
    metric: Metric

    @classmethod
    def of(cls, graph: LayerGraph) -> OutputRule:
        """The rule of a graph; an error where the arithmetic has none."""
        rule = cls(graph.output_layer.activation, graph.loss, graph.from_logits, graph.metric)
        rule.check()
        return rule

    def check(self) -> None:
        """Raise :class:`~dlgraph.errors.UnsupportedError` for pairs that the arithmetic does not define."""
        if self.loss is Loss.MEAN_SQUARED_ERROR:
            supported = not self.from_logits and self.activation is not Activation.LEAKY_RELU
        else:
            own = Activation.SOFTMAX if self.loss in CATEGORICAL else Activation.SIGMOID
            supported = self.activation is (Activation.LINEAR if self.from_logits else own)
        if not supported:
            logits = " from logits" if self.from_logits else ""
            raise UnsupportedError(f"an output layer with {self.activation.name.lower()} activation and loss "
                                   f"{self.loss.name.lower()}{logits} is not supported")

    @property
    def output_fraction(self) -> int:
        """Fraction bits of the outputs that ``predict`` returns."""
        return 28 if self.activation in _BOUNDED else 23


@dataclass
class OutputResult:
    """What the output layer gives for a batch.

    :param outputs: int32 ``p``, as ``predict`` returns it
    :param errors: int32 ``d``, s3.28, or None where not asked for
    :param loss_sum: fraction 23, weighted where there are weights
    :param clips: numbers clipped
    """

    outputs: Int32Array
    errors: Int32Array | None = None
    loss_sum: int = 0
    n_correct: int = 0
    clips: int = 0


def evaluate(rule: OutputRule, a: Int32Array, labels: Int32Array | None, targets: Int32Array | None,
             want_errors: bool, weights: SampleWeights | None = None) -> OutputResult:
    """Outputs of a batch; with labels or targets also loss and accuracy; errors where asked for.

    :param a: pre-activations, s8.23
    :param labels: (batch,) class numbers or None
    :param targets: (batch, n_outputs) or None
    :param weights: (batch,), fraction 30, or None
    """
    wide = a.astype(np.int64)
    bounded, softmax_sum = _probabilities(rule.activation, wide)
    linear = np.maximum(wide, 0) if rule.activation is Activation.RELU else wide
    outputs = linear if bounded is None else bounded
    result = OutputResult(outputs.astype(np.int32))
    if labels is None and targets is None:
        return result

    if targets is None:
        assert labels is not None
        wanted = np.zeros_like(wide)
        wanted[np.arange(len(wide)), labels] = 1 << 28
    else:
        wanted = targets.astype(np.int64)
    if rule.loss in CATEGORICAL:
        errors, losses = _categorical(wide, bounded, softmax_sum, wanted)
    elif rule.loss is Loss.BINARY_CROSSENTROPY:
        errors, losses = _binary(wide, bounded, wanted)
    else:
        errors, losses, result.clips = _squared(rule.activation, wide, outputs, wanted, want_errors)
    if weights is not None:
        errors, losses = _weigh(weights.astype(np.int64), errors, losses)
    if want_errors:
        result.errors = errors.astype(np.int32)
    result.loss_sum = int(losses.sum())
    result.n_correct = _correct(rule, wide, outputs, wanted)
    return result


def _probabilities(activation: Activation, a: Int64Array) -> tuple[Int64Array | None, Int64Array | None]:
    """p of fraction 28 for the bounded activations, else None; and the softmax's sum."""
    if activation is Activation.SOFTMAX:
        return softmax(a)
    if activation is Activation.SIGMOID:
        return round_shift(sigma(a), 3), None
    if activation is Activation.TANH:
        return round_shift(tanh(a), 3), None
    return None, None


def _below_maximum(a: Int64Array) -> Int64Array:
    return np.minimum(a.max(axis=1, keepdims=True) - a, INT32_MAX)


def softmax(a: Int64Array) -> tuple[Int64Array, Int64Array]:
    """(p of fraction 28; S of fraction 31, (batch, 1))."""
    exponentials = exp_neg(_below_maximum(a))
    total = exponentials.sum(axis=1, keepdims=True)
    k = bit_length(total) - 31
    x = recip(total >> k)
    return np.minimum((exponentials * x) >> (33 + k), 1 << 28), total


def _mean(v: Int64Array) -> tuple[Int64Array, int]:
    """``mean`` of the arithmetic, over the outputs."""
    rate = mean_rate(v.shape[1])
    clipped, clips = saturate32(v)
    result, more = saturate32(round_shift(clipped * rate.mantissa, rate.shift))
    return result, clips + more


def _categorical(a: Int64Array, p: Int64Array | None, total: Int64Array | None,
                 y: Int64Array) -> tuple[Int64Array, Int64Array]:
    if p is None or total is None:
        p, total = softmax(a)
    losses = (y * (ln_big(total) + _below_maximum(a))).sum(axis=1) >> 28
    return p - y, losses


def _binary(a: Int64Array, p: Int64Array | None, y: Int64Array) -> tuple[Int64Array, Int64Array]:
    if p is None:
        p = round_shift(sigma(a), 3)
    losses = np.maximum(a, 0) - ((a * y) >> 28) + ln_big(ONE + exp_neg(np.minimum(np.abs(a), INT32_MAX)))
    return _mean(p - y)[0], losses.sum(axis=1)


def _squared(activation: Activation, a: Int64Array, p: Int64Array, y: Int64Array,
             want_errors: bool) -> tuple[Int64Array, Int64Array, int]:
    bounded = activation in _BOUNDED
    u, clips = saturate32((round_shift(p, 5) if bounded else p) - y)
    losses = ((u * u) >> 23).sum(axis=1)
    if not want_errors:
        return u, losses, clips

    v, more = saturate32((p if bounded else p << 5) - (y << 5))
    clips += more
    g, more = _mean(2 * v)
    clips += more
    if activation is Activation.LINEAR:
        d = g
    elif activation is Activation.RELU:
        d = np.where(a > 0, g, 0)
    elif activation is Activation.SIGMOID:
        d = round_shift(g * sigmoid_slope(sigma(a)), 15)
    elif activation is Activation.TANH:
        d = round_shift(g * tanh_slope(tanh(a)), 15)
    else:
        common = ((g * p) >> 28).sum(axis=1, keepdims=True)
        d, more = saturate32(round_shift((g - common) * p, 28))
        clips += more
    return d, losses, clips


def _weigh(w: Int64Array, errors: Int64Array, losses: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Errors and losses times the weights, fraction 30; a loss in two halves, as the whole may need more than 64 bits."""
    weighted = (losses >> 32) * (4 * w) + (((losses & 0xffffffff) * w) >> 30)
    return round_shift(errors * w[:, np.newaxis], 30), weighted


def _correct(rule: OutputRule, a: Int64Array, p: Int64Array, y: Int64Array) -> int:
    if rule.metric is Metric.NONE:
        return 0
    if rule.metric is Metric.BINARY_ACCURACY:
        if rule.activation is Activation.SIGMOID or rule.from_logits:
            positive = a > 0
        else:
            positive = p > 1 << (rule.output_fraction - 1)
        wanted = y > 1 << (target_fraction(rule.loss) - 1)
        return int(np.count_nonzero(positive == wanted))
    return int(np.count_nonzero(a.argmax(axis=1) == y.argmax(axis=1)))
