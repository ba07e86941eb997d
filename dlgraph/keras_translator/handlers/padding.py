"""Zeros around an image."""
from __future__ import annotations

from typing import Any, ClassVar

from dlgraph.graph import Graph, Value
from dlgraph.keras_translator.handlers.base import CHANNELS_LAST, LayerHandler, Use


class ZeroPadding2DHandler(LayerHandler):
    """``keras.layers.ZeroPadding2D``."""

    keras_class = "ZeroPadding2D"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = CHANNELS_LAST

    def add(self, use: Use, graph: Graph) -> Value:
        """Add the layer, unless there is nothing to add."""
        return graph.zero_padding(use.input, use.config["padding"], name=use.name)


class ZeroPadding1DHandler(ZeroPadding2DHandler):
    """``keras.layers.ZeroPadding1D``, on lines."""

    keras_class = "ZeroPadding1D"
