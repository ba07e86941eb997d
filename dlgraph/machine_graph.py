"""The machine vertices of a network and the partitions between them: what the Graph Front End is given."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dlgraph.errors import DataError
from dlgraph.executor import Mapped
from dlgraph.mapping.memory import core_bytes, sdram_bytes
from dlgraph.mapping.plan import Core, Plan, Stream, StreamKind
from dlgraph.mapping.sent import log_words
from dlgraph.tables import table


@dataclass(frozen=True)
class MachineVertex:
    """One core with its program.

    :ivar label: unique; says what it holds
    :ivar layer: that it belongs to; ``"input"`` for input sources
    :ivar kind: such as ``"weight slice"``
    :ivar dtcm: bytes of data memory that it needs
    :ivar sdram: bytes of its chip's SDRAM: parameters of weight slices, records of probes, and what is kept to be sent again;
        samples and small tables come on top
    :ivar chip: (x, y), or None where our placement chooses it, when it knows the machine
    :ivar core: p, or None where the Graph Front End chooses it
    """

    label: str
    layer: str
    kind: str
    dtcm: int
    sdram: int
    chip: tuple[int, int] | None
    core: int | None


@dataclass(frozen=True)
class Partition:
    """One outgoing partition: what its vertex multicasts to all consumers.

    :ivar name: unique at its producer
    :ivar kind: of the stream, such as ``"activations"``
    :ivar layer: of the producer
    :ivar producer: label of the vertex
    :ivar consumers: likewise
    :ivar words: 32-bit words for every sample, of which those that are zero are not sent; in ``"gradients"``, ``"gradient sums"``
        and ``"weights"`` for every segment of a batch's end
    :ivar spacing: least cycles of 200 MHz from packet to packet; 0: none is kept
    :ivar key: of the first of its 2**16 keys, or None before the network is on a machine
    """

    name: str
    kind: str
    layer: str
    producer: str
    consumers: tuple[str, ...]
    words: int
    spacing: int
    key: int | None


@dataclass(frozen=True)
class MachineGraph:
    """A network as machine vertices and partitions; ``str()`` makes tables of it.

    :ivar machine: such as ``"emulated SpiNN-5 board"``
    :ivar vertices: in the order in which they are added
    :ivar partitions: in the order of their producers
    :ivar window: samples in flight
    :ivar on_machine: whether places, distances and keys are those of a machine that the network is on
    """

    machine: str
    vertices: tuple[MachineVertex, ...]
    partitions: tuple[Partition, ...]
    window: int
    on_machine: bool

    def __getitem__(self, label: str) -> MachineVertex:
        for vertex in self.vertices:
            if vertex.label == label:
                return vertex
        raise DataError(f"There is no vertex {label!r}. There are {_quoted(vertex.label for vertex in self.vertices)}.")

    def of_layer(self, layer: str) -> list[MachineVertex]:
        """The vertices of a layer, its probes among them.

        :raises DataError: for a layer that has none
        """
        found = [vertex for vertex in self.vertices if vertex.layer == layer]
        if not found:
            raise DataError(f"Layer {layer!r} has no vertices. These have some: "
                            f"{_quoted(dict.fromkeys(vertex.layer for vertex in self.vertices))}.")
        return found

    def streams(self, kind: str | None = None, layer: str | None = None) -> list[Partition]:
        """Partitions of a kind, out of a layer; None: all."""
        return [each for each in self.partitions if kind in (None, each.kind) and layer in (None, each.layer)]

    def __str__(self) -> str:
        rows = [("vertex", "layer", "kind", "chip", "DTCM", "SDRAM")]
        rows += [(vertex.label, vertex.layer, vertex.kind, _where(vertex), f"{vertex.dtcm:,}", f"{vertex.sdram:,}")
                 for vertex in self.vertices]
        streams = [("partition", "of", "to", "key", "words", "cycles apart")]
        streams += [(each.name, each.producer, _consumers(each.consumers), "" if each.key is None else f"{each.key:#010x}",
                     f"{each.words:,}", str(each.spacing or "")) for each in self.partitions]
        where = "on" if self.on_machine else "for"
        return "\n".join([f"{len(self.vertices)} machine vertices {where} the {self.machine}, {self.window} samples in flight:",
                          *table(rows, 4), f"{len(self.partitions)} outgoing partitions:", *table(streams, 4)])


def machine_graph(machine: str, mapped: Mapped) -> MachineGraph:
    """What there is of a plan, or on a machine.

    :param machine: in words
    """
    plan = mapped.chosen.plan
    return MachineGraph(machine, tuple(_vertex(plan, core, mapped) for core in plan.cores),
                        tuple(_partition(plan, stream, mapped) for core in plan.cores for stream in core.streams_out
                              if stream.kind is not StreamKind.REQUESTS),
                        plan.cut.shared_window or plan.cut.window, bool(mapped.places))


def _vertex(plan: Plan, core: Core, mapped: Mapped) -> MachineVertex:
    at = mapped.places.get(core) or mapped.chosen.fixed.get(core)
    return MachineVertex(core.label, plan.stages[core.stage].name, core.kind.value, core_bytes(plan, core),
                         sdram_bytes(plan, core) + 4 * log_words(plan, core), None if at is None else (at[0], at[1]),
                         None if at is None else at[2])


def _partition(plan: Plan, stream: Stream, mapped: Mapped) -> Partition:
    return Partition(stream.partition, stream.kind.value, plan.stages[stream.producer.stage].name, stream.producer.label,
                     tuple(consumer.label for consumer in stream.consumers), stream.n_words,
                     stream.spacing if mapped.places else 0, mapped.keys.get(stream))


def _where(vertex: MachineVertex) -> str:
    if vertex.chip is None:
        return "any"
    core = "" if vertex.core is None else f", {vertex.core}"
    return f"({vertex.chip[0]}, {vertex.chip[1]}{core})"


def _consumers(labels: tuple[str, ...]) -> str:
    """In a table."""
    return labels[0] if len(labels) == 1 else f"{len(labels)} vertices" if labels else "nobody"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
