"""What a network is made of, and how it lies on a machine: what ``print(net)`` shows."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dlgraph.executor import Mapped
from dlgraph.formats import output_fraction
from dlgraph.graph.words import layer_words, n_parameters, optimiser_words, product, taken_words
from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import INPUT, Shape, WeightLayer
from dlgraph.mapping.cuts import DenseCut, SourceCut, StageCut
from dlgraph.mapping.input_density import mean_density
from dlgraph.mapping.memory import DTCM_HEAP_BYTES, core_bytes
from dlgraph.mapping.plan import CoreKind, Plan
from dlgraph.progress import MACHINE_HZ
from dlgraph.tables import table
from dlgraph.update_words import gradient_shift


@dataclass(frozen=True)
class LayerDescription:
    """One layer.

    :ivar does: in words, with the layer's own parameters
    :ivar takes: names of the layers whose values it takes
    :ivar gives: shape of its value, (height, width, channels)
    :ivar n_parameters: that are trained, biases among them
    :ivar values: number format of its value, such as ``"s4.11"``: a sign, 4 bits before the point and 11 behind it
    :ivar gradient_shift: how far errors are shifted right before they enter the weights' gradient; None without weights
    """

    name: str
    does: str
    takes: tuple[str, ...]
    gives: Shape
    n_parameters: int
    values: str
    gradient_shift: int | None


@dataclass(frozen=True)
class CoresDescription:
    """The cores of a layer, or of the network's input.

    :ivar cut: in words
    :ivar n_cores: in all replicas
    :ivar memory: bytes of data memory (DTCM) that the one with most needs
    :ivar cycles: per sample in training, that the slowest is expected to need
    """

    cut: str
    n_cores: int
    memory: int
    cycles: float


@dataclass(frozen=True)
class Description:
    """A network and its machine; ``str()`` makes a table of it.

    :ivar title: name, loss and optimiser
    :ivar machine: such as ``"emulated SpiNN-5 board"``
    :ivar input_shape: of a sample, (height, width, channels); likewise the format of its values
    :ivar cores: name of a layer -> its cores; ``"input"`` -> those that send the samples; layers that run on another's cores, and
        those that need none, are not in it
    :ivar runs_on: of layers that run on another's cores: name -> that of the other
    :ivar n_chips: that the cores stand on; of a network that has not run, at least
    :ivar exact: whether that is known from a run
    :ivar samples_per_second: that the cost model expects in training, of machine time
    :ivar batch_size: for which this is expected
    :ivar input_density: likewise, share of the inputs that are not zero
    :ivar problem: why there are no cores, or None
    """

    title: str
    machine: str
    input_shape: Shape
    input_values: str
    layers: tuple[LayerDescription, ...]
    cores: Mapping[str, CoresDescription]
    runs_on: Mapping[str, str]
    n_chips: int
    exact: bool
    window: int
    replicas: int
    samples_per_second: float
    batch_size: int
    input_density: float
    problem: str | None

    @property
    def n_parameters(self) -> int:
        """That are trained."""
        return sum(layer.n_parameters for layer in self.layers)

    @property
    def n_cores(self) -> int:
        """Of all layers and the input."""
        return sum(cores.n_cores for cores in self.cores.values())

    def __str__(self) -> str:
        rows = [["layer", "does", "takes", "gives", "values", "parameters"],
                ["input", "", "", _shape_words(self.input_shape), self.input_values, ""]]
        rows += [[layer.name, layer.does, taken_words(layer.takes), _shape_words(layer.gives), layer.values,
                  f"{layer.n_parameters:,}" if layer.n_parameters else ""] for layer in self.layers]
        if self.cores:
            rows[0] += ["cut", "cores", "bytes/core", "cycles/sample"]
            for row in rows[1:]:
                row += self._cores_of(row[0])
            for row in rows:                          # what lies left stands left
                row.insert(5, row.pop(6))
        lines = [f"{self.title}: {self.n_parameters:,} parameters (weights s3.28, biases s8.23)"]
        return "\n".join([*lines, *table(rows, 6 if self.cores else 5), *self._sums()])

    def _cores_of(self, name: str) -> list[str]:
        cores = self.cores.get(name)
        if cores is None:
            return [f"on {self.runs_on[name]}" if name in self.runs_on else "no cores", "", "", ""]
        return [cores.cut, str(cores.n_cores), f"{cores.memory:,}", f"{cores.cycles:,.0f}"]

    def _sums(self) -> list[str]:
        if self.problem is not None:
            return [self.problem]
        if not self.cores:
            return [f"On the {self.machine}."]
        chips = f"{'' if self.exact else 'at least '}{self.n_chips} chip{'s' * (self.n_chips != 1)}"
        replicas = f", {self.replicas} replicas" if self.replicas > 1 else ""
        return [f"On the {self.machine}: {self.n_cores} cores on {chips}{replicas}, {self.window} samples in flight; of a core's "
                f"{DTCM_HEAP_BYTES:,} bytes the largest takes {max(cores.memory for cores in self.cores.values()):,}.",
                f"Expected in training, in batches of {self.batch_size} with {self.input_density:.0%} of the inputs not zero: "
                f"{self.samples_per_second:,.0f} samples/s of machine time."]


def describe(name: str, graph: LayerGraph, machine: str, batch_size: int, mapped: Mapped | None, n_chips: int = 0,
             problem: str | None = None) -> Description:
    """A network in words.

    :param graph: with its number formats
    :param batch_size: that the gradients' shifts are told for, unless the cut was chosen for another one
    :param mapped: how it is cut, or None
    :param n_chips: of a network that has not run: at least so many
    :param problem: why it is not cut
    """
    chosen = mapped.chosen if mapped is not None else None
    size = chosen.batch_size if chosen is not None else batch_size
    metric = "" if graph.metric.name == "NONE" else f" and {graph.metric.name.lower()}"
    title = (f"{name}, {graph.loss.name.lower()}{' from logits' if graph.from_logits else ''}{metric}, "
             f"{optimiser_words(graph.optimiser)}")
    assert graph.input_shape is not None
    known = mapped.n_chips if mapped is not None else 0
    return Description(
        title, machine, graph.input_shape, _format(graph.input_fraction),
        tuple(_layer(graph, number, size) for number in range(len(graph.layers))),
        {} if chosen is None else _cores(chosen.plan, {key: spent.cycles for key, spent in chosen.stages.items()}),
        {} if chosen is None else {graph.layers[i].name: stage.name for stage in chosen.plan.stages for i in stage.operations},
        known or n_chips, bool(known), chosen.cut.shared_window or chosen.cut.window if chosen is not None else 0,
        chosen.cut.replicas if chosen is not None else 0,
        MACHINE_HZ / chosen.cycles_per_sample if chosen is not None else 0.0, size,
        mean_density(chosen.input_density) if chosen is not None else 1.0, problem)


def _layer(graph: LayerGraph, number: int, batch_size: int) -> LayerDescription:
    layer, shape = graph.layers[number], graph.shapes[number]
    is_output = number == len(graph.layers) - 1
    values = _format(output_fraction(graph), 32) if is_output else _format(layer.output_fraction)
    takes = tuple("input" if i == INPUT else graph.layers[i].name for i in layer.inputs)
    shift = gradient_shift(layer, batch_size, layer.n_positions(shape)) if isinstance(layer, WeightLayer) else None
    return LayerDescription(layer.name, layer_words(layer), takes, shape, n_parameters(layer), values, shift)


def _shape_words(shape: Shape) -> str:
    return product(shape if shape[:2] != (1, 1) else shape[2:])


def _format(fraction: int, bits: int = 16) -> str:
    return f"s{bits - 1 - fraction}.{fraction}"


def _cores(plan: Plan, cycles: Mapping[tuple[int, CoreKind], float]) -> dict[str, CoresDescription]:
    found = {}
    for stage in plan.stages:
        cores = [core for core in plan.cores if core.stage == stage.number]
        spent = max(value for (number, _), value in cycles.items() if number == stage.number)
        n_probes = sum(core.kind is CoreKind.PROBE for core in cores)
        probes = f", {_count(n_probes, 'probe')}" if n_probes else ""
        found[stage.name] = CoresDescription(_cut_words(plan.cut.stages[stage.number]) + probes, len(cores),
                                             max(core_bytes(plan, core) for core in cores), spent)
    return found


def _cut_words(cut: StageCut) -> str:
    if isinstance(cut, SourceCut):
        return _count(len(cut.boxes), "source")
    if isinstance(cut, DenseCut):
        where = " in SDRAM" if cut.in_sdram else ""
        return f"{_grid(len(cut.rows), len(cut.columns), 'slice')}{where}, {_count(len(cut.groups), 'group')}"
    return _grid(len(cut.rows), len(cut.columns), "tile") + (f" x {len(cut.channels)} blocks" if len(cut.channels) > 1 else "")


def _grid(n_down: int, n_across: int, what: str) -> str:
    return f"{n_down} x {n_across} {what}s" if n_down * n_across > 1 else f"1 {what}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"
