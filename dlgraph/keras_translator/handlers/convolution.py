"""Convolutions."""
from __future__ import annotations

from typing import Any, ClassVar

from dlgraph.graph import Graph, Value
from dlgraph.keras_translator.handlers.base import CHANNELS_LAST, Use
from dlgraph.keras_translator.handlers.weights import WeightLayerHandler


class Convolution2DHandler(WeightLayerHandler):
    """``keras.layers.Conv2D``: any kernel, strides and number of channels, valid and same."""

    keras_class = "Conv2D"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {
        **WeightLayerHandler.accepted, **CHANNELS_LAST, "dilation_rate": ((1, 1), [1, 1], (1,), [1], 1), "groups": (1,)}

    def add(self, use: Use, graph: Graph) -> Value:
        """Add the layer."""
        return graph.convolution(use.input, int(use.config["filters"]), use.config["kernel_size"], strides=use.config["strides"],
                                 padding=use.config["padding"], **self.options(use))


class Convolution1DHandler(Convolution2DHandler):
    """``keras.layers.Conv1D``, on lines; padding may be causal too."""

    keras_class = "Conv1D"
