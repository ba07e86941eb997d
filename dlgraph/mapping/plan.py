"""The plan: which cores there are, what each holds, and the streams between them.

A dense layer becomes a grid of weight slices (row blocks x column blocks) and the groups of its units; a convolution, or a
stage of units, becomes tiles.  Streams are the overlaps of what a producer holds and what its consumers need, so that any
cut of one layer fits any cut of the next:

* activations: input source, neuron group or tile -> every weight slice or tile that needs them
* sums: weight slice -> the group that holds its columns
* errors: group -> every weight slice of the column block (all row blocks)
* partial errors: weight slice or tile -> the groups or tiles before it that hold what it took
* done: in place of partial errors to tiles whose values depend on no weights: markers alone
* credit: weight slices and tiles that take the network's input -> the input sources
* gradients, weights: between the tiles that share kernels, at the end of a batch
"""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import ConvolutionLayer
from dlgraph.mapping.boxes import Block, Box, Layout, compact, even, matched
from dlgraph.mapping.cuts import CUT_MULTIPLE, Cut, DenseCut, RowBlock, SourceCut, TileCut
from dlgraph.mapping.intervals import Interval, split_evenly
from dlgraph.mapping.neighbourhoods import neighbourhoods
from dlgraph.mapping.stages import Stage, StageKind, head_box, input_box, taken_positions

#: A key is stream number | slot | index (c_models/streams/stream_layout.h); index all ones is the marker.
INDEX_BITS = 12
SLOT_BITS = 4
#: Words of a stream per sample: what the index and the marker's count allow.
MAX_WORDS = (1 << INDEX_BITS) - 1
#: Of kernels, exchanged at a time: what is on its way at once needs 16 bytes for each.
SEGMENT_WORDS = 512
#: Twice the window must not exceed the slots.
MAX_WINDOW = 1 << (SLOT_BITS - 1)


class CoreKind(Enum):
    INPUT_SOURCE = "input source"
    WEIGHT_SLICE = "weight slice"
    NEURON_GROUP = "neuron group"
    OUTPUT_GROUP = "output group"
    CONVOLUTION_TILE = "convolution tile"
    UNIT_TILE = "unit tile"


class StreamKind(Enum):
    ACTIVATIONS = "activations"
    SUMS = "sums"
    ERRORS = "errors"
    PARTIAL_ERRORS = "partial errors"
    DONE = "done"
    CREDIT = "credit"
    GRADIENTS = "gradients"
    WEIGHTS = "weights"


#: Streams between tiles, once in a segment of a batch's end; the next cannot come before the one before it is used, so they
#: have one slot.
EXCHANGED = (StreamKind.GRADIENTS, StreamKind.WEIGHTS)


@dataclass(frozen=True)
class Input:
    """What a core holds of one part of a value that it takes.

    :param inlet: where its activations come in
    :param stage: that makes it
    :param layout: how it lies there, in that stage's channels
    :param runs: of a tile of units: (element there, element of the tile's image, number) of neighbours that go together
    """

    inlet: int
    stage: int
    layout: Layout
    runs: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True)
class Plane:
    """Partial errors of one stream, in the inlet of who adds them up.

    :param first: word of the inlet
    :param block: the elements that they belong to
    """

    first: int
    block: Block


@dataclass(eq=False)
class Core:
    """One machine vertex of the network.

    :param stage: number of its stage
    :param layout: how the box of the stage's value lies that it makes (not of weight slices)
    :param head: what it computes of the layer's own value, before the operations (tiles)
    :param rows: what a weight slice takes
    :param columns: units of a weight slice or a group
    :param inputs: what it takes of other stages (weight slices and tiles)
    :param planes: of the partial errors that come back
    :param tile: number of a tile among those with the same channels
    :param exchange: of a convolution's tile with these
    :param in_sdram: whether a weight slice's weights stay in SDRAM
    :param inlet_slots: samples that an inlet holds; 0: as many as there are slots
    """

    kind: CoreKind
    stage: int
    label: str
    layout: Layout | None = None
    head: Box | None = None
    rows: RowBlock | None = None
    columns: Interval | None = None
    inputs: list[Input] = field(default_factory=list)
    planes: list[Plane] = field(default_factory=list)
    tile: int = 0
    exchange: Exchange | None = None
    in_sdram: bool = False
    streams_out: list[Stream] = field(default_factory=list)
    streams_in: list[StreamEnd] = field(default_factory=list)
    inlet_words: list[int] = field(default_factory=list)
    inlet_slots: list[int] = field(default_factory=list)

    @property
    def box(self) -> Box:
        assert self.layout is not None
        return self.layout.box


@dataclass(eq=False)
class Stream:
    """What one producer multicasts, one vector per sample.

    :param vector: which of its vectors the producer sends (the C program's ``vectors_sent``)
    :param source: the words in that vector
    :param index: the same words by their index in the stream; begins at 0
    :param partition: identifier of the outgoing partition, unique at the producer
    """

    kind: StreamKind
    producer: Core
    vector: int
    source: Block
    index: Block
    partition: str
    consumers: list[Core] = field(default_factory=list)

    @property
    def n_words(self) -> int:
        """Words per sample; 0 where markers say everything."""
        return self.source.n_elements

    @property
    def extent(self) -> int:
        """One past the largest index; 0 for credit, which needs no slots."""
        return self.index.extent


@dataclass(eq=False)
class StreamEnd:
    """Where a stream ends in a consumer: its inlet (the C program's ``inlets``) and first word there."""

    stream: Stream
    inlet: int
    first: int


@dataclass
class Plan:
    """Cores and streams of a network, ready to become machine vertices and edges.

    :param cores: those that exchange most stand together
    :param neighbourhoods: the same, those that belong on one chip as a list
    :param n_slots: slots of every stream
    """

    graph: LayerGraph
    stages: list[Stage]
    cut: Cut
    cores: list[Core]
    neighbourhoods: list[list[Core]]
    streams: list[Stream]
    window: int
    n_slots: int

    def with_window(self, window: int) -> Plan:
        """The same cores and streams with another window."""
        return replace(self, cut=replace(self.cut, window=window), window=window, n_slots=slots_of(window))

    def cores_of(self, stage: int, kind: CoreKind) -> list[Core]:
        return [core for core in self.cores if core.stage == stage and core.kind is kind]


# Inlets and vectors as the C programs number them (c_models/layers/*.c).
SLICE_ACTIVATIONS, SLICE_ERRORS = 0, 1
SLICE_SUMS_OUT, SLICE_PARTIAL_ERRORS_OUT, SLICE_CREDIT_OUT = 0, 1, 2
GROUP_SUMS, GROUP_PARTIAL_ERRORS = 0, 1
GROUP_ACTIVATIONS_OUT, GROUP_ERRORS_OUT = 0, 1
OUTPUT_ERRORS_OUT = 0
SOURCE_CREDITS = 0
SOURCE_ACTIVATIONS_OUT = 0
TILE_PARTIAL_ERRORS, TILE_GRADIENTS, TILE_WEIGHTS, TILE_ACTIVATIONS = 0, 1, 2, 3
TILE_ACTIVATIONS_OUT, TILE_CREDIT_OUT, TILE_GRADIENTS_OUT, TILE_WEIGHTS_OUT, TILE_PARTIAL_ERRORS_OUT = 0, 1, 2, 3, 4
CREDIT_OUT = {CoreKind.WEIGHT_SLICE: SLICE_CREDIT_OUT, CoreKind.CONVOLUTION_TILE: TILE_CREDIT_OUT,
              CoreKind.UNIT_TILE: TILE_CREDIT_OUT}

_NOTHING = Block(0, 0)


def padded(n: int) -> int:
    """Columns of a weight slice in memory: to a multiple of 8."""
    return -(-n // CUT_MULTIPLE) * CUT_MULTIPLE


def padded_channels(n: int) -> int:
    """Channels of a convolution's sums and kernels in memory: to a multiple of 4."""
    return -(-n // 4) * 4


def slots_of(window: int) -> int:
    """Slots per stream: a power of two, at least twice the window."""
    return 1 << (2 * window - 1).bit_length()


def pairs(n: int) -> int:
    """32-bit words that hold ``n`` 16-bit activations."""
    return (n + 1) // 2


def make_plan(graph: LayerGraph, stages: Sequence[Stage], cut: Cut) -> Plan:
    """Lay out cores and streams.

    :raises ValueError: if the cut does not fit the stages
    """
    if not 1 <= cut.window <= MAX_WINDOW:
        raise ValueError(f"a window of {cut.window} samples is not in 1 .. {MAX_WINDOW}")
    return _Planner(graph, stages, cut).plan()


def convolution_inputs(graph: LayerGraph, stages: Sequence[Stage], stage: Stage, needed: Box) -> list[Input]:
    """What a tile that computes ``needed`` of a convolution's own value holds of what it takes."""
    box = input_box(graph, stage, needed)
    parts = stage.takes[0].parts
    packed = stages[parts[0].stage].packed
    pitch = 1 if packed else sum(even(part.shape[2]) for part in parts)
    width = even(len(box.columns)) if packed else len(box.columns)
    found = []
    first = 0
    for part in parts:
        whole = Box(box.rows, box.columns, Interval(0, part.shape[2]))
        found.append(Input(TILE_ACTIVATIONS, part.stage, Layout(whole, pitch, width, first)))
        first += even(part.shape[2])
    return found


def unit_image(graph: LayerGraph, stage: Stage, needed: Box) -> Layout:
    """The image that a tile of units works on to give ``needed`` of its layer's own value."""
    return Layout.of(input_box(graph, stage, needed), stage.packed)


def unit_inputs(graph: LayerGraph, stages: Sequence[Stage], stage: Stage, needed: Box) -> list[Input]:
    """What a tile of units holds of what it takes, and where each element goes in its image."""
    image = unit_image(graph, stage, needed)
    found: list[Input] = []
    for view in stage.takes:
        positions = taken_positions(graph, stage, view, image.box)
        there = positions >= 0
        rows, columns, channels = np.nonzero(there)
        target = (rows * image.width + columns) * image.pitch + channels
        owner, place = (array[positions[there]] for array in view.places)
        for number, part in enumerate(view.parts):
            mine = owner == number
            if not mine.any():
                continue
            at = np.unravel_index(place[mine], part.shape)
            packed = stages[part.stage].packed
            box = Box(*(Interval(int(axis.min()), int(axis.max()) + 1) for axis in at))
            # pairs of elements travel together
            if packed:
                box = Box(box.rows, _outward(box.columns, part.shape[1]), box.channels)
            else:
                box = Box(box.rows, box.columns, _outward(box.channels, part.shape[2]))
            layout = Layout.of(box, packed)
            source = (((at[0] - box.rows.start) * layout.width + at[1] - box.columns.start) * layout.pitch
                      + at[2] - box.channels.start)
            found.append(Input(TILE_ACTIVATIONS + len(found), part.stage, layout, _runs(source, target[mine])))
    return found


def _outward(span: Interval, limit: int) -> Interval:
    return Interval(span.start & ~1, min(limit, even(span.stop)))


def _runs(source: npt.NDArray[np.int64], target: npt.NDArray[np.int64]) -> tuple[tuple[int, int, int], ...]:
    """Pairs of elements as (source, target, number) of neighbours."""
    breaks = np.flatnonzero((np.diff(source) != 1) | (np.diff(target) != 1)) + 1
    starts = np.concatenate([[0], breaks])
    lengths = np.diff(np.concatenate([starts, [len(source)]]))
    return tuple((int(source[i]), int(target[i]), int(n)) for i, n in zip(starts, lengths))


class _Planner:
    def __init__(self, graph: LayerGraph, stages: Sequence[Stage], cut: Cut) -> None:
        self.graph = graph
        self.stages = list(stages)
        self.cut = cut
        self.cores: list[Core] = []
        self.streams: list[Stream] = []
        #: Of each stage: who makes its value.
        self.producers: list[list[Core]] = []

    def plan(self) -> Plan:
        for stage, cut in zip(self.stages, self.cut.stages, strict=True):
            if isinstance(cut, SourceCut):
                self.add_sources(stage, cut)
            elif isinstance(cut, DenseCut):
                self.add_dense(stage, cut)
            else:
                self.add_tiles(stage, cut)
        # what of the input nobody takes needs no source
        self.cores = [core for core in self.cores if core.kind is not CoreKind.INPUT_SOURCE or core.streams_out]
        together = neighbourhoods(self.stages, self.cut, self.cores)
        return Plan(self.graph, self.stages, self.cut, [core for cores in together for core in cores], together, self.streams,
                    self.cut.window, slots_of(self.cut.window))

    # ----------------------------------------------------------------- cores

    def add_core(self, core: Core) -> Core:
        self.cores.append(core)
        return core

    def add_sources(self, stage: Stage, cut: SourceCut) -> None:
        self.producers.append([
            self.add_core(Core(CoreKind.INPUT_SOURCE, stage.number, f"input source, {box}", Layout.of(box, stage.packed),
                               inlet_words=[0], inlet_slots=[0]))
            for box in cut.boxes])

    def add_dense(self, stage: Stage, cut: DenseCut) -> None:
        kind = CoreKind.OUTPUT_GROUP if stage.is_output else CoreKind.NEURON_GROUP
        groups = [self.add_core(Core(kind, stage.number, f"{stage.name} {kind.value}, units {group.start}..{group.stop - 1}",
                                     Layout.of(Box.vector(group), stage.packed), columns=group,
                                     inlet_words=[len(cut.rows) * len(group)] + ([] if stage.is_output else [0]),
                                     inlet_slots=[0] * (1 if stage.is_output else 2)))
                  for group in cut.groups]
        parts = stage.takes[0].parts
        slices = []
        for rows in cut.rows:
            taken = self.stages[parts[rows.part].stage]
            layout = Layout.of(rows.box, taken.packed)
            of_part = f" of {taken.name}" if len(parts) > 1 else ""
            for columns in cut.columns:
                slices.append(self.add_core(Core(
                    CoreKind.WEIGHT_SLICE, stage.number,
                    f"{stage.name} weight slice, {rows.box}{of_part}, to units {columns.start}..{columns.stop - 1}",
                    rows=rows, columns=columns, in_sdram=cut.in_sdram, inputs=[Input(SLICE_ACTIVATIONS, taken.number, layout)],
                    inlet_words=[layout.n_elements // 2, padded(len(columns))], inlet_slots=[0, 0])))
        self.connect_inputs(slices, SLICE_PARTIAL_ERRORS_OUT)
        self.connect_sums(cut, slices, groups)
        self.connect_errors(cut, slices, groups)
        self.producers.append(groups)

    def add_tiles(self, stage: Stage, cut: TileCut) -> None:
        convolution = stage.kind is StageKind.CONVOLUTION
        kind = CoreKind.CONVOLUTION_TILE if convolution else CoreKind.UNIT_TILE
        tiles = []
        for number, box in enumerate(cut.boxes):
            head = head_box(self.graph, stage, box)
            find = convolution_inputs if convolution else unit_inputs
            inputs = find(self.graph, self.stages, stage, head)
            n_inlets = 1 + max((taken.inlet for taken in inputs), default=TILE_WEIGHTS)
            core = Core(kind, stage.number, f"{stage.name} {kind.value}, {box}", Layout.of(box, stage.packed), head,
                        columns=box.channels, inputs=inputs, tile=number % cut.n_tiles, inlet_words=[0] * n_inlets,
                        inlet_slots=[0] * n_inlets)
            for taken in inputs:
                layout = taken.layout
                core.inlet_words[taken.inlet] = layout.rows * layout.width * layout.pitch // 2
            core.inlet_slots[TILE_GRADIENTS] = core.inlet_slots[TILE_WEIGHTS] = 1
            tiles.append(self.add_core(core))
        self.connect_inputs(tiles, TILE_PARTIAL_ERRORS_OUT)
        if convolution:
            for block in range(len(cut.channels)):
                self.connect_tiles(stage, tiles[block * cut.n_tiles:(block + 1) * cut.n_tiles])
        self.producers.append(tiles)

    # ----------------------------------------------------------------- streams

    def connect_inputs(self, consumers: list[Core], partial_errors_out: int) -> None:
        """Activations to those that need the same, partial errors or credit back from each."""
        alike: dict[tuple[int, Input], list[Core]] = {}
        for core in consumers:
            for number, taken in enumerate(core.inputs):
                alike.setdefault((number, taken), []).append(core)
        for (_, taken), cores in alike.items():
            for producer in self.producers[taken.stage]:
                assert producer.layout is not None
                part = producer.box.overlap(taken.layout.box)
                for piece in _pieces(part, taken.layout) if part is not None else ():
                    source, target = matched(producer.layout.block(piece), taken.layout.block(piece))
                    self.send_words(StreamKind.ACTIVATIONS, producer, GROUP_ACTIVATIONS_OUT, source.halved(), target.halved(),
                                    cores, taken.inlet)
        for core in consumers:
            credited: list[Core] = []
            for taken in core.inputs:
                vector = partial_errors_out
                if core.kind is CoreKind.UNIT_TILE:
                    vector += taken.inlet - TILE_ACTIVATIONS
                told: list[Core] = []
                for producer in self.producers[taken.stage]:
                    part = producer.box.overlap(taken.layout.box)
                    if part is None:
                        continue
                    if producer.kind is CoreKind.INPUT_SOURCE:
                        if producer not in credited:
                            credited.append(producer)
                        continue
                    if not self.stages[taken.stage].learns:
                        told.append(producer)
                        continue
                    for piece in _pieces(part, taken.layout):
                        self.send_partial_errors(core, vector, taken.layout, producer, piece)
                if told:
                    stream = self.add_stream(StreamKind.DONE, core, vector, _NOTHING, Block(0, 1))
                    for producer in told:
                        producer.inlet_words[TILE_PARTIAL_ERRORS] = 1
                        self.connect(stream, producer, TILE_PARTIAL_ERRORS, 0)
            if credited:
                stream = self.add_stream(StreamKind.CREDIT, core, CREDIT_OUT[core.kind], _NOTHING, _NOTHING)
                for producer in credited:
                    self.connect(stream, producer, SOURCE_CREDITS, 0)

    def send_partial_errors(self, core: Core, vector: int, layout: Layout, producer: Core, piece: Box) -> None:
        assert producer.layout is not None
        inlet = TILE_PARTIAL_ERRORS if producer.kind in (CoreKind.CONVOLUTION_TILE, CoreKind.UNIT_TILE) else GROUP_PARTIAL_ERRORS
        source, block = matched(layout.block(piece), producer.layout.block(piece))
        first = producer.inlet_words[inlet]
        producer.inlet_words[inlet] += source.n_elements
        producer.planes.append(Plane(first, block))
        self.send_words(StreamKind.PARTIAL_ERRORS, core, vector, source, compact(source, first), [producer], inlet)

    def connect_sums(self, cut: DenseCut, slices: list[Core], groups: list[Core]) -> None:
        for core in slices:
            assert core.rows is not None and core.columns is not None
            columns = core.columns
            group = next(group for group in groups if group.columns is not None and group.columns.contains(columns))
            assert group.columns is not None
            first = cut.rows.index(core.rows) * len(group.columns) + columns.start - group.columns.start
            self.send_words(StreamKind.SUMS, core, SLICE_SUMS_OUT, Block(0, len(columns)), Block(first, len(columns)),
                            [group], GROUP_SUMS)

    def connect_errors(self, cut: DenseCut, slices: list[Core], groups: list[Core]) -> None:
        for group in groups:
            assert group.columns is not None
            vector = OUTPUT_ERRORS_OUT if group.kind is CoreKind.OUTPUT_GROUP else GROUP_ERRORS_OUT
            for columns in cut.columns:
                if group.columns.contains(columns):
                    self.send_words(StreamKind.ERRORS, group, vector,
                                    Block(columns.start - group.columns.start, len(columns)), Block(0, len(columns)),
                                    [core for core in slices if core.columns == columns], SLICE_ERRORS)

    def connect_tiles(self, stage: Stage, tiles: list[Core]) -> None:
        """Tiles with the same kernels: each sums the gradients of its share, and tells the others the new weights."""
        exchange = kernel_exchange(self.graph, stage, tiles[0], len(tiles))
        for core in tiles:
            core.exchange = exchange
            if len(tiles) > 1:
                core.inlet_words[TILE_WEIGHTS] = exchange.segment
        for owner, share in zip(tiles, exchange.shares):
            others = [core for core in tiles if core is not owner]
            if not others or not len(share):
                continue
            for core in others:
                place = owner.inlet_words[TILE_GRADIENTS]
                self.send_words(StreamKind.GRADIENTS, core, TILE_GRADIENTS_OUT, Block(share.start, len(share)),
                                Block(place, len(share)), [owner], TILE_GRADIENTS)
                owner.inlet_words[TILE_GRADIENTS] += len(share)
            words = Block(share.start, len(share))
            self.send_words(StreamKind.WEIGHTS, owner, TILE_WEIGHTS_OUT, words, words, others, TILE_WEIGHTS)

    # ----------------------------------------------------------------- small pieces

    def send_words(self, kind: StreamKind, producer: Core, vector: int, source: Block, target: Block,
                   consumers: list[Core], inlet: int) -> None:
        """A stream of these words of a vector to these words of an inlet."""
        index = Block(0, target.run, target.n_runs, target.run_stride, target.n_outer, target.outer_stride)
        stream = self.add_stream(kind, producer, vector, source, index)
        for consumer in consumers:
            self.connect(stream, consumer, inlet, target.first)

    def add_stream(self, kind: StreamKind, producer: Core, vector: int, source: Block, index: Block) -> Stream:
        stream = Stream(kind, producer, vector, source, index, f"{kind.value} {len(producer.streams_out)}")
        producer.streams_out.append(stream)
        self.streams.append(stream)
        return stream

    @staticmethod
    def connect(stream: Stream, consumer: Core, inlet: int, first: int) -> None:
        stream.consumers.append(consumer)
        consumer.streams_in.append(StreamEnd(stream, inlet, first))


@dataclass(frozen=True)
class Exchange:
    """How tiles with the same kernels exchange gradients and weights: c_models/layers/kernel_share.h.

    :param n_columns: biases, and columns of the kernels in memory
    :param n_weights: words of the kernels
    :param segment: words that are exchanged at a time
    :param shares: of each segment, of every tile; ends are even
    """

    n_columns: int
    n_weights: int
    segment: int
    shares: tuple[Interval, ...]

    @property
    def n_words(self) -> int:
        """Of the vector: two for each bias, then the kernels."""
        return 2 * self.n_columns + self.n_weights

    @property
    def n_segments(self) -> int:
        return -(-self.n_words // self.segment)


def kernel_exchange(graph: LayerGraph, stage: Stage, tile: Core, n_tiles: int) -> Exchange:
    """Of a convolution's tiles with the channels of this one."""
    layer = graph.layers[stage.layer]
    assert isinstance(layer, ConvolutionLayer)
    n_columns = padded_channels(len(tile.box.channels))
    rows, columns = layer.weights.shape[:2]
    n_weights = rows * columns * tile.inputs[0].layout.pitch * n_columns
    n_words = 2 * n_columns + n_weights
    segment = n_words if n_tiles == 1 else min(SEGMENT_WORDS, -(-n_words // 8) * 8)
    shares = split_evenly(segment, n_tiles, 2)
    shares += [Interval(segment, segment)] * (n_tiles - len(shares))
    return Exchange(n_columns, n_weights, segment, tuple(shares))


def _pieces(box: Box, layout: Layout) -> Iterator[Box]:
    """A box in pieces of which each can be one stream, both as activations and as errors."""
    if layout.block(box).extent <= MAX_WORDS:
        yield box
        return
    for a, b in _halves(box):
        yield from _pieces(a, layout)
        yield from _pieces(b, layout)


def _halves(box: Box) -> Iterator[tuple[Box, Box]]:
    for axis, span in enumerate((box.rows, box.columns, box.channels)):
        middle = (span.start + span.stop) // 2
        if axis > 0:
            middle = even(middle)
        if span.start < middle < span.stop:
            spans = [box.rows, box.columns, box.channels]
            low, high = list(spans), list(spans)
            low[axis], high[axis] = Interval(span.start, middle), Interval(middle, span.stop)
            yield Box(*low), Box(*high)
            return
    raise ValueError(f"{box} cannot be one stream, and not be cut")
