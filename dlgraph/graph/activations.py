"""Activations as a graph's layers are given them."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlgraph.errors import ModelError
from dlgraph.graph.checks import one_of
from dlgraph.layers import Activation


@dataclass(frozen=True)
class Applied:
    """An activation with its number.

    :param negative_slope: of a leaky ReLU, fraction 15
    """

    kind: Activation
    negative_slope: int = 0


#: Of a leaky ReLU where none is given, as in Keras.
DEFAULT_SLOPE = 0.2
#: Slopes end before 2: with 15 fraction bits they are unsigned 16-bit numbers.
SLOPES = 1 << 16

LINEAR = Applied(Activation.LINEAR)
RELU = Applied(Activation.RELU)
#: By the names that users give.
ACTIVATIONS = {
    "linear": LINEAR,
    "relu": RELU,
    "leaky_relu": Applied(Activation.LEAKY_RELU, round(DEFAULT_SLOPE * 2**15)),
    "sigmoid": Applied(Activation.SIGMOID),
    "tanh": Applied(Activation.TANH),
    "softmax": Applied(Activation.SOFTMAX),
}


def with_slope(slope: float) -> Applied | None:
    """A ReLU that multiplies what is negative by ``slope``; None for a slope that the format does not hold."""
    fixed = round(slope * 2**15) if 0 <= slope < 2 else -1
    if not 0 <= fixed < SLOPES:
        return None
    return Applied(Activation.LEAKY_RELU, fixed) if fixed else RELU


def leaky_relu(negative_slope: float = DEFAULT_SLOPE) -> Applied:
    """A ReLU that multiplies what is negative by a slope, as the ``activation`` of a layer.

    :param negative_slope: from 0 to below 2, kept with 15 fraction bits
    :raises ModelError: for other slopes
    """
    number = isinstance(negative_slope, (int, float)) and not isinstance(negative_slope, bool)
    found = with_slope(negative_slope) if number else None
    if found is None:
        raise ModelError(f"leaky_relu was given the slope {negative_slope!r}. dlgraph accepts numbers from 0 to below 2.")
    return found


def activation_named(layer: str, given: Any) -> Applied:
    """What a layer's ``activation`` stands for.

    :param layer: its name
    :param given: a name of :data:`ACTIVATIONS`, or what :func:`leaky_relu` returns
    :raises ModelError: for anything else
    """
    if isinstance(given, Applied):
        return given
    if isinstance(given, Activation):
        given = given.name.lower()
    if not isinstance(given, str) or given not in ACTIVATIONS:
        raise ModelError(f"Layer {layer!r} was given activation={given!r}, which dlgraph does not know. It accepts "
                         f"{one_of(ACTIVATIONS)}, and dlgraph.graph.leaky_relu(slope).")
    return ACTIVATIONS[given]
