"""Layers that only say what shape a sample has: Input, Flatten, Reshape."""
from __future__ import annotations

from math import prod
from typing import Any, ClassVar

from dlgraph.errors import ModelError
from dlgraph.keras_translator.handlers.base import LayerHandler
from dlgraph.keras_translator.stack import Stack


class InputHandler(LayerHandler):
    """``keras.Input``: checked here, its shape is taken from the model."""

    keras_class = "InputLayer"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {"sparse": (False,), "ragged": (False, None)}

    def add(self, name: str, layer: Any, config: dict[str, Any], stack: Stack) -> None:
        """Nothing to add."""


class FlattenHandler(LayerHandler):
    """Keeps the order of values: samples are already stored row by row."""

    keras_class = "Flatten"

    def add(self, name: str, layer: Any, config: dict[str, Any], stack: Stack) -> None:
        """Give the sample one axis."""
        if config.get("data_format") == "channels_first" and len(stack.shape) > 1:
            self._refuse(name, "data_format", "channels_first", "'channels_last'")
        stack.shape = (stack.size,)


class ReshapeHandler(LayerHandler):
    """Keeps the order of values."""

    keras_class = "Reshape"

    def add(self, name: str, layer: Any, config: dict[str, Any], stack: Stack) -> None:
        """Give the sample its new axes, one of which may be -1."""
        target = tuple(int(n) for n in config["target_shape"])
        if -1 in target:
            rest = -prod(target)
            target = tuple(stack.size // max(rest, 1) if n == -1 else n for n in target)
        if prod(target) != stack.size:
            raise ModelError(f"Reshape layer {name!r} asks for the shape {target}, but a sample has {stack.size} "
                             f"values there (shape {stack.shape}).")
        stack.shape = target
