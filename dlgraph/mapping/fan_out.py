"""What the stages that take a value make of it: how often it is sent, and how many partial errors come back."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence

from dlgraph.layer_graph import LayerGraph
from dlgraph.mapping.boxes import Box
from dlgraph.mapping.cuts import DenseCut, StageCut, TileCut
from dlgraph.mapping.intervals import Interval
from dlgraph.mapping.stages import Stage, head_box, input_box


@dataclass(frozen=True)
class Taker:
    """What the cores of a stage that takes a value hold of it.

    :param rows, columns: of the image
    :param n_blocks: cores for each such place: each sends partial errors
    """

    rows: tuple[Interval, ...]
    columns: tuple[Interval, ...]
    n_blocks: int

    def overlaps(self, box: Box) -> int:
        """How many places overlap a box."""
        return (sum(1 for rows in self.rows if rows.overlap(box.rows))
                * sum(1 for columns in self.columns if columns.overlap(box.columns)))


@dataclass(frozen=True)
class FanOut:
    """What the takers of a stage's value make of it.

    :param sent: how often each activation is sent
    :param returned: how many partial errors come back for it
    """

    takers: tuple[Taker, ...]
    sent: float
    returned: float

    def streams(self, box: Box) -> tuple[int, int]:
        """Of activations out of a core with this box, and of partial errors into it."""
        places = [(taker.overlaps(box), taker.n_blocks) for taker in self.takers]
        return sum(n for n, _ in places), sum(n * blocks for n, blocks in places)


def make_fan_out(graph: LayerGraph, stages: Sequence[Stage], stage: Stage, cuts: Mapping[int, StageCut]) -> FanOut:
    """What the takers of a stage's value, cut like this, make of it."""
    takers = []
    sent = returned = 0.0
    height, width, _ = stage.shape
    for number in stage.takers:
        taker, cut = stages[number], cuts[number]
        if isinstance(cut, DenseCut):
            boxes = [block.box for block in cut.rows if taker.takes[0].parts[block.part].stage == stage.number]
            takers.append(Taker(tuple(dict.fromkeys(box.rows for box in boxes)),
                                 tuple(dict.fromkeys(box.columns for box in boxes)), len(cut.columns)))
            sent += 1
            returned += len(cut.columns)
        elif isinstance(cut, TileCut):
            n_blocks = len(cut.channels) if taker.takes_channels else 1
            held = _held(graph, taker, cut, height, width)
            takers.append(Taker(*held, n_blocks))
            share = sum(map(len, held[0])) / height * sum(map(len, held[1])) / width
            sent += share
            returned += share * n_blocks
    return FanOut(tuple(takers), max(sent, 1.0), returned)


def _held(graph: LayerGraph, taker: Stage, cut: TileCut, height: int,
          width: int) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
    """Rows and columns of a value that the tiles of a taker hold."""
    whole = (Interval(0, height), Interval(0, width))
    rows, columns = [], []
    for span in cut.rows:
        box = input_box(graph, taker, head_box(graph, taker, Box(span, cut.columns[0], cut.channels[0])))
        rows.append(box.rows.overlap(whole[0]) or Interval(0, 1))
    for span in cut.columns:
        box = input_box(graph, taker, head_box(graph, taker, Box(cut.rows[0], span, cut.channels[0])))
        columns.append(box.columns.overlap(whole[1]) or Interval(0, 1))
    return tuple(rows), tuple(columns)
