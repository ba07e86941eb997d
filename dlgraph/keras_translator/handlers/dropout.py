"""Dropout."""
from __future__ import annotations

from typing import Any, ClassVar

from dlgraph.keras_translator.draft import Draft, Node, Value
from dlgraph.keras_translator.handlers.base import LayerHandler, Use
from dlgraph.layer_graph import DropoutLayer

#: Beyond it, the values kept would be multiplied by more than the arithmetic holds.
LARGEST_RATE = 0.999


class DropoutHandler(LayerHandler):
    """``keras.layers.Dropout``.  Which values are dropped follows from the network's seed, not from the layer's."""

    keras_class = "Dropout"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {"noise_shape": (None,)}

    def add(self, use: Use, draft: Draft) -> Value:
        """Add a node, unless nothing is dropped."""
        rate = float(use.config["rate"])
        if rate > LARGEST_RATE:
            self._refuse(use.name, "rate", rate, f"0 to {LARGEST_RATE}")
        if rate == 0.0:
            return use.input
        return draft.add(Node(DropoutLayer(use.name, rate=rate), self.keras_class), use.inputs)
