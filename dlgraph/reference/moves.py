"""Layers that only move values."""
from __future__ import annotations

import numpy as np

from dlgraph.formats import Int16Array, Int64Array
from dlgraph.layers import PaddingLayer, ReshapeLayer
from dlgraph.reference.rules import Batch, LayerRule, register


@register(PaddingLayer)
class PaddingRule(LayerRule[PaddingLayer]):
    """Zeros around an image."""

    def forward(self, batch: Batch, inputs: list[Int16Array]) -> tuple[Int16Array, None]:
        return np.pad(inputs[0], ((0, 0), *self.layer.padding, (0, 0))), None

    def backward(self, batch: Batch, kept: None, e: Int64Array) -> list[Int64Array]:
        (top, _), (left, _) = self.layer.padding
        height, width, _ = self.in_shapes[0]
        return [e[:, top:top + height, left:left + width]]


@register(ReshapeLayer)
class ReshapeRule(LayerRule[ReshapeLayer]):
    """The same values in another shape."""

    def forward(self, batch: Batch, inputs: list[Int16Array]) -> tuple[Int16Array, None]:
        return inputs[0].reshape(-1, *self.shape), None

    def backward(self, batch: Batch, kept: None, e: Int64Array) -> list[Int64Array]:
        return [e.reshape(-1, *self.in_shapes[0])]
