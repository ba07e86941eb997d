"""Layers in which values meet: Add, Concatenate."""
from __future__ import annotations

from typing import Any

from dlgraph.errors import ModelError
from dlgraph.keras_translator.draft import Draft, Node, Value
from dlgraph.keras_translator.handlers.base import LayerHandler, Use
from dlgraph.layer_graph import AddLayer, ConcatenateLayer


class AddHandler(LayerHandler):
    """``keras.layers.Add`` of values of one shape."""

    keras_class = "Add"

    def add(self, use: Use, draft: Draft) -> Value:
        """Add a node, unless there is but one value."""
        shapes = [value.shape for value in use.inputs]
        if len(set(shapes)) > 1:
            raise ModelError(f"Add layer {use.name!r} gets samples of the shapes {' and '.join(map(str, shapes))}. dlgraph "
                             f"accepts samples of one shape; bring them to one, such as with a convolution or Reshape.")
        if len(use.inputs) == 1:
            return use.input
        return draft.add(Node(AddLayer(use.name), self.keras_class), use.inputs)


class ConcatenateHandler(LayerHandler):
    """``keras.layers.Concatenate`` along the last axis."""

    keras_class = "Concatenate"

    def add(self, use: Use, draft: Draft) -> Value:
        """Add a node, unless there is but one value."""
        n_axes = len(use.input.shape)
        axis: Any = use.config.get("axis", -1)
        if axis not in (-1, n_axes):
            self._refuse(use.name, "axis", axis, f"-1 or {n_axes}, the last axis,")
        if len(use.inputs) == 1:
            return use.input
        shape = (*use.input.shape[:-1], sum(value.shape[-1] for value in use.inputs))
        return draft.add(Node(ConcatenateLayer(use.name), self.keras_class), use.inputs, shape)
