"""Layers in which values meet."""
from __future__ import annotations

import numpy as np

from dlgraph.formats import Int16Array, Int64Array, saturate16
from dlgraph.layers import AddLayer, ConcatenateLayer
from dlgraph.reference.rules import Batch, LayerRule, register


@register(AddLayer)
class AddRule(LayerRule[AddLayer]):
    """Values added up."""

    def forward(self, batch: Batch, inputs: list[Int16Array]) -> tuple[Int16Array, None]:
        total, clips = saturate16(np.sum(inputs, axis=0, dtype=np.int64))
        self.clipped(batch, clips)
        return total.astype(np.int16), None

    def backward(self, batch: Batch, kept: None, e: Int64Array) -> list[Int64Array]:
        return [e] * len(self.in_shapes)


@register(ConcatenateLayer)
class ConcatenateRule(LayerRule[ConcatenateLayer]):
    """Channels after channels."""

    def forward(self, batch: Batch, inputs: list[Int16Array]) -> tuple[Int16Array, None]:
        return np.concatenate(inputs, axis=3), None

    def backward(self, batch: Batch, kept: None, e: Int64Array) -> list[Int64Array]:
        ends = np.cumsum([shape[2] for shape in self.in_shapes])
        return np.split(e, ends[:-1], axis=3)
