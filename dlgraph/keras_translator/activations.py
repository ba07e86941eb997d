"""Which activation a Keras layer's ``activation`` means."""
from __future__ import annotations

from typing import Any

from dlgraph.errors import ModelError
from dlgraph.keras_translator.keras_objects import class_name, is_keras, module_of, one_of
from dlgraph.layer_graph import Activation

ACTIVATIONS = {
    "linear": Activation.LINEAR,
    "relu": Activation.RELU,
    "sigmoid": Activation.SIGMOID,
    "tanh": Activation.TANH,
    "softmax": Activation.SOFTMAX,
}
#: TensorFlow's own functions, which its older tutorials pass instead of Keras'.
TENSORFLOW = {"relu": Activation.RELU, "sigmoid": Activation.SIGMOID, "tanh": Activation.TANH,
              "softmax": Activation.SOFTMAX, "softmax_v2": Activation.SOFTMAX}


def find_activation(layer_name: str, activation: Any) -> Activation:
    """The activation that a Keras or TensorFlow function stands for.

    :param layer_name: for the error
    :param activation: what the Keras layer holds as ``activation``
    :raises ModelError: for any other function or layer
    """
    if activation is None:
        return Activation.LINEAR
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
