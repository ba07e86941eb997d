"""Activations as layers: Activation, ReLU, LeakyReLU, Softmax."""
from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from dlgraph.errors import ModelError
from dlgraph.graph import Applied, Graph, Value
from dlgraph.graph.activations import ACTIVATIONS
from dlgraph.keras_translator.activations import find_activation, leaky
from dlgraph.keras_translator.handlers.base import LayerHandler, Use, find_handler


class ActivationLayerHandler(LayerHandler):
    """An activation by itself; where it can, the graph makes it part of the layer before it."""

    @abstractmethod
    def applied(self, name: str, layer: Any, config: dict[str, Any]) -> Applied:
        """Which activation.

        :raises ModelError: for one that dlgraph does not know
        """

    def add(self, use: Use, graph: Graph) -> Value:
        """Add the layer, unless it is linear."""
        return graph.activation(use.input, self.applied(use.name, use.layer, use.config), name=use.name)


def activation_of(name: str, given: Any) -> Applied:
    """The activation that a layer's ``activation`` stands for, be it a function or a layer.

    :param name: of the layer that has it
    :raises ModelError: for one that dlgraph does not know
    """
    if not (hasattr(given, "get_config") and hasattr(given, "dtype_policy")):
        return find_activation(name, given)
    handler = find_handler(name, given)
    if not isinstance(handler, ActivationLayerHandler):
        raise ModelError(f"Layer {name!r} has a {handler.keras_class} layer as its activation. dlgraph accepts an "
                         f"activation there; put the {handler.keras_class} layer behind the layer instead.")
    config = given.get_config()
    handler.check(name, given, config)
    return handler.applied(name, given, config)


class ActivationHandler(ActivationLayerHandler):
    """``keras.layers.Activation``."""

    keras_class = "Activation"

    def applied(self, name: str, layer: Any, config: dict[str, Any]) -> Applied:
        """The function's, or that of the layer given as one."""
        return activation_of(name, layer.activation)


class ReluHandler(ActivationLayerHandler):
    """``keras.layers.ReLU``, with or without a slope."""

    keras_class = "ReLU"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {"max_value": (None,), "threshold": (0.0, None)}

    def applied(self, name: str, layer: Any, config: dict[str, Any]) -> Applied:
        """max(x, 0), or leaky."""
        return leaky(name, float(config.get("negative_slope") or 0.0))


class LeakyReluHandler(ActivationLayerHandler):
    """``keras.layers.LeakyReLU``; Keras 3 takes its slope as ``negative_slope`` or ``alpha`` and keeps the former."""

    keras_class = "LeakyReLU"

    def applied(self, name: str, layer: Any, config: dict[str, Any]) -> Applied:
        """Leaky."""
        slope: Any = config["negative_slope"] if "negative_slope" in config else config["alpha"]
        return leaky(name, float(slope))


class SoftmaxHandler(ActivationLayerHandler):
    """``keras.layers.Softmax`` over the last axis."""

    keras_class = "Softmax"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {"axis": (-1, 1, [-1], [1])}

    def applied(self, name: str, layer: Any, config: dict[str, Any]) -> Applied:
        """Softmax."""
        return ACTIVATIONS["softmax"]
