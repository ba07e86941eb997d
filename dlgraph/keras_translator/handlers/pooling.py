"""Pooling: the mean or the largest of each window, or of the whole image."""
from __future__ import annotations

from typing import Any, ClassVar

from dlgraph.graph import Graph, Value
from dlgraph.keras_translator.handlers.base import CHANNELS_LAST, LayerHandler, Use
from dlgraph.layer_graph import Pooling


class PoolingHandler(LayerHandler):
    """Pooling over windows."""

    kind: ClassVar[Pooling]
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = CHANNELS_LAST

    def add(self, use: Use, graph: Graph) -> Value:
        """Add the layer."""
        return graph.pooling(use.input, self.kind, use.config["pool_size"], strides=use.config["strides"],
                             padding=use.config["padding"], name=use.name)


class AveragePooling2DHandler(PoolingHandler):
    """``keras.layers.AveragePooling2D``."""

    keras_class = "AveragePooling2D"
    kind = Pooling.AVERAGE


class AveragePooling1DHandler(PoolingHandler):
    """``keras.layers.AveragePooling1D``, on images of one column."""

    keras_class = "AveragePooling1D"
    kind = Pooling.AVERAGE


class MaxPooling2DHandler(PoolingHandler):
    """``keras.layers.MaxPooling2D``."""

    keras_class = "MaxPooling2D"
    kind = Pooling.MAXIMUM


class MaxPooling1DHandler(PoolingHandler):
    """``keras.layers.MaxPooling1D``, on images of one column."""

    keras_class = "MaxPooling1D"
    kind = Pooling.MAXIMUM


class GlobalPoolingHandler(LayerHandler):
    """Pooling of the whole image: one window."""

    kind: ClassVar[Pooling]
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = CHANNELS_LAST

    def add(self, use: Use, graph: Graph) -> Value:
        """Add the layer."""
        flat = graph.pooling(use.input, self.kind, name=use.name)
        kept = (1,) * (len(use.input.shape) - 1) if use.config.get("keepdims") else ()
        return graph.reshape(flat, (*kept, *flat.shape))


class GlobalAveragePooling2DHandler(GlobalPoolingHandler):
    """``keras.layers.GlobalAveragePooling2D``."""

    keras_class = "GlobalAveragePooling2D"
    kind = Pooling.AVERAGE


class GlobalAveragePooling1DHandler(GlobalPoolingHandler):
    """``keras.layers.GlobalAveragePooling1D``."""

    keras_class = "GlobalAveragePooling1D"
    kind = Pooling.AVERAGE


class GlobalMaxPooling2DHandler(GlobalPoolingHandler):
    """``keras.layers.GlobalMaxPooling2D``."""

    keras_class = "GlobalMaxPooling2D"
    kind = Pooling.MAXIMUM


class GlobalMaxPooling1DHandler(GlobalPoolingHandler):
    """``keras.layers.GlobalMaxPooling1D``."""

    keras_class = "GlobalMaxPooling1D"
    kind = Pooling.MAXIMUM
