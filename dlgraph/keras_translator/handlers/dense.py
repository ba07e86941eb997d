"""The fully connected layer."""
from __future__ import annotations

from dlgraph.graph import Graph, Value
from dlgraph.keras_translator.handlers.base import Use
from dlgraph.keras_translator.handlers.weights import WeightLayerHandler


class DenseHandler(WeightLayerHandler):
    """``keras.layers.Dense`` on flat samples, with or without bias, with its activation."""

    keras_class = "Dense"

    def add(self, use: Use, graph: Graph) -> Value:
        """Add the layer."""
        return graph.dense(use.input, int(use.config["units"]), **self.options(use))
