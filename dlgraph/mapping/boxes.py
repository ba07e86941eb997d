"""Rectangles of images, and how they lie in a core's memory.

A core holds part of a layer's value as an array of *elements*: row after row, pixel after pixel, channel after channel.
16-bit activations and 32-bit errors use the same order; activations travel in pairs, so everything that is cut
begins at an even element.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dlgraph.layers import Shape
from dlgraph.mapping.intervals import Interval


def even(n: int) -> int:
    """``n``, or the even number after it."""
    return n + (n & 1)


@dataclass(frozen=True, order=True)
class Box:
    """Rows x columns x channels of an image."""

    rows: Interval
    columns: Interval
    channels: Interval

    @classmethod
    def whole(cls, shape: Shape) -> Box:
        """All of an image."""
        return cls(*(Interval(0, n) for n in shape))

    @classmethod
    def vector(cls, units: Interval) -> Box:
        """Part of a vector: one pixel."""
        return cls(Interval(0, 1), Interval(0, 1), units)

    @property
    def shape(self) -> Shape:
        """(rows, columns, channels)."""
        return (len(self.rows), len(self.columns), len(self.channels))

    def overlap(self, other: Box) -> Box | None:
        """What both hold, or None."""
        rows = self.rows.overlap(other.rows)
        columns = self.columns.overlap(other.columns)
        channels = self.channels.overlap(other.channels)
        return Box(rows, columns, channels) if rows and columns and channels else None

    def __str__(self) -> str:
        if len(self.rows) == len(self.columns) == 1 and self.rows.start == self.columns.start == 0:
            return f"units {self.channels.start}..{self.channels.stop - 1}"
        return (f"rows {self.rows.start}..{self.rows.stop - 1}, columns {self.columns.start}..{self.columns.stop - 1}, "
                f"channels {self.channels.start}..{self.channels.stop - 1}")


@dataclass(frozen=True)
class Block:
    """Where some elements lie in an array: runs of neighbours at two strides.

    :param first: the first element
    :param run: elements in a run
    """

    first: int
    run: int
    n_runs: int = 1
    run_stride: int = 0
    n_outer: int = 1
    outer_stride: int = 0

    @property
    def n_elements(self) -> int:
        """Values in it."""
        return self.run * self.n_runs * self.n_outer

    @property
    def extent(self) -> int:
        """From the first element to behind the last."""
        return (self.n_outer - 1) * self.outer_stride + (self.n_runs - 1) * self.run_stride + self.run

    def halved(self) -> Block:
        """In words of two elements."""
        return Block(self.first // 2, self.run // 2, self.n_runs, self.run_stride // 2, self.n_outer, self.outer_stride // 2)


@dataclass(frozen=True)
class Layout:
    """How a core holds a box of a value.

    :param box: what it holds
    :param pitch: elements per pixel: 1 where the value is an image of one channel, else even
    :param width: pixels per row: even where the pitch is 1
    :param first_channel: element of a pixel at which the box's channels begin
    """

    box: Box
    pitch: int
    width: int
    first_channel: int = 0

    @classmethod
    def of(cls, box: Box, packed: bool) -> Layout:
        """:param packed: whether pixels, of one channel, lie side by side"""
        if packed:
            return cls(box, 1, even(len(box.columns)))
        return cls(box, even(len(box.channels)), len(box.columns))

    @property
    def rows(self) -> int:
        """Rows of the image that it has."""
        return len(self.box.rows)

    @property
    def n_elements(self) -> int:
        """Places, those that only fill up among them."""
        return self.rows * self.width * self.pitch

    def block(self, part: Box) -> Block:
        """Where a part of the box lies; what fills up pairs is counted with it."""
        row, column = part.rows.start - self.box.rows.start, part.columns.start - self.box.columns.start
        channel = part.channels.start - self.box.channels.start + self.first_channel
        first = (row * self.width + column) * self.pitch + channel
        if self.pitch == 1:
            return Block(first, even(len(part.columns)), 1, 0, len(part.rows), self.width)
        return Block(first, even(len(part.channels)), len(part.columns), self.pitch, len(part.rows), self.width * self.pitch)


def flat_index(box: Box, shape: Shape) -> npt.NDArray[np.int64]:
    """The flat positions, in an image of this shape, of a box's values in their order."""
    rows, columns, channels = (np.arange(span.start, span.stop) for span in (box.rows, box.columns, box.channels))
    return ((rows[:, None, None] * shape[1] + columns[:, None]) * shape[2] + channels).reshape(-1)


def matched(source: Block, target: Block) -> tuple[Block, Block]:
    """The same two blocks, of as many elements, in as few and long runs as both allow."""
    run, n_runs, n_outer = source.run, source.n_runs, source.n_outer
    assert (run, n_runs, n_outer) == (target.run, target.n_runs, target.n_outer)
    strides = [(source.run_stride, source.outer_stride), (target.run_stride, target.outer_stride)]
    if n_runs == 1 or all(inner == run for inner, _ in strides):
        run, n_runs = run * n_runs, 1
        if n_outer == 1 or all(outer == run for _, outer in strides):
            run, n_outer = run * n_outer, 1
        else:                                   # two strides are left: the outer one becomes the inner
            n_runs, n_outer = n_outer, 1
            strides = [(outer, 0) for _, outer in strides]
    return tuple(Block(block.first, run, n_runs, inner if n_runs > 1 else 0, n_outer, outer if n_outer > 1 else 0)
                 for block, (inner, outer) in zip((source, target), strides))       # type: ignore[return-value]


def compact(block: Block, first: int) -> Block:
    """As many elements in the same runs, without anything between them."""
    return Block(first, block.run, block.n_runs, block.run, block.n_outer, block.run * block.n_runs)
