"""Layers in which values meet: Add, Concatenate."""
from __future__ import annotations

from typing import Any

from dlgraph.graph import Graph, Value
from dlgraph.keras_translator.handlers.base import LayerHandler, Use


class AddHandler(LayerHandler):
    """``keras.layers.Add`` of values of one shape."""

    keras_class = "Add"

    def add(self, use: Use, graph: Graph) -> Value:
        """Add the layer, unless there is but one value."""
        return graph.add(use.inputs, name=use.name)


class ConcatenateHandler(LayerHandler):
    """``keras.layers.Concatenate`` along the last axis."""

    keras_class = "Concatenate"

    def add(self, use: Use, graph: Graph) -> Value:
        """Add the layer, unless there is but one value."""
        n_axes = len(use.input.shape)
        axis: Any = use.config.get("axis", -1)
        if axis not in (-1, n_axes):
            self._refuse(use.name, "axis", axis, f"-1 or {n_axes}, the last axis,")
        return graph.concatenate(use.inputs, name=use.name)
