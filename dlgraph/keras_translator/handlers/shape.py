"""Layers that only say what shape a sample has: Input, Flatten, Reshape."""
from __future__ import annotations

from typing import Any, ClassVar

from dlgraph.graph import Graph, Value
from dlgraph.keras_translator.handlers.base import LayerHandler, Use


class InputHandler(LayerHandler):
    """``keras.Input``: checked here, its shape is taken from the model."""

    keras_class = "InputLayer"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {"sparse": (False,), "ragged": (False, None)}

    def add(self, use: Use, graph: Graph) -> Value:
        """Nothing to add."""
        return use.input


class FlattenHandler(LayerHandler):
    """``keras.layers.Flatten``."""

    keras_class = "Flatten"

    def add(self, use: Use, graph: Graph) -> Value:
        """Give the sample one axis."""
        if use.config.get("data_format") == "channels_first" and len(use.input.shape) > 1:
            self._refuse(use.name, "data_format", "channels_first", "'channels_last'")
        return graph.flatten(use.input, name=use.name)


class ReshapeHandler(LayerHandler):
    """``keras.layers.Reshape``."""

    keras_class = "Reshape"

    def add(self, use: Use, graph: Graph) -> Value:
        """Give the sample its new axes, one of which may be -1."""
        return graph.reshape(use.input, tuple(use.config["target_shape"]), name=use.name)
