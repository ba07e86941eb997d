"""A layer kind for tests: sums of windows that overlap and reach over the edge, times a weight, plus a bias, of each channel."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dlgraph.custom import (CHANNELS, ROWS, Back, Clips, CustomWeightLayer, Int32Array, Int64Array, Windows, layer_gradient,
                            layer_kind, layer_round)

SIZE, STRIDE, PADDING = 3, 2, 1


@layer_kind("window_sum.c")
class WindowSumLayer(CustomWeightLayer):
    """Cut by rows and channels only."""

    cuts = (ROWS, CHANNELS)

    @property
    def windows(self) -> Windows:
        return Windows((SIZE, SIZE), (STRIDE, STRIDE), ((PADDING, PADDING), (PADDING, PADDING)))

    def forward(self, x: Int64Array, weights: Int32Array, biases: Int32Array, clips: Clips) -> Int64Array:
        """Biases of fraction 23 are brought to that of the value."""
        sums = layer_round(self.sums(x) * weights.astype(np.int64), 28)
        return clips.to16(sums + layer_round(biases.astype(np.int64), 23 - self.output_fraction))

    def backward(self, x: Int64Array, e: Int64Array, weights: Int32Array, biases: Int32Array, shift: int, clips: Clips) -> Back:
        """Each window's error goes to all of its places."""
        d, back = clips.unit_errors(e), clips.to32(layer_round(e * weights.astype(np.int64), 28))
        errors, padded = np.zeros_like(_padded(x)), _padded(x)
        gradient = np.zeros(weights.shape, np.int64)
        for cell in _cells(e.shape):
            errors[cell] += back
            gradient += layer_gradient(d, padded[cell], shift).sum(axis=(0, 1, 2))
        inside = slice(PADDING, -PADDING)
        return Back(errors[:, inside, inside], gradient, d.sum(axis=(0, 1, 2)))

    def sums(self, x: Any) -> Any:
        """Of the windows."""
        rows, columns, _ = self.shape_from([x.shape[1:]])
        return sum(_padded(x)[cell] for cell in _cells((0, rows, columns)))


def _padded(x: Any) -> Any:
    return np.pad(x, ((0, 0), (PADDING, PADDING), (PADDING, PADDING), (0, 0)))


def _cells(shape: tuple[int, ...]) -> Iterator[Any]:
    """For each place in a window: that place of every window."""
    rows, columns = STRIDE * shape[1], STRIDE * shape[2]
    for r in range(SIZE):
        for c in range(SIZE):
            yield np.s_[:, r:r + rows:STRIDE, c:c + columns:STRIDE]
