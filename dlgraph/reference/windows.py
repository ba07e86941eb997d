"""Windows that slide over an image: what convolution and pooling have in common.

Loops go over the cells of the window, not over its positions: under one cell, the image at all positions is a slice.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from dlgraph.formats import Int64Array
from dlgraph.layers import Padding, Shape


class Cell(NamedTuple):
    """One cell of a window, and where it lies in the image.

    :param row, column: in the window
    :param outside: positions (batch, rows, columns) at which the cell is in the image
    :param inside: what of the image (batch, rows, columns) it falls on there
    """

    row: int
    column: int
    outside: tuple[slice, slice, slice]
    inside: tuple[slice, slice, slice]


@dataclass(frozen=True)
class Windows:
    """All positions of a window over an image.

    :param image: shape of the image
    :param size: of the window: rows, columns
    :param strides: rows, columns
    :param padding: cells around the image on which a window may lie
    :param positions: rows, columns
    """

    image: Shape
    size: tuple[int, int]
    strides: tuple[int, int]
    padding: Padding
    positions: tuple[int, int]

    @cached_property
    def cells(self) -> list[Cell]:
        """The window's cells in row-major order, without those that are never in the image."""
        every = slice(None)
        rows = [self._along(0, row) for row in range(self.size[0])]
        columns = [self._along(1, column) for column in range(self.size[1])]
        return [Cell(row, column, (every, down[0], across[0]), (every, down[1], across[1]))
                for row, down in enumerate(rows) if down
                for column, across in enumerate(columns) if across]

    def _along(self, axis: int, cell: int) -> tuple[slice, slice] | None:
        """Positions at which a row (or column) of the window is in the image, and which of the image's they are."""
        stride, start = self.strides[axis], cell - self.padding[axis][0]
        first = max(0, -(start // stride))
        last = min(self.positions[axis] - 1, (self.image[axis] - 1 - start) // stride)
        if last < first:
            return None
        return slice(first, last + 1), slice(start + first * stride, start + last * stride + 1, stride)

    @cached_property
    def counts(self) -> Int64Array:
        """(rows, columns, 1): cells of each window that are in the image."""
        counts = np.zeros((1, *self.positions, 1), np.int64)
        for cell in self.cells:
            counts[cell.outside] += 1
        return counts[0]
