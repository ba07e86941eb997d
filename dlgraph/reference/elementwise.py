"""Layers that take every value by itself: a lone activation, and dropout."""
from __future__ import annotations

from math import prod

import numpy as np

from dlgraph.errors import UnsupportedError
from dlgraph.formats import Int16Array, Int64Array, rate, round_shift, saturate16, saturate32
from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import Activation, ActivationLayer, DropoutLayer
from dlgraph.order import hash_step, hash_words
from dlgraph.reference.backend import Kept, Slopes
from dlgraph.reference.rules import Batch, LayerRule, refuse_softmax, register

_PURPOSE_DROPOUT = 2            # layers' numbers are added: 1 is the order of samples


def dropout(start: int, samples: Int64Array, n_units: int, threshold: int) -> Kept:
    """(batch, n_units): which values are kept.

    :param start: state of the hash after what all values have in common
    :param samples: (batch,)
    """
    of_sample = hash_step(np.array(start, np.uint32), samples.astype(np.uint32))
    kept: Kept = hash_step(of_sample[:, np.newaxis], np.arange(n_units, dtype=np.uint32)) >= threshold
    return kept


@register(ActivationLayer)
class ActivationRule(LayerRule[ActivationLayer]):
    """An activation alone, on 16-bit values."""

    def __init__(self, graph: LayerGraph, number: int) -> None:
        super().__init__(graph, number)
        refuse_softmax(self.layer.name, self.layer.activation)

    def forward(self, batch: Batch, inputs: list[Int16Array]) -> tuple[Int16Array, Slopes]:
        layer = self.layer
        a, clips = saturate32(inputs[0].astype(np.int64) << (23 - layer.input_fraction))
        x, slopes, more = batch.backend.activate(a.astype(np.int32), layer.activation, layer.output_fraction,
                                                 layer.negative_slope)
        self.clipped(batch, clips + more)
        return x, slopes

    def backward(self, batch: Batch, kept: Slopes, e: Int64Array) -> list[Int64Array]:
        if self.layer.activation in (Activation.LINEAR, Activation.RELU):
            return [np.where(kept != 0, e, 0)]
        error, clips = saturate32(round_shift(e * kept.astype(np.int64), 15))
        self.clipped(batch, clips)
        return [error]


@register(DropoutLayer)
class DropoutRule(LayerRule[DropoutLayer]):
    """In training, some values are 0 and the others larger."""

    def __init__(self, graph: LayerGraph, number: int) -> None:
        super().__init__(graph, number)
        if not 0.0 <= self.layer.rate < 1.0:
            raise UnsupportedError(f"layer {self.layer.name!r}: the rate of a dropout must be 0 or more and less than 1, "
                                   f"not {self.layer.rate!r}")
        self._threshold = min(round(self.layer.rate * 2**32), 2**32 - 1)
        self._scale = rate(1.0 / (1.0 - self.layer.rate))

    def forward(self, batch: Batch, inputs: list[Int16Array]) -> tuple[Int16Array, Kept | None]:
        if not batch.training:
            return inputs[0], None
        start = hash_words(batch.seed, batch.epoch, _PURPOSE_DROPOUT + self.number)
        kept = batch.backend.dropout(start, batch.samples, prod(self.shape), self._threshold).reshape(-1, *self.shape)
        x, clips = saturate16(self._scaled(inputs[0].astype(np.int64), kept))
        self.clipped(batch, clips)
        return x.astype(np.int16), kept

    def backward(self, batch: Batch, kept: Kept, e: Int64Array) -> list[Int64Array]:
        error, clips = saturate32(self._scaled(e, kept))
        self.clipped(batch, clips)
        return [error]

    def _scaled(self, values: Int64Array, kept: Kept) -> Int64Array:
        return np.where(kept, round_shift(values * self._scale.mantissa, self._scale.shift), 0)
