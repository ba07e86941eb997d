"""What each vertex says of the last pass: its counts, and what its program wrote (IOBUF), in plain words."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dlgraph.errors import DataError
from dlgraph.progress import MACHINE_HZ
from dlgraph.tables import table


@dataclass(frozen=True)
class VertexReport:
    """One vertex in a pass; ``str()`` says it in words.

    :param label: which vertex, such as ``"dense weight slice, units 0..63, to units 0..31"``
    :param chip: (x, y) of the chip that it runs on
    :param core: number of its core there
    :param n_samples: that it did
    :param cycles: of 200 MHz, from the start of the pass to the vertex's end of it
    :param waiting_cycles: of these, asleep
    :param packets_sent: with those that follow
    :param packets_resent: again, as somebody asked for them
    :param packets_received: with those that follow
    :param packets_repeated: that had come before
    :param packets_foreign: that belonged to none of its streams, or to no sample in flight
    :param requests: packets that asked for what had not come
    :param saturations: values clipped to their number format
    :param written: lines that its program wrote into IOBUF since it was loaded
    """

    label: str
    layer: str
    kind: str
    chip: tuple[int, int]
    core: int
    n_samples: int
    cycles: int
    waiting_cycles: int
    packets_sent: int
    packets_resent: int
    packets_received: int
    packets_repeated: int
    packets_foreign: int
    requests: int
    saturations: int
    written: tuple[str, ...] = ()

    @property
    def awake(self) -> float:
        """Share of the pass, 0 to 1."""
        return (self.cycles - self.waiting_cycles) / self.cycles if self.cycles else 0.0

    @property
    def remarks(self) -> list[str]:
        """What is not as it is in a pass in which nothing goes wrong; each a sentence's end behind "it"."""
        found = []
        if self.requests:
            found.append(f"asked {_times(self.requests)} for packets that had not come")
        if self.packets_resent:
            found.append(f"sent {self.packets_resent} packets again, as they had not come to somebody")
        if self.packets_repeated:
            found.append(f"got {self.packets_repeated} packets that it had")
        if self.packets_foreign:
            found.append(f"got {self.packets_foreign} packets of no stream of its own, and ignored them")
        if self.saturations:
            found.append(f"clipped {self.saturations} values to their number format")
        if self.written:
            found.append("wrote: " + " / ".join(self.written))
        return found

    def __str__(self) -> str:
        milliseconds = 1e3 * self.cycles / MACHINE_HZ
        remarks = "; it ".join(self.remarks)
        return (f"{self.label}, on chip ({self.chip[0]}, {self.chip[1]}) core {self.core}: did {self.n_samples} samples in "
                f"{milliseconds:.4g} ms of machine time, awake {self.awake:.0%} of it; sent {self.packets_sent} packets, got "
                f"{self.packets_received}." + (f" It {remarks}." if remarks else " Nothing came amiss, nothing was clipped, and it "
                                                                                 "wrote nothing."))


@dataclass(frozen=True)
class VertexReports:
    """All vertices, in the order of the network; ``str()`` makes a table of them, with remarks below it."""

    machine: str
    vertices: tuple[VertexReport, ...]

    def __iter__(self) -> Iterator[VertexReport]:
        return iter(self.vertices)

    def __len__(self) -> int:
        return len(self.vertices)

    def of(self, layer: str, kind: str | None = None) -> list[VertexReport]:
        """Those of a layer.

        :param kind: such as ``"weight slice"``; None: all
        :raises DataError: for a layer without vertices
        """
        found = [vertex for vertex in self.vertices if vertex.layer == layer and kind in (None, vertex.kind)]
        if not found:
            raise DataError(f"There are no vertices of layer {layer!r}{'' if kind is None else f' and kind {kind!r}'}. There are: "
                            f"{_names(f'{vertex.layer} ({vertex.kind})' for vertex in self.vertices)}.")
        return found

    def __str__(self) -> str:
        rows = [("vertex", "chip", "core", "samples", "awake", "sent", "again", "got", "twice", "foreign", "asked", "clipped",
                 "wrote")]
        rows += [(vertex.label, "{},{}".format(*vertex.chip), str(vertex.core), str(vertex.n_samples), f"{vertex.awake:.0%}",
                  str(vertex.packets_sent), str(vertex.packets_resent), str(vertex.packets_received), str(vertex.packets_repeated),
                  str(vertex.packets_foreign), str(vertex.requests), str(vertex.saturations),
                  f"{len(vertex.written)} lines" if vertex.written else "-") for vertex in self.vertices]
        remarks = [f"{vertex.label}: it {'; it '.join(vertex.remarks)}." for vertex in self.vertices if vertex.remarks]
        return "\n".join([f"{len(self.vertices)} vertices in the last pass on the {self.machine}", *table(rows, n_left=1),
                          *(remarks or ["Nothing came amiss, nothing was clipped, and no vertex wrote anything."])])


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def _names(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
