"""The fully connected layer."""
from __future__ import annotations

from dlgraph.errors import ModelError
from dlgraph.keras_translator.draft import Draft, Value, no_weights
from dlgraph.keras_translator.handlers.base import Use
from dlgraph.keras_translator.handlers.weights import WeightLayerHandler
from dlgraph.layer_graph import Activation, DenseLayer


class DenseHandler(WeightLayerHandler):
    """``keras.layers.Dense`` on flat samples, with or without bias, with its activation."""

    keras_class = "Dense"

    def add(self, use: Use, draft: Draft) -> Value:
        """Add a node."""
        if len(use.input.shape) != 1:
            raise ModelError(
                f"Dense layer {use.name!r} gets samples of shape {use.input.shape}. dlgraph accepts Dense layers on flat "
                f"samples (one axis); put a Flatten layer before it.")
        units = int(use.config["units"])
        return self._add(use, draft, DenseLayer(use.name, no_weights(use.input.shape[0], units), no_weights(units),
                                                bool(use.config["use_bias"]), Activation.LINEAR))
