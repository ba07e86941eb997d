"""Layers that apply an activation to the Dense layer before them: Activation, ReLU, Softmax."""
from __future__ import annotations

from typing import Any, ClassVar

from dlgraph.errors import ModelError
from dlgraph.keras_translator.activations import find_activation
from dlgraph.keras_translator.handlers.base import LayerHandler
from dlgraph.keras_translator.stack import Stack
from dlgraph.layer_graph import Activation


def activate(name: str, activation: Activation, stack: Stack) -> None:
    """Fuse an activation with the Dense layer before it.

    :param name: the layer that asks for it
    :raises ModelError: where there is no Dense layer, or it has an activation already
    """
    kind = activation.name.lower()
    if not stack.stages:
        raise ModelError(
            f"Layer {name!r} applies {kind} to the network's input. dlgraph accepts activations behind a Dense "
            f"layer; apply this one to the data instead.")
    stage = stack.stages[-1]
    if stage.activated_by is not None:
        raise ModelError(
            f"Layer {name!r} applies {kind} behind {stage.activation.name.lower()} (of layer "
            f"{stage.activated_by!r}). dlgraph accepts one activation behind each Dense layer; remove one of the two.")
    if activation is Activation.SOFTMAX and len(stack.shape) != 1:
        raise ModelError(
            f"Layer {name!r} applies softmax to samples of shape {stack.shape}. dlgraph accepts softmax over flat "
            f"samples (one axis); put the layer before the Reshape layer.")
    stage.activation = activation
    stage.activated_by = name


class ActivationHandler(LayerHandler):
    """``keras.layers.Activation``."""

    keras_class = "Activation"

    def add(self, name: str, layer: Any, config: dict[str, Any], stack: Stack) -> None:
        """Fuse it, unless it is linear."""
        activation = find_activation(name, layer.activation)
        if activation is not Activation.LINEAR:
            activate(name, activation, stack)


class ReluHandler(LayerHandler):
    """``keras.layers.ReLU`` in its plain form, max(x, 0)."""

    keras_class = "ReLU"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {
        "max_value": (None,), "negative_slope": (0.0, None), "threshold": (0.0, None)}

    def add(self, name: str, layer: Any, config: dict[str, Any], stack: Stack) -> None:
        """Fuse it."""
        activate(name, Activation.RELU, stack)


class SoftmaxHandler(LayerHandler):
    """``keras.layers.Softmax`` over the last axis."""

    keras_class = "Softmax"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {"axis": (-1, 1, [-1], [1])}

    def add(self, name: str, layer: Any, config: dict[str, Any], stack: Stack) -> None:
        """Fuse it."""
        activate(name, Activation.SOFTMAX, stack)
