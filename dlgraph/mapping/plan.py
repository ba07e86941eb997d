"""The plan: which cores there are, what each holds, and the streams between them.

One dense layer becomes a grid of weight slices (row blocks x column blocks) and the groups of its units.  Streams are
the overlaps of what a producer holds and what its consumers need, so that any cut of one layer fits any cut of the
next:

* activations: input source or neuron group -> every weight slice of the row block (all column blocks)
* sums: weight slice -> the group that holds its columns
* errors: group -> every weight slice of the column block (all row blocks)
* partial errors: weight slice -> the groups of the layer before that overlap its rows
* credit: first layer's weight slices -> the input sources that overlap their rows
"""
from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Sequence

from dlgraph.mapping.intervals import Interval, check_partition

#: Boundaries of cuts lie at multiples of this: the kernels work on 8 columns at a time, and activations go in pairs.
CUT_MULTIPLE = 8
#: A key is stream number | slot | index (c_models/streams/stream_layout.h); index all ones is the marker.
INDEX_BITS = 12
SLOT_BITS = 4
#: Words of a stream per sample: what the index and the marker's count allow.
MAX_WORDS = (1 << INDEX_BITS) - 1
#: Twice the window must not exceed the slots.
MAX_WINDOW = 1 << (SLOT_BITS - 1)


class CoreKind(Enum):
    INPUT_SOURCE = "input source"
    WEIGHT_SLICE = "weight slice"
    NEURON_GROUP = "neuron group"
    OUTPUT_GROUP = "output group"


class StreamKind(Enum):
    ACTIVATIONS = "activations"
    SUMS = "sums"
    ERRORS = "errors"
    PARTIAL_ERRORS = "partial errors"
    CREDIT = "credit"


@dataclass(eq=False)
class Core:
    """One machine vertex of the network.

    :param layer: index of the dense layer; for input sources 0
    :param rows: inputs that a weight slice holds
    :param columns: units that a weight slice, a group or an input source holds
    """

    kind: CoreKind
    layer: int
    columns: Interval
    rows: Interval | None
    label: str
    streams_out: list[Stream] = field(default_factory=list)
    streams_in: list[StreamEnd] = field(default_factory=list)
    inlet_words: list[int] = field(default_factory=list)


@dataclass(eq=False)
class Stream:
    """What one producer multicasts, one vector per sample.

    :param vector: which of its vectors the producer sends (the C program's ``vectors_sent``)
    :param first: the stream's first word in that vector
    :param n_words: 32-bit words per sample; 0 for credit
    :param partition: identifier of the outgoing partition, unique at the producer
    """

    kind: StreamKind
    producer: Core
    vector: int
    first: int
    n_words: int
    partition: str
    consumers: list[Core] = field(default_factory=list)


@dataclass(eq=False)
class StreamEnd:
    """Where a stream ends in a consumer: its inlet (the C program's ``inlets``) and first word there."""

    stream: Stream
    inlet: int
    first: int


@dataclass(frozen=True)
class LayerCut:
    """How one dense layer is cut.

    :param rows: blocks of inputs
    :param columns: blocks of units of the weight slices
    :param groups: blocks of units of the groups; each is a union of column blocks
    """

    rows: tuple[Interval, ...]
    columns: tuple[Interval, ...]
    groups: tuple[Interval, ...]


@dataclass(frozen=True)
class Cut:
    """How the whole network is cut.

    :param sources: blocks of the network's inputs, one input source each
    :param window: samples in flight between a producer and the return of its errors
    """

    sources: tuple[Interval, ...]
    layers: tuple[LayerCut, ...]
    window: int


@dataclass
class Plan:
    """Cores and streams of a network, ready to become machine vertices and edges.

    :param cores: those that exchange most stand together
    :param neighbourhoods: the same, those that belong on one chip as a list
    :param n_slots: slots of every stream
    """

    cores: list[Core]
    neighbourhoods: list[list[Core]]
    streams: list[Stream]
    window: int
    n_slots: int

    def cores_of(self, layer: int, kind: CoreKind) -> list[Core]:
        return [core for core in self.cores if core.layer == layer and core.kind is kind]


# Inlets and vectors as the C programs number them (c_models/layers/*.c).
SLICE_ACTIVATIONS, SLICE_ERRORS = 0, 1
SLICE_SUMS_OUT, SLICE_PARTIAL_ERRORS_OUT, SLICE_CREDIT_OUT = 0, 1, 2
GROUP_SUMS, GROUP_PARTIAL_ERRORS = 0, 1
GROUP_ACTIVATIONS_OUT, GROUP_ERRORS_OUT = 0, 1
OUTPUT_ERRORS_OUT = 0
SOURCE_CREDITS = 0
SOURCE_ACTIVATIONS_OUT = 0


def padded(n: int) -> int:
    """Columns of a weight slice in memory: to a multiple of 8."""
    return -(-n // CUT_MULTIPLE) * CUT_MULTIPLE


def slots_of(window: int) -> int:
    """Slots per stream: a power of two, at least twice the window."""
    return 1 << (2 * window - 1).bit_length()


def slices_stand_with_rows(cut: Cut, layer: int) -> bool:
    """Whether a layer's weight slices exchange more packets with the groups of their rows than with those of their columns."""
    if layer == 0 or len(cut.layers[layer].rows) == 1:
        return False
    rows, columns = cut.layers[layer].rows[0], cut.layers[layer].columns[0]
    return 1.5 * len(rows) > 2 * len(columns)


def pairs(n: int) -> int:
    """32-bit words that hold ``n`` 16-bit activations."""
    return (n + 1) // 2


def check_cut(cut: Cut, widths: Sequence[int]) -> None:
    """Raise ValueError unless ``cut`` fits layers of these widths (inputs first)."""
    if not 1 <= cut.window <= MAX_WINDOW:
        raise ValueError(f"a window of {cut.window} samples is not in 1 .. {MAX_WINDOW}")
    check_partition(cut.sources, widths[0], CUT_MULTIPLE)
    for layer, n_in, n_out in zip(cut.layers, widths, widths[1:]):
        check_partition(layer.rows, n_in, CUT_MULTIPLE)
        check_partition(layer.columns, n_out, CUT_MULTIPLE)
        check_partition(layer.groups, n_out, CUT_MULTIPLE)
        starts = {block.start for block in layer.columns}
        if not all(group.start in starts for group in layer.groups):
            raise ValueError(f"groups {layer.groups} are not unions of the column blocks {layer.columns}")


def make_plan(cut: Cut, widths: Sequence[int], names: Sequence[str]) -> Plan:
    """Lay out cores and streams.

    :param widths: number of inputs, then of units of every layer
    :param names: of the layers, for labels
    :raises ValueError: if the cut does not fit the widths
    """
    check_cut(cut, widths)
    plan = _Planner(cut, names)
    sources = plan.add_sources()
    producers = sources
    for layer in range(len(cut.layers)):
        slices, groups = plan.add_layer(layer)
        plan.connect_layer(layer, producers, slices, groups)
        producers = groups
    return plan.finish()


class _Planner:
    def __init__(self, cut: Cut, names: Sequence[str]) -> None:
        self.cut = cut
        self.names = names
        self.cores: list[Core] = []
        self.streams: list[Stream] = []

    def add_core(self, kind: CoreKind, layer: int, columns: Interval, rows: Interval | None, label: str) -> Core:
        core = Core(kind, layer, columns, rows, label)
        self.cores.append(core)
        return core

    def add_sources(self) -> list[Core]:
        return [self.add_core(CoreKind.INPUT_SOURCE, 0, block, None,
                              f"input source, inputs {block.start}..{block.stop - 1}")
                for block in self.cut.sources]

    def add_layer(self, layer: int) -> tuple[list[Core], list[Core]]:
        cut, name = self.cut.layers[layer], self.names[layer]
        last = layer == len(self.cut.layers) - 1
        kind = CoreKind.OUTPUT_GROUP if last else CoreKind.NEURON_GROUP
        groups = [self.add_core(kind, layer, group, None,
                                f"{name} {kind.value}, units {group.start}..{group.stop - 1}")
                  for group in cut.groups]
        slices = [self.add_core(CoreKind.WEIGHT_SLICE, layer, columns, rows,
                                f"{name} weight slice, inputs {rows.start}..{rows.stop - 1}, "
                                f"units {columns.start}..{columns.stop - 1}")
                  for rows in cut.rows for columns in cut.columns]
        return slices, groups

    def connect_layer(self, layer: int, producers: list[Core], slices: list[Core], groups: list[Core]) -> None:
        cut = self.cut.layers[layer]
        n_groups_sums = len(cut.rows)
        for core in slices:
            assert core.rows is not None
            core.inlet_words = [pairs(len(core.rows)), padded(len(core.columns))]
        for group in groups:
            group.inlet_words = [n_groups_sums * len(group.columns)]
        for producer in producers:
            if producer.kind is CoreKind.INPUT_SOURCE:
                producer.inlet_words = [0]
            else:
                producer.inlet_words.append(len(cut.columns) * len(producer.columns))

        for producer in producers:
            for number, block in enumerate(cut.rows):
                part = producer.columns.overlap(block)
                if part is not None:
                    stream = self.add_stream(StreamKind.ACTIVATIONS, producer, GROUP_ACTIVATIONS_OUT,
                                             (part.start - producer.columns.start) // 2, pairs(len(part)),
                                             f"activations {number}")
                    for consumer in slices:
                        if consumer.rows == block:
                            self.connect(stream, consumer, SLICE_ACTIVATIONS, (part.start - block.start) // 2)

        for core in slices:
            rows, columns = core.rows, core.columns
            assert rows is not None
            group = next(group for group in groups if group.columns.contains(columns))
            stream = self.add_stream(StreamKind.SUMS, core, SLICE_SUMS_OUT, 0, len(columns), "sums")
            self.connect(stream, group, GROUP_SUMS,
                         cut.rows.index(rows) * len(group.columns) + columns.start - group.columns.start)
            if layer > 0:
                for number, producer in enumerate(producers):
                    part = producer.columns.overlap(rows)
                    if part is not None:
                        stream = self.add_stream(StreamKind.PARTIAL_ERRORS, core, SLICE_PARTIAL_ERRORS_OUT,
                                                 part.start - rows.start, len(part), f"partial errors {number}")
                        self.connect(stream, producer, GROUP_PARTIAL_ERRORS,
                                     cut.columns.index(columns) * len(producer.columns)
                                     + part.start - producer.columns.start)
            else:
                stream = self.add_stream(StreamKind.CREDIT, core, SLICE_CREDIT_OUT, 0, 0, "credit")
                for producer in producers:
                    if producer.columns.overlap(rows):
                        self.connect(stream, producer, SOURCE_CREDITS, 0)

        for group in groups:
            vector = OUTPUT_ERRORS_OUT if group.kind is CoreKind.OUTPUT_GROUP else GROUP_ERRORS_OUT
            for number, columns in enumerate(cut.columns):
                if group.columns.contains(columns):
                    stream = self.add_stream(StreamKind.ERRORS, group, vector,
                                             columns.start - group.columns.start, len(columns), f"errors {number}")
                    for consumer in slices:
                        if consumer.columns == columns:
                            self.connect(stream, consumer, SLICE_ERRORS, 0)

    def neighbourhood(self, core: Core) -> tuple[int, int]:
        """Of cores that belong on one chip, as what stays on a chip loads no link.

        A weight slice exchanges sums and errors with the group of its columns, activations and partial errors with the
        groups of its rows; it stands with those it exchanges more with.  Groups whose units one such block of rows holds
        stand together.
        """
        if core.kind is CoreKind.INPUT_SOURCE:
            return (-1, 0)
        layer, unit = core.layer, core.columns.start
        if core.rows is not None and slices_stand_with_rows(self.cut, layer):
            layer, unit = layer - 1, core.rows.start
        following = layer + 1
        if following < len(self.cut.layers) and slices_stand_with_rows(self.cut, following):
            blocks = self.cut.layers[following].rows
        else:
            blocks = self.cut.layers[layer].groups
        return (layer, next(i for i, block in enumerate(blocks) if block.start <= unit < block.stop))

    def add_stream(self, kind: StreamKind, producer: Core, vector: int, first: int, n_words: int,
                   partition: str) -> Stream:
        stream = Stream(kind, producer, vector, first, n_words, partition)
        producer.streams_out.append(stream)
        self.streams.append(stream)
        return stream

    @staticmethod
    def connect(stream: Stream, consumer: Core, inlet: int, first: int) -> None:
        stream.consumers.append(consumer)
        consumer.streams_in.append(StreamEnd(stream, inlet, first))

    def finish(self) -> Plan:
        together: dict[tuple[int, int], list[Core]] = {}
        for core in sorted(self.cores, key=lambda core: (core.columns.start, core.rows is not None)):
            together.setdefault(self.neighbourhood(core), []).append(core)
        neighbourhoods = [together[key] for key in sorted(together)]
        return Plan([core for cores in neighbourhoods for core in cores], neighbourhoods, self.streams, self.cut.window,
                    slots_of(self.cut.window))
