"""How to cut a network: the cut with the shortest time per batch that fits the machine.

The time of a batch is modelled as a pipeline: ``batch x max(slowest stage, round trip / window) + round trip``,
where the round trip is the sum of the stages that a sample passes on its way forward and back.
"""
from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Iterator, Mapping, Sequence

from dlgraph.errors import DoesNotFit
from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import Activation, ConvolutionLayer, WeightLayer
from dlgraph.mapping import cost, memory
from dlgraph.mapping.cost import Stage as StageCycles
from dlgraph.mapping.cuts import Cut, DenseCut, RowBlock, SourceCut, StageCut, TileCut, cut_dense, cut_source, cut_tiles
from dlgraph.mapping.boxes import Box, even
from dlgraph.mapping.intervals import Interval
from dlgraph.mapping.neighbourhoods import CHIP_CORES
from dlgraph.mapping.plan import MAX_WORDS, CoreKind, Plan, make_plan, padded, padded_channels, pairs
from dlgraph.mapping.stages import Stage, StageKind, head_box, input_box

MAX_ALIGNED_ROWS = 12            # more blocks of rows cost the groups more sums than they save on links
WINDOWS = (8, 6, 4, 3, 2, 1)
MAX_STREAMS_IN = 1000            # c_models/streams counts slots in 16 bits
FEWER_CORES_FACTOR = 1.03        # a cut with more cores must be this much faster
MAX_STAGE_CORES = 400
COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48)


@dataclass(frozen=True)
class ChosenCut:
    """A plan and what the cost model expects of it.

    :param cycles_per_sample: in training, batch boundaries included
    :param stages: (number of the stage, kind of core) -> what its slowest core spends
    """

    plan: Plan
    cycles_per_sample: float
    stages: Mapping[tuple[int, CoreKind], StageCycles]

    @property
    def cut(self) -> Cut:
        return self.plan.cut

    @property
    def n_cores(self) -> int:
        return len(self.plan.cores)


def chosen(plan: Plan, batch_size: int, input_density: float) -> ChosenCut:
    """A plan with what the cost model expects of it."""
    slowest = stage_cycles(plan, input_density)
    return ChosenCut(plan, cycles_per_sample(slowest, plan.window, batch_size), slowest)


def stage_cycles(plan: Plan, input_density: float = 1.0) -> dict[tuple[int, CoreKind], StageCycles]:
    """(number of the stage, kind of core) -> what its slowest core spends in training."""
    found: dict[tuple[int, CoreKind], StageCycles] = {}
    for core in plan.cores:
        spent = cost.core_cycles(plan, core, input_density)
        before = found.get((core.stage, core.kind), StageCycles(0.0))
        found[core.stage, core.kind] = StageCycles(max(spent.cycles, before.cycles), max(spent.update, before.update))
    return dict(sorted(found.items(), key=lambda item: (item[0][0], item[0][1].value)))


def cycles_per_sample(stages: Mapping[tuple[int, CoreKind], StageCycles], window: int, batch_size: int) -> float:
    """Modelled cycles of a batch in training, per sample."""
    round_trip = sum(stage.cycles for stage in stages.values())
    slowest = max(stage.cycles for stage in stages.values())
    update = max(stage.update for stage in stages.values())
    return max(slowest, round_trip / window) + (round_trip + update) / batch_size


def complaints(plan: Plan, window: int) -> dict[int, str]:
    """Why the plan does not fit cores, by stage; empty if it does."""
    found: dict[int, str] = {}
    for core in plan.cores:
        need = memory.core_bytes(plan, core, window)
        name = plan.stages[core.stage].name
        if core.stage in found:
            continue
        if need > memory.DTCM_HEAP_BYTES:
            found[core.stage] = (f"layer {name!r}: a {core.kind.value} ({core.label}) needs {need} bytes of DTCM, there are "
                                 f"{memory.DTCM_HEAP_BYTES}")
        elif len(core.streams_in) > MAX_STREAMS_IN:
            found[core.stage] = (f"layer {name!r}: a {core.kind.value} has {len(core.streams_in)} incoming streams, possible are "
                                 f"{MAX_STREAMS_IN}")
        elif any(end.stream.extent > MAX_WORDS for end in core.streams_in):
            found[core.stage] = f"layer {name!r}: a stream of a {core.kind.value} has more than {MAX_WORDS} words"
    return found


def choose_plan(graph: LayerGraph, stages: Sequence[Stage], batch_size: int, max_cores: int,
                input_density: float = 1.0) -> ChosenCut:
    """The plan that the cost model likes best among those that fit.

    :param max_cores: application cores of the machine
    :param input_density: share of the inputs that are not zero
    :raises DoesNotFit: if no cut fits, naming layer and resource
    """
    return _Chooser(graph, stages, batch_size, max_cores, input_density).choose()


@dataclass(frozen=True)
class _Candidate:
    """A cut of one stage, and what its cores spend apart from what its takers decide."""

    cut: DenseCut | TileCut
    compute: float               # of its slices or tiles
    n_units: int                 # of its largest group or tile

    @property
    def n_cores(self) -> int:
        return self.cut.n_cores


class _Chooser:
    def __init__(self, graph: LayerGraph, stages: Sequence[Stage], batch_size: int, max_cores: int, input_density: float) -> None:
        self.graph, self.stages = graph, list(stages)
        self.batch_size, self.max_cores = batch_size, max_cores
        self.input_density = input_density
        self.n_planes = len(graph.optimiser.planes)
        self.plans: dict[tuple[StageCut, ...], Plan] = {}
        self.candidates: dict[int, list[_Candidate]] = {}
        self.reasons: list[str] = []

    def choose(self) -> ChosenCut:
        best: ChosenCut | None = None
        for window in WINDOWS:
            #: Cuts of a stage that were found not to fit with this window.
            banned: dict[int, set[StageCut]] = {}
            tried: set[tuple[StageCut, ...]] = set()
            for target in _targets():
                cuts = self._fitting(target, window, banned, tried)
                if cuts is None:
                    continue
                plan = self._plan(cuts, window)
                found = chosen(plan, self.batch_size, self.input_density)
                if best is None or self._rank(found) < self._rank(best):
                    best = found
        if best is None:
            raise DoesNotFit(f"The network does not fit the machine: "
                             f"{'; '.join(self._too_large() or self.reasons) or 'no cut of its layers fits the cores'}. "
                             f"Make the layers named smaller, or use a machine with more cores.")
        return best

    @staticmethod
    def _rank(found: ChosenCut) -> float:
        return found.cycles_per_sample * (1.0 + (FEWER_CORES_FACTOR - 1.0) * found.n_cores / 16)

    def _plan(self, cuts: tuple[StageCut, ...], window: int) -> Plan:
        plan = self.plans.get(cuts)
        if plan is None:
            plan = self.plans[cuts] = make_plan(self.graph, self.stages, Cut(cuts, window))
        return plan.with_window(window)

    def _fitting(self, target: float, window: int, banned: dict[int, set[StageCut]],
                 tried: set[tuple[StageCut, ...]]) -> tuple[StageCut, ...] | None:
        """The cuts with fewest cores whose every stage takes at most ``target`` cycles per sample, and that fit."""
        for _ in range(40):
            cuts = self._for_target(target, banned)
            if cuts is None or cuts in tried:
                return None
            tried.add(cuts)
            n_cores = Cut(cuts, window).n_cores
            if n_cores > self.max_cores:
                self.reasons = self.reasons or [f"it needs {n_cores} cores, the machine has {self.max_cores}"]
                return None
            wrong = complaints(self._plan(cuts, window), window)
            if not wrong:
                return cuts
            self.reasons = list(wrong.values())
            for number in wrong:
                if number == 0:                        # more sources: nothing else to try
                    return None
                banned.setdefault(number, set()).add(cuts[number])
        return None

    def _for_target(self, target: float, banned: Mapping[int, set[StageCut]]) -> tuple[StageCut, ...] | None:
        cuts: dict[int, StageCut] = {}
        for stage in reversed(self.stages[1:]):
            sent, returned = self._fan_out(stage, cuts)
            for candidate in self._candidates(stage):
                if candidate.cut in banned.get(stage.number, ()):
                    continue
                if candidate.compute <= target and self._group_cycles(stage, candidate, sent, returned) <= target:
                    break
                # one output group does the softmax: with a single block of rows it cannot be made faster
                if (stage.is_output and isinstance(candidate.cut, DenseCut) and len(candidate.cut.rows) == 1
                        and candidate.compute <= target):
                    break
            else:
                return None
            cuts[stage.number] = candidate.cut
        aligned = {stage.number: self._aligned(stage, cuts) for stage in self.stages[1:]}
        for number, cut in aligned.items():
            if cut not in banned.get(number, ()):
                cuts[number] = cut
        cuts[0] = self._source_cut(target, cuts)
        return tuple(cuts[stage.number] for stage in self.stages)

    def _source_cut(self, target: float, cuts: Mapping[int, StageCut]) -> SourceCut:
        source = self.stages[0]
        n_inputs = prod(source.shape)
        n_takers = sum(_n_takers(cuts[i]) for i in source.takers)
        sent, _ = self._fan_out(source, cuts)
        n_sources = 1
        while n_sources < 16:
            n = -(-n_inputs // n_sources)
            cycles = (n * cost.DECODE_CYCLES + sent * pairs(n) * self.input_density * cost.SEND_CYCLES
                      + n_takers / n_sources * cost.CREDIT_CYCLES + cost.SAMPLE_CYCLES)
            if cycles <= target and n <= 2 * MAX_WORDS:
                break
            n_sources += 1
        return cut_source(source, n_sources)

    def _fan_out(self, stage: Stage, cuts: Mapping[int, StageCut]) -> tuple[float, float]:
        """How often each activation is sent, and how many partial errors come back for it."""
        sent = returned = 0.0
        for number in stage.takers:
            taker, cut = self.stages[number], cuts[number]
            if isinstance(cut, DenseCut):
                sent += 1
                returned += len(cut.columns)
            elif isinstance(cut, TileCut):
                area = prod(taker.takes[0].shape[:2])
                held = 0
                for rows, columns in product(cut.rows, cut.columns):
                    box = input_box(self.graph, taker, head_box(self.graph, taker, Box(rows, columns, cut.channels[0])))
                    real = box.overlap(Box(Interval(0, stage.shape[0]), Interval(0, stage.shape[1]), box.channels))
                    held += len(real.rows) * len(real.columns) if real else 0
                sent += held / area
                returned += held / area * (len(cut.channels) if taker.kind is StageKind.CONVOLUTION else 1)
        return max(sent, 1.0), returned

    def _group_cycles(self, stage: Stage, candidate: _Candidate, sent: float, returned: float) -> float:
        """What makes the stage's value: a group or a tile, with what its takers decide."""
        n = candidate.n_units
        cycles = n * returned * (cost.RECEIVE_CYCLES + cost.SUMMAND_CYCLES) + n / 2 * sent * cost.SEND_CYCLES
        if isinstance(candidate.cut, DenseCut):
            n_sums = len(candidate.cut.rows)
            cycles += n * n_sums * (cost.RECEIVE_CYCLES + cost.SUMMAND_CYCLES) + n * (cost.UNIT_CYCLES + cost.SEND_CYCLES)
            cycles += (n_sums + returned + 2) * cost.STREAM_SAMPLE_CYCLES
            if stage.is_output:
                cycles += n * cost.SOFTMAX_UNIT_CYCLES
            return cycles
        return cycles + candidate.compute

    # ----------------------------------------------------------------- candidates

    def _candidates(self, stage: Stage) -> list[_Candidate]:
        """Cuts of a stage worth trying, fewest cores first."""
        if stage.number not in self.candidates:
            found = {c.cut: c for c in (self._dense(stage) if stage.kind is StageKind.DENSE else self._tiles(stage))}
            self.candidates[stage.number] = sorted(found.values(), key=lambda c: (c.n_cores, c.compute))
        return self.candidates[stage.number]

    def _density(self, stage: Stage) -> float:
        return self.input_density if stage.takes_input else cost.HIDDEN_DENSITY

    def _dense(self, stage: Stage) -> Iterator[_Candidate]:
        density, first = self._density(stage), all(p.stage == 0 for p in stage.takes[0].parts)
        for n_rows, n_columns in product(COUNTS, COUNTS):
            if n_rows * n_columns > MAX_STAGE_CORES or n_columns > -(-stage.shape[2] // 8):
                continue
            for n_groups in ({1} if stage.is_output else {n_columns, -(-n_columns // 2), -(-n_columns // 4)}):
                cut = cut_dense(stage, n_rows, n_columns, n_groups)
                rows = max(prod(block.box.shape) for block in cut.rows)
                columns = max(map(len, cut.columns))
                products = rows * padded(columns)
                need = (memory.PARAMETER_BYTES + memory.STATE_BYTES * self.n_planes) * products
                if need > memory.DTCM_HEAP_BYTES or rows > MAX_WORDS:
                    continue
                cycles = (pairs(rows) * density * cost.RECEIVE_CYCLES + 2 * rows * cost.ROW_CYCLES
                          + products * density * (cost.FORWARD_CYCLES + cost.GRADIENT_CYCLES) + cost.SAMPLE_CYCLES
                          + columns * (cost.SEND_CYCLES + cost.RECEIVE_CYCLES)
                          + (1 if first else -(-rows // 16) + 2) * cost.STREAM_SAMPLE_CYCLES)
                if not first:
                    cycles += products * cost.BACKWARD_CYCLES + rows * cost.SEND_CYCLES
                yield _Candidate(cut, cycles, max(map(len, cut.groups)))

    def _tiles(self, stage: Stage) -> Iterator[_Candidate]:
        layer = self.graph.layers[stage.layer]
        density, first = self._density(stage), stage.takes_input
        for n_rows, n_columns, n_channels in product(COUNTS, COUNTS, COUNTS):
            if (n_rows > stage.shape[0] or n_columns > stage.shape[1] or n_channels > stage.shape[2]
                    or n_rows * n_columns * n_channels > MAX_STAGE_CORES or n_columns > 2 * n_rows):
                continue
            cut = cut_tiles(stage, n_rows, n_columns, n_channels)
            if (len(cut.rows), len(cut.columns), len(cut.channels)) != (n_rows, n_columns, n_channels):
                continue
            largest = Box(max(cut.rows, key=len), max(cut.columns, key=len), max(cut.channels, key=len))
            head = head_box(self.graph, stage, largest)
            needed = input_box(self.graph, stage, head)
            n_in = len(needed.rows) * len(needed.columns) * sum(len(needed.channels) for _ in stage.takes)
            n_head = prod(head.shape)
            cycles = (pairs(n_in) * density * cost.RECEIVE_CYCLES + n_head * cost.ELEMENT_CYCLES * (1 + len(stage.operations))
                      + cost.SAMPLE_CYCLES)
            if not first:
                cycles += n_in * cost.SEND_CYCLES
            if isinstance(layer, WeightLayer) and layer.activation in (Activation.SIGMOID, Activation.TANH):
                cycles += n_head * cost.CURVE_CYCLES
            if isinstance(layer, ConvolutionLayer):
                positions = len(head.rows) * len(head.columns)
                pitch = 1 if needed.channels.stop == 1 else even(len(needed.channels))
                n_weights = prod(layer.weights.shape[:2]) * pitch * padded_channels(len(head.channels))
                if 8 * n_weights > memory.DTCM_HEAP_BYTES:
                    continue
                calls = positions * layer.weights.shape[0] * cost.POSITION_CYCLES
                cycles += positions * n_weights * density * (cost.FORWARD_CYCLES + cost.GRADIENT_CYCLES) + 2 * calls
                if not first:
                    cycles += positions * n_weights * cost.BACKWARD_CYCLES + calls
                if cut.n_tiles > 1:            # exchange of gradients and weights at the end of a batch
                    cycles += (2 * n_weights * cost.RECEIVE_CYCLES + 2 * n_weights * cost.SEND_CYCLES) / self.batch_size
            yield _Candidate(cut, cycles, prod(largest.shape))

    def _aligned(self, stage: Stage, cuts: Mapping[int, StageCut]) -> StageCut:
        """Rows cut where chips end: a block holds the groups of the layer before that fit one chip with their slices.

        Then activations and partial errors of the block stay on the chip, and only sums and errors of its columns travel.
        """
        cut = cuts[stage.number]
        parts = stage.takes[0].parts if stage.takes else []
        if not isinstance(cut, DenseCut) or len(cut.rows) == 1 or len(parts) != 1:
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
        return DenseCut(rows, cut.columns, cut.groups)

    # ----------------------------------------------------------------- what does not fit

    def _too_large(self) -> list[str]:
        """What no cut whatever can bring onto the machine, and by how much."""
        found = []
        output = self.stages[-1]
        need = 100 * output.shape[2]                    # of an output group with one block of rows
        if need > memory.DTCM_HEAP_BYTES:
            found.append(f"the {output.shape[2]} outputs of layer {output.name!r} belong on one core and need about {need} bytes "
                         f"of its data memory, there are {memory.DTCM_HEAP_BYTES}")
        sizes = {layer.name: (memory.PARAMETER_BYTES + memory.STATE_BYTES * self.n_planes) * layer.weights.size
                 for layer in self.graph.weight_layers}
        room = self.max_cores * memory.DTCM_HEAP_BYTES
        if sum(sizes.values()) > room:
            largest = max(sizes, key=lambda name: sizes[name])
            shape = next(layer.weights.shape for layer in self.graph.weight_layers if layer.name == largest)
            found.append(f"weights, their gradients and the optimiser's state need {sum(sizes.values())} bytes, of which layer "
                         f"{largest!r} with {' x '.join(map(str, shape))} weights {sizes[largest]}; the machine's "
                         f"{self.max_cores} cores have {room} bytes of data memory")
        return found


def _n_takers(cut: StageCut) -> int:
    return len(cut.rows) * len(cut.columns) if isinstance(cut, DenseCut) else cut.n_cores if isinstance(cut, TileCut) else 0


def _targets() -> list[float]:
    return [1000.0 * 1.35 ** k for k in range(28)]
