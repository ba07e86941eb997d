"""How stages are cut into cores."""
from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Mapping, Sequence

from dlgraph.custom_layer import CHANNELS, COLUMNS, ROWS
from dlgraph.errors import UnsupportedError
from dlgraph.layers import Shape
from dlgraph.mapping.boxes import Box
from dlgraph.mapping.intervals import Interval, split_evenly
from dlgraph.mapping.stages import Stage, StageKind

#: Boundaries of units lie at multiples of this: the kernels work on 8 columns at a time, and activations go in pairs.
CUT_MULTIPLE = 8
#: Of a convolution's channels: its kernels work on 4 at a time.
CHANNEL_MULTIPLE = 4


@dataclass(frozen=True)
class RowBlock:
    """What a weight slice takes: a box of one stage's value.

    :param part: which part of the value that the layer takes
    """

    part: int
    box: Box


class _HashedOnce:
    """Hundreds of intervals make a cut, and choosing one looks cuts up a million times."""

    def hash_once(self, *parts: object) -> int:
        found: int | None = self.__dict__.get("_hash")
        if found is None:
            found = hash(parts)
            object.__setattr__(self, "_hash", found)         # frozen dataclasses
        return found


@dataclass(frozen=True)
class SourceCut(_HashedOnce):
    """The network's input: a box for every input source."""

    boxes: tuple[Box, ...]

    def __hash__(self) -> int:
        return self.hash_once(self.boxes)


@dataclass(frozen=True)
class DenseCut(_HashedOnce):
    """A dense layer.

    :param rows: blocks of what comes in
    :param columns: blocks of units of the weight slices
    :param groups: blocks of units of the groups
    :param in_sdram: whether the weights stay in SDRAM, where the slices' DTCM does not hold them
    """

    rows: tuple[RowBlock, ...]
    columns: tuple[Interval, ...]
    groups: tuple[Interval, ...]
    in_sdram: bool = False

    def __hash__(self) -> int:
        return self.hash_once(self.rows, self.columns, self.groups, self.in_sdram)

    @property
    def n_cores(self) -> int:
        """Weight slices and groups."""
        return len(self.rows) * len(self.columns) + len(self.groups)


@dataclass(frozen=True)
class TileCut(_HashedOnce):
    """A convolution or a stage of units: tiles of the image that goes out, and blocks of its channels."""

    rows: tuple[Interval, ...]
    columns: tuple[Interval, ...]
    channels: tuple[Interval, ...]

    def __hash__(self) -> int:
        return self.hash_once(self.rows, self.columns, self.channels)

    @property
    def boxes(self) -> list[Box]:
        """The tiles of the first block of channels, then those of the second, ..."""
        return [Box(rows, columns, channels)
                for channels, rows, columns in product(self.channels, self.rows, self.columns)]

    @property
    def n_tiles(self) -> int:
        """Of each block of channels."""
        return len(self.rows) * len(self.columns)

    @property
    def n_cores(self) -> int:
        """Tiles."""
        return self.n_tiles * len(self.channels)


StageCut = SourceCut | DenseCut | TileCut


@dataclass(frozen=True)
class Cut:
    """How the whole network is cut.

    :param stages: one for each stage
    :param window: samples in flight between a producer and the return of its errors, in a replica
    :param replicas: of the stages that are not shared, which take the samples of a batch in turn
    :param shared: numbers of the stages of which there is one for all replicas; the input is always shared
    :param shared_window: samples in flight in these; 0: as ``window``
    """

    stages: tuple[StageCut, ...]
    window: int
    replicas: int = 1
    shared: frozenset[int] = frozenset()
    shared_window: int = 0

    @property
    def n_cores(self) -> int:
        """Cores of all stages and replicas, input sources among them."""
        return sum(len(cut.boxes) if isinstance(cut, SourceCut) else cut.n_cores * self.replicas_of(number)
                   for number, cut in enumerate(self.stages))

    def replicas_of(self, stage: int) -> int:
        """How many there are of a stage."""
        return 1 if stage == 0 or stage in self.shared else self.replicas

    def window_of(self, stage: int) -> int:
        """Samples in flight at a stage's cores."""
        return self.shared_window or self.window if stage in self.shared else self.window


def stages_to_share(stages: Sequence[Stage]) -> frozenset[int]:
    """The dense stages and what follows them, if replicas of all else can share these: what takes values of replicas must be
    dense then, and the input goes to replicas alone.  Empty if not.
    """
    shared: set[int] = set()
    for stage in stages[1:]:
        taken = {part.stage for view in stage.takes for part in view.parts}
        if stage.kind is StageKind.DENSE or taken & shared:
            shared.add(stage.number)
            if not taken <= shared and (stage.kind is not StageKind.DENSE or 0 in taken):
                return frozenset()
    return frozenset(shared) if len(shared) < len(stages) - 1 else frozenset()


def split_image(shape: Shape, n_blocks: int, channel_blocks: Sequence[Interval] = ()) -> list[Box]:
    """About ``n_blocks`` boxes that cover an image: bands of rows, cut into columns where there are too few rows.

    A vector is cut into blocks of its units.

    :param channel_blocks: of the tiles that make the image: each box has channels of one, or of several whole ones
    """
    height, width, channels = shape
    if height == width == 1:
        return [Box.vector(units) for units in split_evenly(channels, n_blocks, CUT_MULTIPLE)]
    bounds = split_evenly(len(channel_blocks), n_blocks, 1) if channel_blocks else []
    blocks = [Interval(channel_blocks[b.start].start, channel_blocks[b.stop - 1].stop) for b in bounds] or [Interval(0, channels)]
    n_of_each = -(-n_blocks // len(blocks))
    rows = split_evenly(height, n_of_each, 1)
    columns = split_evenly(width, max(1, n_of_each // len(rows)), 2 if channels == 1 else 1)
    return [Box(r, c, block) for block in blocks for r in rows for c in columns]


def cut_source(stage: Stage, n_sources: int) -> SourceCut:
    """The network's input, in at most so many sources."""
    return SourceCut(tuple(split_image(stage.shape, n_sources)))


def cut_dense(stage: Stage, n_rows: int, n_columns: int, n_groups: int, in_sdram: bool = False,
              before: Mapping[int, StageCut] | None = None) -> DenseCut:
    """A dense layer in so many blocks of rows and columns; groups are unions of neighbouring column blocks where there are fewer
    groups, else they cut them.

    :param before: how the stages are cut whose values it takes, as far as it is known; see :func:`row_blocks`
    """
    rows = row_blocks(stage, n_rows, before or {})
    columns = tuple(split_evenly(stage.shape[2], n_columns, CUT_MULTIPLE))
    if n_groups > len(columns):
        groups = tuple(split_evenly(stage.shape[2], n_groups, CUT_MULTIPLE))
    else:
        bounds = split_evenly(len(columns), n_groups, 1)
        groups = tuple(Interval(columns[b.start].start, columns[b.stop - 1].stop) for b in bounds)
    return DenseCut(rows, columns, groups, in_sdram)


def row_blocks(stage: Stage, n_rows: int, before: Mapping[int, StageCut]) -> tuple[RowBlock, ...]:
    """About so many blocks of what a dense layer takes.

    Of several parts that come in each gets its share of the blocks, at least one.  Where tiles with some of the channels make a
    part, a block takes channels of as few of them as it can: fewer streams.
    """
    parts = stage.takes[0].parts
    n_inputs = prod(stage.takes[0].shape)
    rows: list[RowBlock] = []
    for number, part in enumerate(parts):
        share = max(1, round(n_rows * prod(part.shape) / n_inputs)) if len(parts) > 1 else n_rows
        cut = before.get(part.stage)
        channel_blocks = cut.channels if isinstance(cut, TileCut) else ()
        rows += [RowBlock(number, box) for box in split_image(part.shape, share, channel_blocks)]
    return tuple(rows)


def cut_tiles(stage: Stage, n_rows: int, n_columns: int, n_channels: int) -> TileCut:
    """A convolution, a stage of units or one of a kind from outside in at most so many tiles down and across, and blocks of
    channels; where the kind does not let itself be cut, in one.
    """
    height, width, channels = stage.shape
    n_rows, n_columns, n_channels = (n if axis in stage.cuts else 1
                                     for n, axis in zip((n_rows, n_columns, n_channels), (ROWS, COLUMNS, CHANNELS)))
    if stage.kind in (StageKind.UNITS, StageKind.CUSTOM):
        multiple = 2 if height * width > 1 else CUT_MULTIPLE
    else:
        multiple = CHANNEL_MULTIPLE
    one_channel = channels == 1 or any(view.shape[2] == 1 for view in stage.takes)
    return TileCut(tuple(split_evenly(height, n_rows, 1)), tuple(split_evenly(width, n_columns, 2 if one_channel else 1)),
                   tuple(split_evenly(channels, n_channels, multiple)))


#: Last of a dense layer's blocks in a cut given by hand: its weights stay in SDRAM.
IN_SDRAM = "sdram"
Blocks = tuple[int | str, ...]


def explicit_cut(stages: Sequence[Stage], blocks: Mapping[str, Blocks], n_sources: int, window: int,
                 replicas: int = 1, share_dense: bool = False, shared_window: int = 0) -> Cut:
    """A cut given by hand, layer name -> blocks: of a dense layer (rows, columns[, groups][, "sdram"]), of others (tiles down,
    tiles across, channels); stages that are not named stay whole.

    :param share_dense: whether replicas share the dense layers, as :func:`stages_to_share` says

    :raises UnsupportedError: for a name that no stage has, or another number of blocks
    """
    known = {stage.name for stage in stages[1:]}
    for name in blocks:
        if name not in known:
            raise UnsupportedError(f"cuts names {name!r}, which is no layer with cores of its own. These have: "
                                   f"{', '.join(map(repr, sorted(known)))}.")
    cuts: list[StageCut] = [cut_source(stages[0], n_sources)]
    for stage in stages[1:]:
        cuts.append(_given_cut(stage, blocks.get(stage.name, (1, 1, 1)), dict(enumerate(cuts))))
    shared = stages_to_share(stages) if share_dense else frozenset()
    if share_dense and not shared:
        raise UnsupportedError("share_dense: replicas share the dense layers only where these follow convolutions or tiles of "
                               "units, and nothing else takes up what replicas made. Leave it out, or give replicas=1.")
    cut = Cut(tuple(cuts), window, replicas, shared, shared_window)
    if replicas > 1 and any(isinstance(each, DenseCut) and each.in_sdram for each in cuts):
        raise UnsupportedError("Weights in SDRAM are updated where they are: a network with such layers has one replica. Leave "
                               f"{IN_SDRAM!r} out of cuts, or give replicas=1.")
    return cut


def _given_cut(stage: Stage, given: Blocks, before: Mapping[int, StageCut]) -> StageCut:
    in_sdram = stage.kind is StageKind.DENSE and given[-1:] == (IN_SDRAM,)
    numbers = [n for n in given[:len(given) - in_sdram] if isinstance(n, int) and n >= 1]
    if not 2 <= len(numbers) == len(given) - in_sdram <= 3:
        raise UnsupportedError(f"cuts gives {given!r} for {stage.name!r}. A dense layer takes (row blocks, column blocks[, "
                               f"groups][, {IN_SDRAM!r}]), other layers (tiles down, tiles across, channel blocks), all at "
                               f"least 1.")
    if stage.kind is StageKind.DENSE:
        n_groups = numbers[2] if len(numbers) == 3 else (1 if stage.is_output else numbers[1])
        return cut_dense(stage, numbers[0], numbers[1], n_groups, in_sdram, before)
    for n, axis in zip(numbers, (ROWS, COLUMNS, CHANNELS)):
        if n > 1 and axis not in stage.cuts:
            raise UnsupportedError(f"cuts gives {given!r} for {stage.name!r}, whose kind cannot be cut by {axis}. Give 1 there.")
    return cut_tiles(stage, numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else 1)
