"""Which cores belong on one chip: what stays on a chip loads no link."""
from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

from dlgraph.mapping.cuts import Cut, DenseCut
from dlgraph.mapping.stages import Stage

if TYPE_CHECKING:
    from dlgraph.mapping.plan import Core

#: Application cores that GFE leaves on most chips.
CHIP_CORES = 16


def slices_stand_with_rows(stages: Sequence[Stage], cut: Cut, stage: int) -> bool:
    """Whether a layer's weight slices exchange more packets with the groups of their rows than with those of their columns."""
    dense = cut.stages[stage]
    if not isinstance(dense, DenseCut) or len(dense.rows) == 1 or len(stages[stage].takes[0].parts) > 1:
        return False
    before = stages[stages[stage].takes[0].parts[0].stage]
    if not isinstance(cut.stages[before.number], DenseCut):
        return False
    rows, columns = dense.rows[0].box.channels, dense.columns[0]
    return 1.5 * len(rows) > 2 * len(columns)


def neighbourhoods(stages: Sequence[Stage], cut: Cut, cores: Sequence[Core]) -> list[list[Core]]:
    """Lists of cores that belong on one chip each, neighbours following each other.

    A weight slice exchanges sums and errors with the group of its columns, activations and partial errors with the groups of
    its rows; it stands with those it exchanges more with.  Groups whose units one such block of rows holds stand together.
    Tiles stand with those that follow them in the same band of rows.
    """
    together: dict[tuple[int, int, int], list[Core]] = {}
    for core in sorted(cores, key=_order):
        together.setdefault((core.replica, *_neighbourhood(stages, cut, core)), []).append(core)
    return [together[key] for key in sorted(together)]


def _order(core: Core) -> tuple[int, bool]:
    start = core.columns.start if core.columns is not None else core.box.channels.start
    return start, core.rows is not None


def _neighbourhood(stages: Sequence[Stage], cut: Cut, core: Core) -> tuple[int, int]:
    of_stage = cut.stages[core.stage]
    if not isinstance(of_stage, DenseCut):
        return (core.stage, core.tile // CHIP_CORES)
    assert core.columns is not None
    stage, unit = core.stage, core.columns.start
    if core.rows is not None and slices_stand_with_rows(stages, cut, stage):
        stage, unit = stages[stage].takes[0].parts[0].stage, core.rows.box.channels.start
        of_stage = cut.stages[stage]
        assert isinstance(of_stage, DenseCut)
    blocks = of_stage.groups
    for taker in stages[stage].takers:
        following = cut.stages[taker]
        if isinstance(following, DenseCut) and slices_stand_with_rows(stages, cut, taker):
            blocks = tuple(rows.box.channels for rows in following.rows)
            break
    return (stage, next(i for i, block in enumerate(blocks) if block.start <= unit < block.stop))
