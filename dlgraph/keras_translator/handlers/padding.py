"""Zeros around an image."""
from __future__ import annotations

from typing import Any, ClassVar

from dlgraph.keras_translator.draft import Draft, Node, Value
from dlgraph.keras_translator.handlers.base import CHANNELS_LAST, LayerHandler, Use
from dlgraph.layer_graph import PaddingLayer
from dlgraph.layers import NO_PADDING, Padding


class ZeroPadding2DHandler(LayerHandler):
    """``keras.layers.ZeroPadding2D``."""

    keras_class = "ZeroPadding2D"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = CHANNELS_LAST

    def add(self, use: Use, draft: Draft) -> Value:
        """Add a node, unless there is nothing to add."""
        padding = self._padding(use.config["padding"])
        if padding == NO_PADDING:
            return use.input
        return draft.add(Node(PaddingLayer(use.name, padding=padding), self.keras_class), use.inputs)

    def _padding(self, given: Any) -> Padding:
        rows, columns = given
        return ((int(rows[0]), int(rows[1])), (int(columns[0]), int(columns[1])))


class ZeroPadding1DHandler(ZeroPadding2DHandler):
    """``keras.layers.ZeroPadding1D``, on images of one column."""

    keras_class = "ZeroPadding1D"

    def _padding(self, given: Any) -> Padding:
        return ((int(given[0]), int(given[1])), (0, 0))
