"""Pooling in NumPy: forward and backward side by side.

Images are (batch, height, width, channels); windows have the parts of :class:`~dlgraph.reference.windows.Windows` and
take what lies in the image.
"""
from __future__ import annotations

import numpy as np

from dlgraph.formats import Int16Array, Int64Array, rate, round_shift, saturate16
from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import Pooling, PoolingLayer
from dlgraph.reference.backend import Winners
from dlgraph.reference.rules import Batch, LayerRule, register
from dlgraph.reference.windows import Windows


def _share(sums: Int64Array, windows: Windows) -> Int64Array:
    """``round(v * m, e)`` of each window, by the rate of 1 / number of its cells.

    :param sums: (batch, rows, columns, channels), |v| < 2**32
    """
    shares = np.empty_like(sums)
    for count in np.unique(windows.counts):
        part = rate(1.0 / float(count))
        where = windows.counts[:, :, 0] == count
        shares[:, where] = round_shift(sums[:, where] * part.mantissa, part.shift)
    return shares


def average(x: Int16Array, windows: Windows) -> tuple[Int16Array, int]:
    """Means, and the number of clips."""
    sums = np.zeros((len(x), *windows.positions, x.shape[3]), np.int64)
    for cell in windows.cells:
        sums[cell.outside] += x[cell.inside]
    means, clips = saturate16(_share(sums, windows))
    return means.astype(np.int16), clips


def average_backward(e: Int64Array, windows: Windows) -> Int64Array:
    """Errors of the image: of every window that holds a cell, its share."""
    shares = _share(e, windows)
    sums = np.zeros((len(e), *windows.image), np.int64)
    for cell in windows.cells:
        sums[cell.inside] += shares[cell.outside]
    return sums


def maximum(x: Int16Array, windows: Windows) -> tuple[Int16Array, Winners]:
    """The largest of each window, and which cell it is (row-major; the first of equals)."""
    largest = np.full((len(x), *windows.positions, x.shape[3]), -2**31, np.int32)
    winners = np.zeros(largest.shape, np.int32)
    for cell in windows.cells:
        under = x[cell.inside]
        larger = under > largest[cell.outside]
        largest[cell.outside][larger] = under[larger]
        winners[cell.outside][larger] = cell.row * windows.size[1] + cell.column
    return largest.astype(np.int16), winners


def maximum_backward(e: Int64Array, winners: Winners, windows: Windows) -> Int64Array:
    """Errors of the image: of every window, all to its largest."""
    sums = np.zeros((len(e), *windows.image), np.int64)
    for cell in windows.cells:
        won = winners[cell.outside] == cell.row * windows.size[1] + cell.column
        sums[cell.inside] += np.where(won, e[cell.outside], 0)
    return sums


@register(PoolingLayer)
class PoolingRule(LayerRule[PoolingLayer]):
    """A layer that takes the mean or the largest of each window."""

    def __init__(self, graph: LayerGraph, number: int) -> None:
        super().__init__(graph, number)
        layer = self.layer
        self._windows = Windows(self.in_shapes[0], layer.size, layer.strides, layer.padding, self.shape[:2])

    def forward(self, batch: Batch, inputs: list[Int16Array]) -> tuple[Int16Array, Winners | None]:
        if self.layer.kind is Pooling.MAXIMUM:
            return batch.backend.maximum(inputs[0], self._windows)
        means, clips = batch.backend.average(inputs[0], self._windows)
        self.clipped(batch, clips)
        return means, None

    def backward(self, batch: Batch, kept: Winners | None, e: Int64Array) -> list[Int64Array]:
        if kept is None:
            return [batch.backend.average_backward(e, self._windows)]
        return [batch.backend.maximum_backward(e, kept, self._windows)]
