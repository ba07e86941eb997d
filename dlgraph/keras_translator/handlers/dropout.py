"""Dropout."""
from __future__ import annotations

from typing import Any, ClassVar

from dlgraph.graph import Graph, Value
from dlgraph.keras_translator.handlers.base import LayerHandler, Use


class DropoutHandler(LayerHandler):
    """``keras.layers.Dropout``.  Which values are dropped follows from the network's seed, not from the layer's."""

    keras_class = "Dropout"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {"noise_shape": (None,)}

    def add(self, use: Use, graph: Graph) -> Value:
        """Add the layer, unless nothing is dropped."""
        return graph.dropout(use.input, float(use.config["rate"]), name=use.name)
