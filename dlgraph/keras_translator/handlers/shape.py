"""Layers that only say what shape a sample has: Input, Flatten, Reshape."""
from __future__ import annotations

from math import prod
from typing import Any, ClassVar

from dlgraph.errors import ModelError
from dlgraph.keras_translator.draft import Draft, Node, Value, image_shape
from dlgraph.keras_translator.handlers.base import LayerHandler, Use
from dlgraph.layer_graph import ReshapeLayer


class InputHandler(LayerHandler):
    """``keras.Input``: checked here, its shape is taken from the model."""

    keras_class = "InputLayer"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {"sparse": (False,), "ragged": (False, None)}

    def add(self, use: Use, draft: Draft) -> Value:
        """Nothing to add."""
        return use.input


class ReshapingHandler(LayerHandler):
    """Keeps the order of values."""

    def _reshape(self, use: Use, draft: Draft, shape: tuple[int, ...]) -> Value:
        """Add a node, unless the image stays the same."""
        image = image_shape(shape)
        if image == image_shape(use.input.shape):
            return Value(use.input.node, shape)
        return draft.add(Node(ReshapeLayer(use.name, shape=image), self.keras_class), use.inputs, shape)


class FlattenHandler(ReshapingHandler):
    """``keras.layers.Flatten``."""

    keras_class = "Flatten"

    def add(self, use: Use, draft: Draft) -> Value:
        """Give the sample one axis."""
        if use.config.get("data_format") == "channels_first" and len(use.input.shape) > 1:
            self._refuse(use.name, "data_format", "channels_first", "'channels_last'")
        return self._reshape(use, draft, (prod(use.input.shape),))


class ReshapeHandler(ReshapingHandler):
    """``keras.layers.Reshape``."""

    keras_class = "Reshape"

    def add(self, use: Use, draft: Draft) -> Value:
        """Give the sample its new axes, one of which may be -1."""
        size = prod(use.input.shape)
        target = tuple(int(n) for n in use.config["target_shape"])
        if -1 in target:
            rest = -prod(target)
            target = tuple(size // max(rest, 1) if n == -1 else n for n in target)
        if prod(target) != size:
            raise ModelError(f"Reshape layer {use.name!r} asks for the shape {target}, but a sample has {size} "
                             f"values there (shape {use.input.shape}).")
        return self._reshape(use, draft, target)
