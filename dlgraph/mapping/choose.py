"""How to cut a network: the cut with the shortest time per batch (:mod:`dlgraph.mapping.expected`) that fits the machine."""
from __future__ import annotations

from dataclasses import dataclass
from math import inf, prod
from typing import Iterator, Mapping, Sequence

from dlgraph.errors import DoesNotFit
from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import WeightLayer
from dlgraph.mapping import cost, memory
from dlgraph.mapping.alignment import aligned
from dlgraph.mapping.annealing import LEAST_SPREAD
from dlgraph.mapping.candidates import Candidate, Candidates
from dlgraph.mapping.cost import CAUTIOUS
from dlgraph.mapping.cuts import Cut, DenseCut, SourceCut, StageCut, TileCut, cut_source, stages_to_share
from dlgraph.mapping.expected import ChosenCut, chosen, complaints, replicated_cycles
from dlgraph.mapping.fan_out import FanOut, make_fan_out
from dlgraph.mapping.input_density import InputDensity, mean_density
from dlgraph.mapping.neighbourhoods import CHIP_CORES
from dlgraph.mapping.plan import MAX_WORDS, Core, Plan, make_plan, pairs
from dlgraph.mapping.stages import Stage, StageKind
from dlgraph.mapping.too_large import too_large
from dlgraph.mapping.with_takers import core_bytes, group_cycles, streams_of

WINDOWS = (8, 4, 3, 2, 1)
SHARED_WINDOWS = (8, 6)        # of dense layers that replicas share
REPLICAS = (32, 24, 16, 8, 4, 2)  # of convolutions, that are tried
FEWER_CORES_FACTOR = 1.03        # a cut with more cores must be this much faster
TARGETS, LONGER_TARGETS = 28, 38  # cycles per sample that are tried; the second with weights in SDRAM, of which there may be many
MAX_SOURCES = 16
HOPELESS = 1.2                   # numbers of replicas whose estimate is so much above what was found are not looked at closely
MAX_PLANS = 30                   # that are laid out to look at them closely
ENOUGH_PLANS = 5                 # that fit
STREAMS_PER_CORE = 30            # more, and the 1,023 routes of a chip with 16 of the cores do not hold them
FEW_STREAMS = 800                # these always fit


def choose_plan(graph: LayerGraph, stages: Sequence[Stage], batch_size: int, max_cores: int,
                input_density: InputDensity = 1.0) -> ChosenCut:
    """The plan that the cost model likes best among those that fit.

    :param max_cores: application cores of the machine
    :param input_density: share of the inputs that are not zero
    :raises DoesNotFit: if no cut fits, naming layer and resource, also with weights in SDRAM
    """
    errors = []
    for in_sdram in sdram_choices(graph, stages, max_cores * memory.DTCM_HEAP_BYTES):
        try:
            found = _Chooser(graph, stages, batch_size, max_cores, input_density, in_sdram).choose()
        except DoesNotFit as error:
            errors.append(error)
            continue
        return found if in_sdram else _with_replicas(found, batch_size, max_cores, input_density)
    raise errors[-1]


def _with_replicas(alone: ChosenCut, batch_size: int, max_cores: int, input_density: InputDensity) -> ChosenCut:
    """What the cost model likes best of one network, and of replicas of its convolutions, each on a chip of its own, that share
    the dense layers.  What the tiles of a replica exchange for every sample loads no link then.
    """
    graph, stages = alone.plan.graph, alone.plan.stages
    shared = stages_to_share(stages)
    best = alone
    for replicas in REPLICAS if shared else ():
        if replicas <= min(batch_size, max_cores // CHIP_CORES):
            chooser = _Chooser(graph, stages, batch_size, max_cores, input_density, replicas=replicas, shared=shared)
            if chooser.hoped_for() > HOPELESS * best.cautious:
                continue
            try:
                found = chooser.choose()
            except DoesNotFit:
                continue
            if found.cautious < best.cautious:
                best = found
    return best


def sdram_choices(graph: LayerGraph, stages: Sequence[Stage], dtcm: int) -> Iterator[frozenset[int]]:
    """Stages whose weights could stay in SDRAM, to be tried in this order: none, the largest, the two largest, all dense layers.

    :param dtcm: bytes that all cores have for weights: choices that leave more to them are left out
    """
    sizes = {stage.number: layer.weights.size * memory.weight_bytes(graph)
             for stage in stages[1:] if isinstance(layer := graph.layers[stage.layer], WeightLayer)}
    dense = sorted((stage.number for stage in stages if stage.kind is StageKind.DENSE), key=lambda number: -sizes[number])
    for n in sorted({min(n, len(dense)) for n in (0, 1, 2, len(dense))}):
        if n == len(dense) or sum(sizes[number] for number in sizes if number not in dense[:n]) <= dtcm:
            yield frozenset(dense[:n])


@dataclass(frozen=True)
class _Estimate:
    """A cut of everything, as the cost model sees it without laying it out."""

    rank: float
    cuts: tuple[StageCut, ...]
    window: int
    bytes_of: Mapping[int, float]
    replicated_target: float


class _Chooser:
    """Estimates many cuts, lays out the best of them, learns from that, and takes the best that fits."""

    def __init__(self, graph: LayerGraph, stages: Sequence[Stage], batch_size: int, max_cores: int, input_density: InputDensity,
                 in_sdram: frozenset[int] = frozenset(), replicas: int = 1, shared: frozenset[int] = frozenset()) -> None:
        self.graph, self.stages = graph, list(stages)
        self.replicas, self.shared = replicas, shared
        self.in_sdram = in_sdram
        self.batch_size, self.max_cores = batch_size, max_cores
        self.input_density = input_density
        self.candidates = Candidates(graph, self.stages, in_sdram, replicas, shared, input_density)
        self.reasons: list[str] = []
        self.fewest_cores = 1 << 30
        self.too_many = ""
        #: Stage, target of the replicas (what takes their values needs memory as they are cut) -> data memory that its largest
        #: core needed, by what was estimated.
        self.bytes_factor: dict[tuple[int, float], float] = {}
        self.fan_outs: dict[tuple[int, tuple[StageCut, ...]], FanOut] = {}
        self.known: dict[tuple[int, StageCut, int], tuple[float, float, float]] = {}

    def hoped_for(self) -> float:
        """Cycles per sample of the best cut, before any is laid out: nearly always too few."""
        estimate = None if too_large(self.graph, self.stages, self.in_sdram, self.max_cores) else self._best_estimate(set())
        return estimate.rank if estimate is not None else inf

    def choose(self) -> ChosenCut:
        reasons = too_large(self.graph, self.stages, self.in_sdram, self.max_cores)
        if reasons:
            raise self._does_not_fit(reasons)
        found: list[ChosenCut] = []
        plans: dict[tuple[StageCut, ...], Plan] = {}
        tried: set[tuple[tuple[StageCut, ...], int]] = set()
        while len(tried) < MAX_PLANS and len(found) < ENOUGH_PLANS:
            estimate = self._best_estimate(tried)
            if estimate is None:
                break
            tried.add((estimate.cuts, estimate.window))
            if estimate.cuts not in plans:
                plans[estimate.cuts] = make_plan(self.graph, self.stages, self._cut(estimate.cuts, estimate.window))
            cut = self._cut(estimate.cuts, estimate.window)
            plan = plans[estimate.cuts].with_windows(cut.window, cut.shared_window)
            bytes_of = {core: memory.core_bytes(plan, core) for core in plan.cores}
            wrong = complaints(plan, bytes_of)
            if wrong:
                self.reasons = list(wrong.values())
            else:
                found.append(chosen(plan, self.batch_size, self.input_density))
            self._learn(bytes_of, estimate)
        if not found:
            raise self._does_not_fit(self.reasons or [self.too_many or "no cut of its layers fits the cores"])
        return min(found, key=lambda each: self._rank(each.cautious, each.n_cores // self.replicas))

    def _cut(self, cuts: tuple[StageCut, ...], window: int) -> Cut:
        """With so many samples in flight; replicas have one each."""
        return Cut(cuts, 1, self.replicas, self.shared, window) if self.shared else Cut(cuts, window)

    @staticmethod
    def _does_not_fit(reasons: Sequence[str]) -> DoesNotFit:
        return DoesNotFit(f"The network does not fit the machine: {'; '.join(reasons)}. Make the layers named smaller, or use a "
                          f"machine with more cores.")

    def _learn(self, bytes_of: Mapping[Core, int], estimate: _Estimate) -> None:
        """How far the estimates of data memory are off, stage by stage."""
        need: dict[int, int] = {}
        for core, n_bytes in bytes_of.items():
            need[core.stage] = max(need.get(core.stage, 0), n_bytes)
        for stage in self.stages[1:]:
            self.bytes_factor[stage.number, estimate.replicated_target] = need[stage.number] / estimate.bytes_of[stage.number]

    @staticmethod
    def _rank(cycles: float, n_cores: int) -> float:
        return cycles * (1.0 + (FEWER_CORES_FACTOR - 1.0) * n_cores / 16)

    def _best_estimate(self, tried: set[tuple[tuple[StageCut, ...], int]]) -> _Estimate | None:
        """The best cut that should fit, as far as it is known by now."""
        best: _Estimate | None = None
        targets = _targets(LONGER_TARGETS if self.in_sdram else TARGETS)
        alone = [(target, 0.0) for target in targets]
        shared = [(target, own / self.replicas) for target in targets[8:17] for own in targets[15::2]]
        for window in WINDOWS if not self.shared else SHARED_WINDOWS:
            for target, replicated in shared if self.shared else alone:
                estimate = self._for_target(target, replicated, window)
                if (estimate is not None and (estimate.cuts, window) not in tried
                        and (best is None or estimate.rank < best.rank)):
                    best = estimate
        return best

    def _for_target(self, shared_target: float, replicated_target: float, window: int) -> _Estimate | None:
        """The cuts with fewest cores whose every stage takes at most so many cycles per sample, and that should fit.

        :param replicated_target: of stages that have replicas, divided by their number
        """
        cuts: dict[int, StageCut] = {}
        bytes_of: dict[int, float] = {}
        round_trip = shared_trip = slowest = n_streams = update = 0.0
        network = 0.0
        n_replicated = n_shared = 0
        for stage in reversed(self.stages[1:]):
            n_replicas = self.candidates.replicas_of(stage)
            target = replicated_target if n_replicas > 1 else shared_target
            in_flight = 1 if n_replicas > 1 else window
            fan_out = self._fan_out(stage, cuts)
            room = memory.DTCM_HEAP_BYTES / self.bytes_factor.get((stage.number, replicated_target), 1.0)
            for candidate in self.candidates.of_stage(stage):
                if candidate.compute > target * n_replicas:
                    continue
                group, fixed, per_window = self._with_takers(stage, candidate, fan_out)
                need = fixed + per_window * in_flight
                if need > room:
                    continue
                # one output group does the softmax: with a single block of rows it cannot be made faster
                alone = stage.is_output and isinstance(candidate.cut, DenseCut) and len(candidate.cut.rows) == 1
                if group <= target * n_replicas or alone:
                    break
            else:
                return None
            cuts[stage.number] = candidate.cut
            bytes_of[stage.number] = need
            slowest = max(slowest, group / n_replicas, candidate.compute / n_replicas)
            update = max(update, candidate.update)
            trip = group + (candidate.compute if stage.kind is StageKind.DENSE else 0)
            round_trip += trip
            n_streams += streams_of(candidate, fan_out) * n_replicas
            network += self._packets(stage, candidate, fan_out) * CAUTIOUS.tile_packet
            if n_replicas > 1:
                n_replicated += candidate.n_cores
            else:
                n_shared += candidate.n_cores
                shared_trip += trip
        cuts.update({stage.number: aligned(stage, cuts) for stage in self.stages[1:]})
        cuts[0], source = self._source_cut(shared_target, cuts)
        in_order = tuple(cuts[stage.number] for stage in self.stages)
        n_cores = self._cut(in_order, window).n_cores
        n_chips = self.max_cores // CHIP_CORES
        if self.shared and (n_replicated > CHIP_CORES or self.replicas + -(-n_shared // LEAST_SPREAD) > n_chips):
            return None
        if n_cores > self.max_cores:
            self._remember_too_many(in_order, n_cores)
            return None
        if n_streams > max(FEW_STREAMS, STREAMS_PER_CORE * n_cores):
            self.too_many = self.too_many or (f"it needs about {n_streams:.0f} streams, too many for the routing tables of the "
                                              f"chips that its {n_cores} cores are on")
            return None
        round_trip += source
        slowest = max(slowest, source, network)
        if self.shared:
            cycles = replicated_cycles(self._cut(in_order, window), slowest, round_trip, shared_trip, self.batch_size)
        else:
            cycles = max(slowest, round_trip / window) + round_trip / self.batch_size
        return _Estimate(self._rank(cycles + update / self.batch_size, n_cores // self.replicas), in_order, window, bytes_of,
                         replicated_target)

    def _packets(self, stage: Stage, candidate: Candidate, fan_out: FanOut) -> float:
        """As cost.network_cycles counts them, of what goes out of a stage and comes back."""
        takers = [self.stages[number] for number in stage.takers]
        if stage.kind is StageKind.DENSE and all(taker.kind is StageKind.DENSE for taker in takers):
            return 0.0
        if self.candidates.replicas_of(stage) > 1 and not any(taker.number in self.shared for taker in takers):
            return 0.0
        return prod(stage.shape) * (fan_out.sent / 2 * cost.HIDDEN_DENSITY + fan_out.returned * stage.learns)

    def _remember_too_many(self, cuts: Sequence[StageCut], n_cores: int) -> None:
        """Of all cuts with too many cores the one with fewest says what is missing."""
        if n_cores < self.fewest_cores:
            self.fewest_cores = n_cores
            of_stage = {stage.name: 0 if isinstance(cut, SourceCut) else cut.n_cores for stage, cut in zip(self.stages, cuts)}
            largest = max(of_stage, key=lambda name: of_stage[name])
            self.too_many = (f"it needs {n_cores} cores, of which layer {largest!r} {of_stage[largest]}; the machine has "
                             f"{self.max_cores}, {n_cores - self.max_cores} too few")

    def _source_cut(self, target: float, cuts: Mapping[int, StageCut]) -> tuple[SourceCut, float]:
        """With the cycles of a source."""
        source = self.stages[0]
        n_inputs = prod(source.shape)
        n_takers = sum(_n_takers(cuts[i]) for i in source.takers)
        sent = self._fan_out(source, cuts).sent
        n_sources = 1
        while True:
            n = -(-n_inputs // n_sources)
            cycles = (n * CAUTIOUS.decode + sent * pairs(n) * mean_density(self.input_density) * CAUTIOUS.send
                      + n_takers / n_sources * CAUTIOUS.credit + CAUTIOUS.sample)
            if (cycles <= target and n <= 2 * MAX_WORDS) or n_sources == MAX_SOURCES:
                return cut_source(source, n_sources), cycles
            n_sources += 1

    def _fan_out(self, stage: Stage, cuts: Mapping[int, StageCut]) -> FanOut:
        key = stage.number, tuple(cuts[number] for number in stage.takers)
        if key not in self.fan_outs:
            self.fan_outs[key] = make_fan_out(self.graph, self.stages, stage, cuts)
        return self.fan_outs[key]

    def _with_takers(self, stage: Stage, candidate: Candidate, fan_out: FanOut) -> tuple[float, float, float]:
        """Cycles of what makes the stage's value; bytes of its largest core, those apart that go with the window."""
        key = stage.number, candidate.cut, id(fan_out)          # fan-outs live as long as this
        if key not in self.known:
            n_planes = len(self.graph.optimiser.planes)
            one, two = (core_bytes(stage, candidate, fan_out, window, n_planes) for window in (4, 8))
            self.known[key] = group_cycles(stage, candidate, fan_out), 2 * one - two, (two - one) / 4
        return self.known[key]


def _n_takers(cut: StageCut) -> int:
    return len(cut.rows) * len(cut.columns) if isinstance(cut, DenseCut) else cut.n_cores if isinstance(cut, TileCut) else 0


def _targets(n: int) -> list[float]:
    return [1000.0 * 1.35 ** k for k in range(n)]
