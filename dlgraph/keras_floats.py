"""What Keras computes in every layer, in floating point: what a trace is compared with."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dlgraph.comparison import KerasFloats
from dlgraph.custom_layer import CustomLayer
from dlgraph.data_encoding import Data
from dlgraph.formats import SAMPLE_WEIGHT_FRACTION
from dlgraph.keras_translator.wiring import Call, layer_calls
from dlgraph.layers import INPUT, Activation, DropoutLayer, Layer, WeightLayer

Array = npt.NDArray[Any]

#: The Keras backend whose gradients are known here.
GRADIENT_BACKEND = "tensorflow"


def keras_backend() -> str:
    """The name of the backend of the Keras that is there."""
    import keras                                  # there is a model, so this is imported already

    return str(keras.backend.backend())


class Node(Protocol):
    """A layer as translated."""

    @property
    def layer(self) -> Layer:
        """Its ``name`` is that of the Keras layer that it was made of."""

    @property
    def activated_by(self) -> str | None:
        """Name of the Keras layer that gave the activation, or None where there is none."""


def floats_beside(model: Any, nodes: Sequence[Node], input_shape: tuple[int, ...],
                  data: Data) -> tuple[KerasFloats | None, tuple[str, ...]]:
    """What Keras has to compare a trace of these samples with, and why there is less than there could be.

    :param model: the Keras model of the network, or None
    :param nodes: of the translated model
    :param input_shape: of one sample as Keras has it
    """
    if model is None:
        return None, ("Keras is left out: there is no Keras model.",)
    if data.y is not None and any(isinstance(layer, DropoutLayer) and layer.rate for layer in (node.layer for node in nodes)):
        return None, ("Keras is left out: its dropout would drop others. Compare without y for what it has without dropout.",)
    notes: tuple[str, ...] = ()
    if data.y is not None and keras_backend() != GRADIENT_BACKEND:
        notes = (f"Of Keras only activations are known: its backend is {keras_backend()}, not {GRADIENT_BACKEND}.",)
    weights = None if data.weights is None else data.weights * (2.0**-SAMPLE_WEIGHT_FRACTION * data.weight_unit)
    x = np.asarray(data.x, np.float32).reshape(-1, *input_shape)
    return keras_floats(model, nodes, x, data.y, weights), notes


def keras_floats(model: Any, nodes: Sequence[Node], x: Array, y: Array | None = None,
                 sample_weight: Array | None = None) -> list[dict[str, Array]]:
    """The quantities of a trace as Keras has them, outside training: dropout does nothing.

    :param nodes: of the translated model
    :param x: samples, in the shape of the model's input
    :param y: labels or targets; None, or where the backend is not :data:`GRADIENT_BACKEND`: neither errors nor gradients
    :return: of the network's input and of every node: name of the quantity -> floats, the samples' first
    """
    with_gradients = y is not None and keras_backend() == GRADIENT_BACKEND
    calls, output = layer_calls(model)
    with _tape(with_gradients) as tape:
        values = _values(calls, x)
        loss = None
        if with_gradients:
            loss = model.compute_loss(x=values[INPUT], y=y, y_pred=values[output], sample_weight=sample_weight)
    number_of = {call.name: number for number, call in enumerate(calls)}
    found: list[dict[str, Array]] = [{"activations": np.asarray(x)}]
    for node in nodes:
        value = values[number_of[node.activated_by or node.layer.name]]
        of_node = {"activations": np.asarray(value)}
        found.append(of_node)
        if tape is not None:
            # Keras' loss is the samples' mean
            _keep(of_node, "errors", tape.gradient(loss, value), len(x))
            if isinstance(node.layer, WeightLayer):
                if isinstance(node.layer, CustomLayer):
                    pass                                           # its errors never are of pre-activations
                elif "errors" in of_node:
                    of_node["unit_errors"] = _unit_errors(node.layer, of_node["activations"], of_node["errors"])
                elif hasattr(value, "_keras_logits"):          # the cross-entropies of Keras look behind softmax and sigmoid
                    _keep(of_node, "unit_errors", tape.gradient(loss, value._keras_logits), len(x))
                kernel, *bias = calls[number_of[node.layer.name]].layer.weights
                _keep(of_node, "weight_gradient", tape.gradient(loss, kernel), 1)
                if bias:
                    _keep(of_node, "bias_gradient", tape.gradient(loss, bias[0]), 1)
    return found


def _unit_errors(layer: WeightLayer, x: Array, e: Array) -> Array:
    """Errors of the pre-activations, by the derivative of the layer's activation.

    :param x: the layer's value, behind the activation
    :param e: its errors
    """
    slope = layer.negative_slope / 2.0**15
    by_kind: dict[Activation, Callable[[], Array]] = {
        Activation.LINEAR: lambda: e,
        Activation.RELU: lambda: np.where(x > 0, e, 0),
        Activation.LEAKY_RELU: lambda: np.where(x > 0, e, slope * e),
        Activation.SIGMOID: lambda: e * x * (1 - x),
        Activation.TANH: lambda: e * (1 - x * x),
        Activation.SOFTMAX: lambda: x * (e - np.sum(e * x, axis=-1, keepdims=True)),
    }
    return by_kind[layer.activation]()


def _values(calls: list[Call], x: Array) -> dict[int, Any]:
    """What every layer gives, by number of its call."""
    import keras

    values: dict[int, Any] = {INPUT: keras.ops.convert_to_tensor(x, "float32")}
    for number, call in enumerate(calls):
        inputs = [values[i] for i in call.inputs]
        layer: Callable[[Any], Any] = call.layer
        if type(call.layer).__name__ == "InputLayer":
            values[number] = inputs[0]
        else:
            values[number] = layer(inputs if len(inputs) > 1 else inputs[0])
    return values


def _tape(wanted: bool) -> Any:
    if not wanted:
        return nullcontext()
    import tensorflow as tf

    return tf.GradientTape(persistent=True)


def _keep(found: dict[str, Array], name: str, gradient: Any, factor: int) -> None:
    """Unless the loss does not depend on it."""
    if gradient is not None:
        found[name] = np.asarray(gradient) * factor
