"""Blocks of rows that end where chips end."""
from __future__ import annotations

from dataclasses import replace
from typing import Mapping

from dlgraph.mapping.boxes import Box
from dlgraph.mapping.cuts import DenseCut, RowBlock, StageCut, TileCut, row_blocks
from dlgraph.mapping.intervals import Interval
from dlgraph.mapping.neighbourhoods import CHIP_CORES
from dlgraph.mapping.stages import Stage

MAX_ALIGNED_ROWS = 12            # more blocks of rows cost the groups more sums than they save on links


def aligned(stage: Stage, cuts: Mapping[int, StageCut]) -> StageCut:
    """Rows cut where chips end: a block holds the groups of the layer before that fit one chip with their slices.

    Then activations and partial errors of the block stay on the chip, and only sums and errors of its columns travel.
    Behind tiles they are cut where these end.
    """
    cut = cuts[stage.number]
    parts = stage.takes[0].parts if stage.takes else []
    if not isinstance(cut, DenseCut) or len(cut.rows) == 1:
        return cut
    if any(isinstance(cuts.get(part.stage), TileCut) for part in parts):
        return replace(cut, rows=row_blocks(stage, len(cut.rows), cuts))
    if len(parts) != 1:
        return cut
    before = cuts.get(parts[0].stage)
    if not isinstance(before, DenseCut) or parts[0].shape[:2] != (1, 1):
        return cut
    cores_per_group = 1 + len(before.rows) * -(-len(before.columns) // len(before.groups))
    per_chip = (CHIP_CORES - len(cut.columns)) // cores_per_group
    if per_chip < 1 or len(before.groups) > per_chip * MAX_ALIGNED_ROWS:
        return cut
    starts = range(0, len(before.groups), per_chip)
    rows = tuple(RowBlock(0, Box.vector(Interval(before.groups[i].start,
                                                 before.groups[min(i + per_chip, len(before.groups)) - 1].stop)))
                 for i in starts)
    return replace(cut, rows=rows)
