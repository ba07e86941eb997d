"""Pooling: the mean or the largest of each window, or of the whole image."""
from __future__ import annotations

from typing import Any, ClassVar

from dlgraph.keras_translator.draft import Draft, Node, Value, image_shape
from dlgraph.keras_translator.handlers.base import CHANNELS_LAST, LayerHandler, Use
from dlgraph.keras_translator.handlers.windows import explicit_padding, rows_and_columns
from dlgraph.layer_graph import Pooling, PoolingLayer


class PoolingHandler(LayerHandler):
    """Pooling over windows."""

    kind: ClassVar[Pooling]
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = CHANNELS_LAST

    def add(self, use: Use, draft: Draft) -> Value:
        """Add a node."""
        size = rows_and_columns(use.config["pool_size"], 1)
        strides = rows_and_columns(use.config["strides"] or size, 1)
        padding = explicit_padding(use.config["padding"], image_shape(use.input.shape), size, strides)
        layer = PoolingLayer(use.name, kind=self.kind, size=size, strides=strides, padding=padding)
        return draft.add(Node(layer, self.keras_class), use.inputs)


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

    def add(self, use: Use, draft: Draft) -> Value:
        """Add a node."""
        height, width, channels = image_shape(use.input.shape)
        layer = PoolingLayer(use.name, kind=self.kind, size=(height, width), strides=(height, width))
        kept = (1,) * (len(use.input.shape) - 1) if use.config.get("keepdims") else ()
        return draft.add(Node(layer, self.keras_class), use.inputs, (*kept, channels))


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
