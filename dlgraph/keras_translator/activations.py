"""Which activation a Keras layer's ``activation`` means."""
from __future__ import annotations

from typing import Any

from dlgraph.errors import ModelError
from dlgraph.graph.activations import ACTIVATIONS, LINEAR, Applied, with_slope
from dlgraph.graph.checks import one_of
from dlgraph.keras_translator.keras_objects import class_name, is_keras, module_of

#: TensorFlow's own functions, which its older tutorials pass instead of Keras'.
TENSORFLOW = {name: ACTIVATIONS[name] for name in ("relu", "leaky_relu", "sigmoid", "tanh", "softmax")}
TENSORFLOW["softmax_v2"] = ACTIVATIONS["softmax"]


def find_activation(layer_name: str, activation: Any) -> Applied:
    """The activation that a Keras or TensorFlow function stands for.

    :param layer_name: for the error
    :param activation: what the Keras layer holds as ``activation``
    :raises ModelError: for any other function or layer
    """
    if activation is None:
        return LINEAR
    name = class_name(activation)
    if callable(activation) and not isinstance(activation, type) and hasattr(activation, "__name__"):
        if is_keras(activation) and name in ACTIVATIONS:
            return ACTIVATIONS[name]
        if module_of(activation).startswith("tensorflow.") and name in TENSORFLOW:
            return TENSORFLOW[name]
    origin = "" if is_keras(activation) else f" of {module_of(activation)[:-1]}"
    raise ModelError(
        f"Layer {layer_name!r} has the activation {name!r}{origin}, which dlgraph cannot train. "
        f"It knows Keras' own {one_of(ACTIVATIONS)}; use one of these, by name.")


def leaky(layer_name: str, slope: float) -> Applied:
    """A ReLU that multiplies what is negative by ``slope``.

    :raises ModelError: for a slope outside 0 .. 2
    """
    applied = with_slope(slope)
    if applied is None:
        raise ModelError(f"Layer {layer_name!r} has negative_slope={slope:g}, which dlgraph does not support. It accepts "
                         f"slopes from 0 to below 2; build the layer with one of these.")
    return applied
