"""The plan: which cores there are, what each holds, and the streams between them.

A dense layer becomes a grid of weight slices (row blocks x column blocks) and the groups of its units; a convolution, or a
stage of units, becomes tiles.  Streams are the overlaps of what a producer holds and what its consumers need, so that any
cut of one layer fits any cut of the next:

* activations: input source, neuron group or tile -> every weight slice or tile that needs them
* sums: weight slice -> the groups that hold its columns
* errors: group -> every weight slice with columns of it (all row blocks)
* partial errors: weight slice or tile -> the groups or tiles before it that hold what it took
* done: in place of partial errors to tiles whose values depend on no weights: markers alone
* credit: weight slices and tiles that take the network's input -> the input sources
* gradients, weights: between cores that hold the same parameters, at the end of a batch: tiles of a convolution, and
  replicas of a stage
* gradient sums: between the same tiles of replicas
* done, taken, or credit to input sources: from a probe to whoever sends the stream that it records (``probes.py``)
* requests: to those who send something to a core that sends nothing to them; where it does, it asks by that stream for what
  has not come
"""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dlgraph.custom_layer import CHANNELS, CustomWeightLayer
from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import ConvolutionLayer
from dlgraph.mapping.boxes import Block, Box, Layout, compact, even, matched
from dlgraph.mapping.cuts import CUT_MULTIPLE, Cut, DenseCut, RowBlock, SourceCut, TileCut
from dlgraph.mapping.exchange import Exchange, make_exchange, shares_of
from dlgraph.mapping.intervals import Interval
from dlgraph.mapping.looks import Looks
from dlgraph.mapping.neighbourhoods import neighbourhoods
from dlgraph.mapping.stages import Stage, StageKind, head_box, input_box, taken_positions

#: A key is stream number | slot | index (c_models/streams/stream_layout.h); the last few indices are no words.
INDEX_BITS = 12
SLOT_BITS = 4
#: Words of a stream per sample: what the index allows, which has four more meanings.
MAX_WORDS = (1 << INDEX_BITS) - 4
#: Twice the window must not exceed the slots.
MAX_WINDOW = 1 << (SLOT_BITS - 1)


class CoreKind(Enum):
    """What a core does; the value is its name in reports."""

    INPUT_SOURCE = "input source"
    WEIGHT_SLICE = "weight slice"
    NEURON_GROUP = "neuron group"
    OUTPUT_GROUP = "output group"
    CONVOLUTION_TILE = "convolution tile"
    UNIT_TILE = "unit tile"
    CUSTOM_TILE = "custom tile"
    PROBE = "probe"


class StreamKind(Enum):
    """What a stream carries; the value is its name in reports."""

    ACTIVATIONS = "activations"
    SUMS = "sums"
    ERRORS = "errors"
    PARTIAL_ERRORS = "partial errors"
    DONE = "done"
    CREDIT = "credit"
    GRADIENTS = "gradients"
    GRADIENT_SUMS = "gradient sums"
    WEIGHTS = "weights"
    TAKEN = "taken"
    REQUESTS = "requests"


#: Streams between cores with the same parameters, once in a segment of a batch's end; the next cannot come before the one before
#: it is used, so they have one slot.
EXCHANGED = (StreamKind.GRADIENTS, StreamKind.GRADIENT_SUMS, StreamKind.WEIGHTS, StreamKind.TAKEN)


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


@dataclass(frozen=True)
class Recording:
    """What a probe keeps of its stream.

    :param n_samples: of a pass, at most
    :param last: of a longer pass those at its end; else those at its beginning
    :param ahead: it lets its producer go on so many samples behind the one that it has taken (``probes.py``)
    """

    n_samples: int
    last: bool
    ahead: int


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
    :param tile: number of a tile among those of its replica with the same channels
    :param replica: of its stage
    :param exchange: with those that hold the same parameters; of a convolution's tile with those of its replica
    :param peer: its number among these
    :param sums_exchange: of a convolution's tile, of its share of the gradients, with the same tile of other replicas
    :param in_sdram: whether a weight slice's weights stay in SDRAM
    :param inlet_slots: samples that an inlet holds; 0: as many as the core has slots
    :param replica_inlets: of what comes from replicas, at a core that they share: these count the samples of one replica each
    :param recording: of a probe
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
    replica: int = 0
    exchange: Exchange | None = None
    peer: int = 0
    sums_exchange: Exchange | None = None
    in_sdram: bool = False
    streams_out: list[Stream] = field(default_factory=list, repr=False)          # which name cores
    streams_in: list[StreamEnd] = field(default_factory=list, repr=False)
    inlet_words: list[int] = field(default_factory=list)
    inlet_slots: list[int] = field(default_factory=list)
    replica_inlets: range = range(0)
    recording: Recording | None = None

    @property
    def own_share(self) -> Interval:
        """What it updates, of each segment of what it exchanges."""
        if self.sums_exchange is not None:
            return self.sums_exchange.shares[self.replica]
        assert self.exchange is not None
        return self.exchange.shares[self.peer]

    @property
    def box(self) -> Box:
        """The part of the image that it holds; for cores that hold one."""
        assert self.layout is not None
        return self.layout.box


@dataclass(eq=False)
class Stream:
    """What one producer multicasts, one vector per sample.

    :param vector: which of its vectors the producer sends (the C program's ``vectors_sent``)
    :param source: the words in that vector
    :param index: the same words by their index in the stream; begins at 0
    :param partition: identifier of the outgoing partition, unique at the producer
    :param spacing: least cycles from packet to packet (dlgraph/mapping/pacing.py)
    """

    kind: StreamKind
    producer: Core
    vector: int
    source: Block
    index: Block
    partition: str
    consumers: list[Core] = field(default_factory=list)
    spacing: int = 0

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
    :param looks: when a waiting core asks for what has not come
    """

    graph: LayerGraph
    stages: list[Stage]
    cut: Cut
    cores: list[Core]
    neighbourhoods: list[list[Core]]
    streams: list[Stream]
    looks: Looks = Looks()

    def with_windows(self, window: int, shared_window: int = 0) -> Plan:
        """The same cores and streams with other windows."""
        return replace(self, cut=replace(self.cut, window=window, shared_window=shared_window))

    def cores_of(self, stage: int, kind: CoreKind) -> list[Core]:
        """Cores of a kind of one stage, in order."""
        return [core for core in self.cores if core.stage == stage and core.kind is kind]

    def replicas_of(self, core: Core) -> int:
        """How many cores there are that do the same for other samples."""
        return self.cut.replicas_of(core.stage)

    def window_of(self, core: Core) -> int:
        """Samples that may be in flight at a core."""
        return self.cut.window_of(core.stage)

    def n_slots_of(self, core: Core) -> int:
        """Slots for samples at a core, by its window."""
        return slots_of(self.window_of(core))

    def window_of_stream(self, stream: Stream) -> int:
        """Samples of a stream that may be in flight: of one replica, where it leads to one or comes from one."""
        for core in (stream.producer, *stream.consumers[:1]):
            if core.stage not in self.cut.shared:
                return self.cut.window
        return self.window_of(stream.producer)

    def slots_of_stream(self, stream: Stream) -> int:
        """Slots of a stream; 1 where it is used once in a batch, or carries numbers of samples."""
        return 1 if stream.kind in EXCHANGED or stream.kind is StreamKind.CREDIT else slots_of(self.window_of_stream(stream))

    def slots_of_inlets(self, core: Core) -> list[int]:
        """Samples that each inlet of a core holds."""
        own, replicas = self.n_slots_of(core), slots_of(self.cut.window)
        return [held or (replicas if inlet in core.replica_inlets else own) for inlet, held in enumerate(core.inlet_slots)]


# Inlets and vectors as the C programs number them (c_models/layers/*.c).
# Activations of slices, and the partial errors that answer them: of the first replica of what comes in; those of the others follow.
SLICE_ERRORS, SLICE_GRADIENTS, SLICE_WEIGHTS, SLICE_ACTIVATIONS = 0, 1, 2, 3
SLICE_SUMS_OUT, SLICE_CREDIT_OUT, SLICE_GRADIENTS_OUT, SLICE_WEIGHTS_OUT, SLICE_PARTIAL_ERRORS_OUT = 0, 1, 2, 3, 4
GROUP_SUMS, GROUP_PARTIAL_ERRORS, GROUP_GRADIENTS, GROUP_BIASES = 0, 1, 2, 3
GROUP_ACTIVATIONS_OUT, GROUP_ERRORS_OUT, GROUP_GRADIENTS_OUT, GROUP_BIASES_OUT = 0, 1, 2, 3
OUTPUT_GRADIENTS, OUTPUT_BIASES = 1, 2
OUTPUT_ERRORS_OUT, OUTPUT_GRADIENTS_OUT, OUTPUT_BIASES_OUT = 0, 1, 2
SOURCE_CREDITS = 0                # of the first replica; those of the others follow
SOURCE_ACTIVATIONS_OUT = 0        # the same
TILE_PARTIAL_ERRORS, TILE_GRADIENTS, TILE_GRADIENT_SUMS, TILE_WEIGHTS, TILE_ACTIVATIONS = 0, 1, 2, 3, 4
TILE_ACTIVATIONS_OUT, TILE_CREDIT_OUT, TILE_GRADIENTS_OUT, TILE_GRADIENT_SUMS_OUT = 0, 1, 2, 3
TILE_WEIGHTS_OUT, TILE_PARTIAL_ERRORS_OUT = 4, 5
#: Inlets of gradients and parameters, vectors of the same.
EXCHANGE_AT = {CoreKind.WEIGHT_SLICE: (SLICE_GRADIENTS, SLICE_WEIGHTS, SLICE_GRADIENTS_OUT, SLICE_WEIGHTS_OUT),
               CoreKind.NEURON_GROUP: (GROUP_GRADIENTS, GROUP_BIASES, GROUP_GRADIENTS_OUT, GROUP_BIASES_OUT),
               CoreKind.OUTPUT_GROUP: (OUTPUT_GRADIENTS, OUTPUT_BIASES, OUTPUT_GRADIENTS_OUT, OUTPUT_BIASES_OUT),
               CoreKind.CONVOLUTION_TILE: (TILE_GRADIENTS, TILE_WEIGHTS, TILE_GRADIENTS_OUT, TILE_WEIGHTS_OUT),
               CoreKind.CUSTOM_TILE: (TILE_GRADIENTS, TILE_WEIGHTS, TILE_GRADIENTS_OUT, TILE_WEIGHTS_OUT)}
CREDIT_OUT = {CoreKind.WEIGHT_SLICE: SLICE_CREDIT_OUT, CoreKind.CONVOLUTION_TILE: TILE_CREDIT_OUT,
              CoreKind.UNIT_TILE: TILE_CREDIT_OUT, CoreKind.CUSTOM_TILE: TILE_CREDIT_OUT}
TILES = {StageKind.CONVOLUTION: CoreKind.CONVOLUTION_TILE, StageKind.UNITS: CoreKind.UNIT_TILE,
         StageKind.CUSTOM: CoreKind.CUSTOM_TILE}

#: Of a stream along which nothing is sent but requests.
NO_VECTOR = 0xff

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
    for window in (cut.window, cut.shared_window or cut.window):
        if not 1 <= window <= MAX_WINDOW:
            raise ValueError(f"a window of {window} samples is not in 1 .. {MAX_WINDOW}")
    if cut.replicas < 1:
        raise ValueError(f"{cut.replicas} replicas: a network has at least one")
    return _Planner(graph, stages, cut).plan()


def stagger(cores: Sequence[Core]) -> None:
    """Let cores that send to the same ones begin with different ones, so that nobody gets from all at once.

    A core sends its streams in the order of ``streams_out``; what is exchanged at the end of a batch has such an order already.
    """
    peers: dict[tuple[int, CoreKind, int], list[Core]] = {}
    for core in cores:
        peers.setdefault((core.stage, core.kind, core.replica), []).append(core)
    for alike in peers.values():
        for number, core in enumerate(alike):
            of_vector: dict[int, list[Stream]] = {}
            for stream in core.streams_out:
                of_vector.setdefault(stream.vector, []).append(stream)
            for streams in of_vector.values():
                if streams[0].kind not in EXCHANGED:
                    first = number * len(streams) // len(alike) if len(streams) < len(alike) else number
                    first %= len(streams)
                    streams[:] = streams[first:] + streams[:first]
            core.streams_out = [stream for streams in of_vector.values() for stream in streams]


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
    return Layout.of(input_box(graph, stage, needed), stage.packed and stage.kind is StageKind.UNITS)


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
        #: Of each stage: who makes its value, in each of its replicas.
        self.producers: list[list[list[Core]]] = []
        #: Number of the replica whose cores are laid out, and of replicas of its stage.
        self.replica, self.n_replicas = 0, 1
        #: What holds the same parameters: stage, kind, rows and columns, or channels.
        self.alike: dict[tuple[int, CoreKind, RowBlock | None, Interval | None], list[Core]] = {}

    def plan(self) -> Plan:
        for stage, cut in zip(self.stages, self.cut.stages, strict=True):
            self.n_replicas = self.cut.replicas_of(stage.number)
            made = []
            for replica in range(self.n_replicas):
                self.replica = replica
                if isinstance(cut, SourceCut):
                    made.append(self.add_sources(stage, cut))
                elif isinstance(cut, DenseCut):
                    made.append(self.add_dense(stage, cut))
                else:
                    made.append(self.add_tiles(stage, cut))
            self.producers.append(made)
        for cores in self.alike.values():
            if cores[0].kind in (CoreKind.CONVOLUTION_TILE, CoreKind.CUSTOM_TILE):
                self.connect_tiles(cores)
            else:
                self.share(cores, make_exchange(0, self.n_parameters(cores[0]), len(cores)))
                self.gather(cores)
                self.distribute(cores)
        stagger(self.cores)
        self.connect_requests()
        # what of the input nobody takes needs no source
        self.cores = [core for core in self.cores if core.kind is not CoreKind.INPUT_SOURCE or core.streams_out]
        together = neighbourhoods(self.stages, self.cut, self.cores)
        return Plan(self.graph, self.stages, self.cut, [core for cores in together for core in cores], together, self.streams)

    # ----------------------------------------------------------------- cores

    def add_core(self, core: Core) -> Core:
        if self.n_replicas > 1:
            core.replica = self.replica
            core.label += f", replica {self.replica}"
        if core.kind in EXCHANGE_AT and not core.in_sdram and self.has_parameters(core):
            self.alike.setdefault((core.stage, core.kind, core.rows, core.columns), []).append(core)
        self.cores.append(core)
        return core

    def has_parameters(self, core: Core) -> bool:
        """Of a core whose kind may have some."""
        return core.kind is not CoreKind.CUSTOM_TILE or isinstance(self.graph.layers[self.stages[core.stage].layer],
                                                                   CustomWeightLayer)

    def add_sources(self, stage: Stage, cut: SourceCut) -> list[Core]:
        n = self.cut.replicas
        return [self.add_core(Core(CoreKind.INPUT_SOURCE, stage.number, f"input source, {box}", Layout.of(box, stage.packed),
                                   inlet_words=[0] * n, inlet_slots=[1] * n))
                for box in cut.boxes]

    def turns(self, stage: int) -> list[tuple[int, list[Core]]]:
        """Who makes a stage's value for the cores that are laid out: of each replica, with its number if they share it."""
        replicas = self.producers[stage]
        if len(replicas) == self.n_replicas:
            return [(0, replicas[self.replica])]
        return [(0, replicas[0])] if len(replicas) == 1 else list(enumerate(replicas))

    def add_dense(self, stage: Stage, cut: DenseCut) -> list[Core]:
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
            n_turns = len(self.turns(taken.number))
            n_inlets = SLICE_ACTIVATIONS + n_turns
            for columns in cut.columns:
                slices.append(self.add_core(Core(
                    CoreKind.WEIGHT_SLICE, stage.number,
                    f"{stage.name} weight slice, {rows.box}{of_part}, to units {columns.start}..{columns.stop - 1}",
                    rows=rows, columns=columns, in_sdram=cut.in_sdram, inputs=[Input(SLICE_ACTIVATIONS, taken.number, layout)],
                    inlet_words=[padded(len(columns)), 0, 0] + n_turns * [layout.n_elements // 2], inlet_slots=[0] * n_inlets,
                    replica_inlets=range(SLICE_ACTIVATIONS, n_inlets) if n_turns > 1 else range(0))))
        self.connect_inputs(slices, SLICE_PARTIAL_ERRORS_OUT)
        self.connect_sums(cut, slices, groups)
        self.connect_errors(cut, slices, groups)
        return groups

    def add_tiles(self, stage: Stage, cut: TileCut) -> list[Core]:
        kind = TILES[stage.kind]
        tiles = []
        for number, box in enumerate(cut.boxes):
            head = head_box(self.graph, stage, box)
            find = convolution_inputs if kind is CoreKind.CONVOLUTION_TILE else unit_inputs
            inputs = find(self.graph, self.stages, stage, head)
            n_inlets = 1 + max((taken.inlet for taken in inputs), default=TILE_WEIGHTS)
            core = Core(kind, stage.number, f"{stage.name} {kind.value}, {box}", Layout.of(box, stage.packed), head,
                        columns=box.channels, inputs=inputs, tile=number % cut.n_tiles, inlet_words=[0] * n_inlets,
                        inlet_slots=[0] * n_inlets)
            for taken in inputs:
                layout = taken.layout
                core.inlet_words[taken.inlet] = layout.rows * layout.width * layout.pitch // 2
            tiles.append(self.add_core(core))
        self.connect_inputs(tiles, TILE_PARTIAL_ERRORS_OUT)
        return tiles

    # ----------------------------------------------------------------- streams

    def connect_inputs(self, consumers: list[Core], partial_errors_out: int) -> None:
        """Activations to those that need the same, partial errors or credit back from each."""
        alike: dict[tuple[int, Input], list[Core]] = {}
        for core in consumers:
            for number, taken in enumerate(core.inputs):
                alike.setdefault((number, taken), []).append(core)
        for (_, taken), cores in alike.items():
            for turn, producers in self.turns(taken.stage):
                for producer in producers:
                    assert producer.layout is not None
                    part = producer.box.overlap(taken.layout.box)
                    for piece in _pieces(part, taken.layout) if part is not None else ():
                        source, target = matched(producer.layout.block(piece), taken.layout.block(piece))
                        vector = (SOURCE_ACTIVATIONS_OUT + self.replica if producer.kind is CoreKind.INPUT_SOURCE
                                  else GROUP_ACTIVATIONS_OUT)
                        self.send_words(StreamKind.ACTIVATIONS, producer, vector, source.halved(), target.halved(), cores,
                                        taken.inlet + turn)
        for core in consumers:
            credited: list[Core] = []
            for taken in core.inputs:
                vector = partial_errors_out
                if core.kind in (CoreKind.UNIT_TILE, CoreKind.CUSTOM_TILE):
                    vector += taken.inlet - TILE_ACTIVATIONS
                for turn, producers in self.turns(taken.stage):
                    self.answer(core, vector + turn, taken, producers, credited)
            if credited:
                stream = self.add_stream(StreamKind.CREDIT, core, CREDIT_OUT[core.kind], _NOTHING, _NOTHING)
                for producer in credited:
                    self.connect(stream, producer, SOURCE_CREDITS + self.replica, 0)

    def answer(self, core: Core, vector: int, taken: Input, producers: list[Core], credited: list[Core]) -> None:
        """Partial errors to those who made what came in, or what stands for them; adds who is to get credit."""
        told: list[Core] = []
        for producer in producers:
            part = producer.box.overlap(taken.layout.box)
            if part is None:
                continue
            if producer.kind is CoreKind.INPUT_SOURCE:
                if producer not in credited:
                    credited.append(producer)
            elif not self.stages[taken.stage].learns:
                told.append(producer)
            else:
                for piece in _pieces(part, taken.layout):
                    self.send_partial_errors(core, vector, taken.layout, producer, piece)
        if told:
            stream = self.add_stream(StreamKind.DONE, core, vector, _NOTHING, Block(0, 1))
            for producer in told:
                producer.inlet_words[TILE_PARTIAL_ERRORS] = 1
                self.connect(stream, producer, TILE_PARTIAL_ERRORS, 0)

    def send_partial_errors(self, core: Core, vector: int, layout: Layout, producer: Core, piece: Box) -> None:
        assert producer.layout is not None
        inlet = TILE_PARTIAL_ERRORS if producer.kind in TILES.values() else GROUP_PARTIAL_ERRORS
        source, block = matched(layout.block(piece), producer.layout.block(piece))
        first = producer.inlet_words[inlet]
        producer.inlet_words[inlet] += source.n_elements
        producer.planes.append(Plane(first, block))
        self.send_words(StreamKind.PARTIAL_ERRORS, core, vector, source, compact(source, first), [producer], inlet)

    def connect_sums(self, cut: DenseCut, slices: list[Core], groups: list[Core]) -> None:
        for core in slices:
            assert core.rows is not None
            row = cut.rows.index(core.rows)
            for group, at_slice, at_group in _common_units(core, groups):
                self.send_words(StreamKind.SUMS, core, SLICE_SUMS_OUT, at_slice,
                                replace(at_group, first=row * len(group.box.channels) + at_group.first), [group], GROUP_SUMS)

    def connect_errors(self, cut: DenseCut, slices: list[Core], groups: list[Core]) -> None:
        for group in groups:
            vector = OUTPUT_ERRORS_OUT if group.kind is CoreKind.OUTPUT_GROUP else GROUP_ERRORS_OUT
            for columns in cut.columns:
                alike = [core for core in slices if core.columns == columns]
                for _, at_slice, at_group in _common_units(alike[0], [group]):
                    self.send_words(StreamKind.ERRORS, group, vector, at_group, at_slice, alike, SLICE_ERRORS)

    def n_parameters(self, core: Core) -> int:
        """Words of a weight slice's weights or a group's biases."""
        assert core.columns is not None
        if core.kind is CoreKind.WEIGHT_SLICE:
            return core.inputs[0].layout.n_elements * padded(len(core.columns))
        return len(core.columns)

    def connect_tiles(self, cores: list[Core]) -> None:
        """Tiles with the same parameters (of a convolution, with the same channels): those of each replica gather their gradients,
        then the replicas.
        """
        n_replicas = self.cut.replicas_of(cores[0].stage)
        replicas = [[core for core in cores if core.replica == number] for number in range(n_replicas)]
        exchange = kernel_exchange(self.graph, self.stages[cores[0].stage], cores[0], len(replicas[0]))
        for tiles in replicas:
            self.share(tiles, exchange)
            self.gather(tiles)
        if n_replicas > 1:
            for copies in zip(*replicas):
                self.gather_sums(copies)
        self.distribute(cores)

    def connect_requests(self) -> None:
        """A way back from every core to all that send to it: what has not come is asked for."""
        for core in self.cores:
            reached = {consumer for stream in core.streams_out for consumer in stream.consumers}
            others = {end.stream.producer: None for end in core.streams_in if end.stream.producer not in reached}
            if others:
                stream = self.add_stream(StreamKind.REQUESTS, core, NO_VECTOR, _NOTHING, _NOTHING)
                stream.consumers += others

    def share(self, cores: list[Core], exchange: Exchange) -> None:
        """Tells cores of an exchange, each by its place, and adds the inlets that they miss for it."""
        gradients, parameters, _, _ = EXCHANGE_AT[cores[0].kind]
        for peer, core in enumerate(cores):
            core.exchange, core.peer = exchange, peer
            missing = max(0, parameters + 1 - len(core.inlet_words))
            core.inlet_words += [0] * missing
            core.inlet_slots += [0] * missing
            for inlet in range(gradients, parameters + 1):
                core.inlet_slots[inlet] = 1

    def gather(self, cores: list[Core]) -> None:
        """Each sends every other the part of its gradients that is the other's share."""
        gradients, _, gradients_out, _ = EXCHANGE_AT[cores[0].kind]
        assert cores[0].exchange is not None
        self.send_shares(StreamKind.GRADIENTS, cores, cores[0].exchange.shares, gradients, gradients_out)

    def gather_sums(self, copies: Sequence[Core]) -> None:
        """The same between tiles of replicas, of the share that these tiles have."""
        exchange = copies[0].exchange
        assert exchange is not None
        whole = exchange.shares[copies[0].peer]
        # other tiles begin with other replicas, so that all have about the same to do
        shares = shares_of(whole, len(copies))
        first = copies[0].peer % len(copies)
        sums = replace(exchange, shares=tuple(shares[-first:] + shares[:-first]))
        for core in copies:
            core.sums_exchange = sums
        self.send_shares(StreamKind.GRADIENT_SUMS, copies, sums.shares, TILE_GRADIENT_SUMS, TILE_GRADIENT_SUMS_OUT)

    def send_shares(self, kind: StreamKind, cores: Sequence[Core], shares: Sequence[Interval], inlet: int, vector: int) -> None:
        owners = [number for number, share in enumerate(shares) if len(share)] if len(cores) > 1 else []
        for number, core in enumerate(cores):
            # each begins with another, so that nobody gets from all at once
            first = number * len(owners) // len(cores)
            for owner in owners[first:] + owners[:first]:
                if owner != number:
                    place, share = cores[owner].inlet_words[inlet], shares[owner]
                    cores[owner].inlet_words[inlet] += len(share)
                    self.send_words(kind, core, vector, Block(share.start, len(share)), Block(place, len(share)),
                                    [cores[owner]], inlet)

    def distribute(self, cores: list[Core]) -> None:
        """What is new goes to all others."""
        _, parameters, _, parameters_out = EXCHANGE_AT[cores[0].kind]
        for owner in cores if len(cores) > 1 else ():
            assert owner.exchange is not None
            owner.inlet_words[parameters] = owner.exchange.segment
            if len(owner.own_share):
                words = Block(owner.own_share.start, len(owner.own_share))
                self.send_words(StreamKind.WEIGHTS, owner, parameters_out, words, words,
                                [core for core in cores if core is not owner], parameters)

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


def kernel_exchange(graph: LayerGraph, stage: Stage, tile: Core, n_tiles: int) -> Exchange:
    """Of a layer's tiles with the parameters of this one."""
    layer = graph.layers[stage.layer]
    if isinstance(layer, CustomWeightLayer):
        n_columns = padded_channels(len(custom_columns(layer, stage, tile.box)))
        return make_exchange(n_columns, layer.n_weight_rows * n_columns, n_tiles)
    assert isinstance(layer, ConvolutionLayer)
    n_columns = padded_channels(len(tile.box.channels))
    rows, columns = layer.weights.shape[:2]
    n_weights = rows * columns * tile.inputs[0].layout.pitch * n_columns
    return make_exchange(n_columns, n_weights, n_tiles)


def custom_columns(layer: CustomWeightLayer, stage: Stage, box: Box) -> Interval:
    """Columns of the weights that a tile holds: of its channels, where the kind is cut by channels; else all."""
    return box.channels if CHANNELS in stage.cuts else Interval(0, layer.n_units)


def _common_units(core: Core, groups: Sequence[Core]) -> Iterator[tuple[Core, Block, Block]]:
    """The groups that hold columns of a weight slice, each with these units as they lie in the slice and in the group."""
    assert core.columns is not None
    for group in groups:
        units = group.box.channels
        common = core.columns.overlap(units)
        if common is not None:
            yield (group, Block(common.start - core.columns.start, len(common)), Block(common.start - units.start, len(common)))


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
