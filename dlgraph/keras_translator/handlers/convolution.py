"""Convolutions."""
from __future__ import annotations

from typing import Any, ClassVar

from dlgraph.keras_translator.draft import Draft, Value, image_shape, no_weights
from dlgraph.keras_translator.handlers.base import CHANNELS_LAST, Use
from dlgraph.keras_translator.handlers.weights import WeightLayerHandler
from dlgraph.keras_translator.handlers.windows import explicit_padding, rows_and_columns
from dlgraph.layer_graph import Activation, ConvolutionLayer


class Convolution2DHandler(WeightLayerHandler):
    """``keras.layers.Conv2D``: any kernel, strides and number of channels, valid and same."""

    keras_class = "Conv2D"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {
        **WeightLayerHandler.accepted, **CHANNELS_LAST, "dilation_rate": ((1, 1), [1, 1], (1,), [1], 1), "groups": (1,)}

    def add(self, use: Use, draft: Draft) -> Value:
        """Add a node."""
        image = image_shape(use.input.shape)
        size = rows_and_columns(use.config["kernel_size"], 1)
        strides = rows_and_columns(use.config["strides"], 1)
        units = int(use.config["filters"])
        return self._add(use, draft, ConvolutionLayer(
            use.name, no_weights(*size, image[2], units), no_weights(units), bool(use.config["use_bias"]),
            Activation.LINEAR, strides=strides, padding=explicit_padding(use.config["padding"], image, size, strides)))


class Convolution1DHandler(Convolution2DHandler):
    """``keras.layers.Conv1D``, on images of one column; padding may be causal too."""

    keras_class = "Conv1D"
