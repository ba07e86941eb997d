"""How to cut a network: the cut with the shortest time per batch that fits the machine.

The time of a batch is modelled as a pipeline: ``batch x max(slowest stage, round trip / window) + round trip``,
where the round trip is the sum of the stages that a sample passes on its way forward and back.
"""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from math import inf, prod
from typing import Iterable, Iterator, Mapping, Sequence

from dlgraph.custom_layer import CustomLayer, CustomWeightLayer
from dlgraph.errors import DoesNotFit
from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import Activation, ConvolutionLayer, WeightLayer
from dlgraph.mapping import cost, memory
from dlgraph.mapping.cost import Stage as StageCycles
from dlgraph.mapping.annealing import LEAST_SPREAD
from dlgraph.mapping.boxes import Box, even
from dlgraph.mapping.cuts import (
    Cut, DenseCut, RowBlock, SourceCut, StageCut, TileCut, cut_dense, cut_source, cut_tiles, row_blocks,
    stages_to_share)
from dlgraph.mapping.exchange import SEGMENT_WORDS
from dlgraph.mapping.fixed import Place
from dlgraph.mapping.intervals import Interval
from dlgraph.mapping.looks import Looks
from dlgraph.mapping.neighbourhoods import CHIP_CORES
from dlgraph.mapping.pacing import EXCHANGE_LOAD, LIKELY_LINKS, LINK_CYCLES, LOAD, pace_anywhere
from dlgraph.mapping.plan import (
    MAX_WORDS, Core, CoreKind, Plan, custom_columns, make_plan, padded, padded_channels, pairs)
from dlgraph.mapping.stages import Stage, StageKind, head_box, input_box
from dlgraph.mapping.sweeps import LEAST_SWEEP, TYPICAL_SAMPLES, SliceShape, fetch_cycles

MAX_ALIGNED_ROWS = 12            # more blocks of rows cost the groups more sums than they save on links
WINDOWS = (8, 4, 3, 2, 1)
SHARED_WINDOWS = (8, 6)        # of dense layers that replicas share
REPLICAS = (32, 24, 16, 8, 4, 2)  # of convolutions, that are tried
MAX_STREAMS_IN = 1000            # c_models/streams counts slots in 16 bits
FEWER_CORES_FACTOR = 1.03        # a cut with more cores must be this much faster
MAX_STAGE_CORES = 400
TARGETS, LONGER_TARGETS = 28, 38  # cycles per sample that are tried; the second with weights in SDRAM, of which there may be many
MAX_SOURCES = 16
HOPELESS = 1.2                   # numbers of replicas whose estimate is so much above what was found are not looked at closely
MAX_PLANS = 30                   # that are laid out to look at them closely
ENOUGH_PLANS = 5                 # that fit
STREAMS_PER_CORE = 30            # more, and the 1,023 routes of a chip with 16 of the cores do not hold them
FEW_STREAMS = 800                # these always fit
BASE_BYTES = 4000                # of every core: tables of streams, claims, the ring's least
COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48)


@dataclass(frozen=True)
class ChosenCut:
    """A plan and what the cost model expects of it.

    :param cycles_per_sample: in training, batch boundaries included
    :param stages: (number of the stage, kind of core) -> what its slowest core spends, of the samples of its replica
    :param batch_size: for which this is expected
    :param input_density: likewise: share of the network's inputs that are not zero
    :param fixed: cores whose places are given by hand
    """

    plan: Plan
    cycles_per_sample: float
    stages: Mapping[tuple[int, CoreKind], StageCycles]
    batch_size: int
    input_density: float
    fixed: Mapping[Core, Place] = field(default_factory=dict)

    @property
    def cut(self) -> Cut:
        """How the network is cut."""
        return self.plan.cut

    @property
    def n_cores(self) -> int:
        """Cores that it takes."""
        return len(self.plan.cores)


def chosen(plan: Plan, batch_size: int, input_density: float) -> ChosenCut:
    """A plan with what the cost model expects of it, wherever its cores may stand."""
    pace_anywhere(plan)
    return expected(plan, batch_size, input_density)


def expected(plan: Plan, batch_size: int, input_density: float) -> ChosenCut:
    """A plan with what the cost model expects of it at the distances that its packets keep."""
    slowest = stage_cycles(plan, input_density)
    network = cost.network_cycles(plan, input_density)
    cycles = cycles_per_sample(plan.cut, slowest, batch_size, network)
    looks = Looks.for_interval(cycles * plan.cut.replicas)
    return ChosenCut(replace(plan, looks=looks), cycles, slowest, batch_size, input_density)


def stage_cycles(plan: Plan, input_density: float = 1.0) -> dict[tuple[int, CoreKind], StageCycles]:
    """(number of the stage, kind of core) -> what its slowest core spends in training."""
    found: dict[tuple[int, CoreKind], StageCycles] = {}
    for core in plan.cores:
        spent = cost.core_cycles(plan, core, input_density)
        before = found.get((core.stage, core.kind), StageCycles(0.0))
        found[core.stage, core.kind] = StageCycles(max(spent.cycles, before.cycles), max(spent.update, before.update))
    return dict(sorted(found.items(), key=lambda item: (item[0][0], item[0][1].value)))


def cycles_per_sample(cut: Cut, stages: Mapping[tuple[int, CoreKind], StageCycles], batch_size: int,
                      network: float = 0.0) -> float:
    """Modelled cycles of a batch in training, per sample.

    :param network: cycles that links need for a sample
    """
    # a probe takes what others take at the same time
    round_trip = sum(stage.cycles for (_, kind), stage in stages.items() if kind is not CoreKind.PROBE)
    shared_trip = sum(stage.cycles for (number, _), stage in stages.items() if number in cut.shared)
    slowest = max(stage.cycles / cut.replicas_of(number) for (number, _), stage in stages.items())
    update = max(stage.update for stage in stages.values())
    if not cut.shared:
        return max(slowest, round_trip / cut.window, network) + (round_trip + update) / batch_size
    return _replicated_cycles(cut, max(slowest, network), round_trip, shared_trip, batch_size) + update / batch_size


def _replicated_cycles(cut: Cut, slowest: float, round_trip: float, shared_trip: float, batch_size: int) -> float:
    """Cycles per sample of a batch that replicas take in rounds, the shared stages one sample after the other."""
    rounds = -(-batch_size // (cut.replicas * cut.window))
    shared = max(slowest, shared_trip / (cut.shared_window or cut.window))
    return max(rounds * round_trip / batch_size, shared + round_trip / batch_size)


def complaints(plan: Plan, bytes_of: Mapping[Core, int] | None = None) -> dict[int, str]:
    """Why the plan does not fit cores, by stage; empty if it does.

    :param bytes_of: data memory that its cores need, where it is known already
    """
    found: dict[int, str] = {}
    for core in plan.cores:
        need = memory.core_bytes(plan, core) if bytes_of is None else bytes_of[core]
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


def _with_replicas(alone: ChosenCut, batch_size: int, max_cores: int, input_density: float) -> ChosenCut:
    """What the cost model likes best of one network, and of replicas of its convolutions, each on a chip of its own, that share
    the dense layers.  What the tiles of a replica exchange for every sample loads no link then.
    """
    graph, stages = alone.plan.graph, alone.plan.stages
    shared = stages_to_share(stages)
    best = alone
    for replicas in REPLICAS if shared else ():
        if replicas <= min(batch_size, max_cores // CHIP_CORES):
            chooser = _Chooser(graph, stages, batch_size, max_cores, input_density, replicas=replicas, shared=shared)
            if chooser.hoped_for() > HOPELESS * best.cycles_per_sample:
                continue
            try:
                found = chooser.choose()
            except DoesNotFit:
                continue
            if found.cycles_per_sample < best.cycles_per_sample:
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
class _Candidate:
    """A cut of one stage, and what its cores spend apart from what its takers decide.

    :param compute: cycles of its slices or tiles
    :param n_in: elements that its largest tile takes
    :param own_bytes: data memory of its slices or tiles, without slots and streams
    :param slot_bytes: of each slot
    :param largest: box of its largest group or tile
    :param exchanges: whether tiles exchange gradients
    :param update: cycles of a batch's end: exchange of gradients and weights
    """

    cut: DenseCut | TileCut
    compute: float
    n_in: int
    own_bytes: int
    slot_bytes: int
    largest: Box
    exchanges: bool = False
    update: float = 0.0

    @property
    def n_cores(self) -> int:
        return self.cut.n_cores


@dataclass(frozen=True)
class _Taker:
    """What the cores of a stage that takes a value hold of it.

    :param rows, columns: of the image
    :param n_blocks: cores for each such place: each sends partial errors
    """

    rows: tuple[Interval, ...]
    columns: tuple[Interval, ...]
    n_blocks: int

    def overlaps(self, box: Box) -> int:
        """How many places overlap a box."""
        return (sum(1 for rows in self.rows if rows.overlap(box.rows))
                * sum(1 for columns in self.columns if columns.overlap(box.columns)))


@dataclass(frozen=True)
class _FanOut:
    """What the takers of a stage's value make of it.

    :param sent: how often each activation is sent
    :param returned: how many partial errors come back for it
    """

    takers: tuple[_Taker, ...]
    sent: float
    returned: float

    def streams(self, box: Box) -> tuple[int, int]:
        """Of activations out of a core with this box, and of partial errors into it."""
        places = [(taker.overlaps(box), taker.n_blocks) for taker in self.takers]
        return sum(n for n, _ in places), sum(n * blocks for n, blocks in places)


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

    def __init__(self, graph: LayerGraph, stages: Sequence[Stage], batch_size: int, max_cores: int, input_density: float,
                 in_sdram: frozenset[int] = frozenset(), replicas: int = 1, shared: frozenset[int] = frozenset()) -> None:
        self.graph, self.stages = graph, list(stages)
        self.replicas, self.shared = replicas, shared
        #: Numbers of the dense stages whose weights stay in SDRAM.
        self.in_sdram = in_sdram
        self.batch_size, self.max_cores = batch_size, max_cores
        self.input_density = input_density
        self.n_planes = len(graph.optimiser.planes)
        self.candidates: dict[int, list[_Candidate]] = {}
        self.reasons: list[str] = []
        self.fewest_cores = 1 << 30
        self.too_many = ""
        #: Stage, target of the replicas (what takes their values needs memory as they are cut) -> data memory that its largest
        #: core needed, by what was estimated.
        self.bytes_factor: dict[tuple[int, float], float] = {}
        self.fan_outs: dict[tuple[int, tuple[StageCut, ...]], _FanOut] = {}
        self.known: dict[tuple[int, StageCut, int], tuple[float, float, float]] = {}

    def hoped_for(self) -> float:
        """Cycles per sample of the best cut, before any is laid out: nearly always too few."""
        estimate = None if self._too_large() else self._best_estimate(set())
        return estimate.rank if estimate is not None else inf

    def choose(self) -> ChosenCut:
        too_large = self._too_large()
        if too_large:
            raise self._does_not_fit(too_large)
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
        return min(found, key=lambda each: self._rank(each.cycles_per_sample, each.n_cores // self.replicas))

    def _cut(self, cuts: tuple[StageCut, ...], window: int) -> Cut:
        """With so many samples in flight; replicas have one each."""
        return Cut(cuts, 1, self.replicas, self.shared, window) if self.shared else Cut(cuts, window)

    def _replicas_of(self, stage: Stage) -> int:
        return 1 if not self.shared or stage.number in self.shared else self.replicas

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
            n_replicas = self._replicas_of(stage)
            target = replicated_target if n_replicas > 1 else shared_target
            in_flight = 1 if n_replicas > 1 else window
            fan_out = self._fan_out(stage, cuts)
            room = memory.DTCM_HEAP_BYTES / self.bytes_factor.get((stage.number, replicated_target), 1.0)
            for candidate in self._candidates(stage):
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
            n_streams += self._n_streams(candidate, fan_out) * n_replicas
            network += self._packets(stage, candidate, fan_out) * cost.TILE_PACKET_CYCLES
            if n_replicas > 1:
                n_replicated += candidate.n_cores
            else:
                n_shared += candidate.n_cores
                shared_trip += trip
        cuts.update({stage.number: self._aligned(stage, cuts) for stage in self.stages[1:]})
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
            cycles = _replicated_cycles(self._cut(in_order, window), slowest, round_trip, shared_trip, self.batch_size)
        else:
            cycles = max(slowest, round_trip / window) + round_trip / self.batch_size
        return _Estimate(self._rank(cycles + update / self.batch_size, n_cores // self.replicas), in_order, window, bytes_of,
                         replicated_target)

    def _packets(self, stage: Stage, candidate: _Candidate, fan_out: _FanOut) -> float:
        """As cost.network_cycles counts them, of what goes out of a stage and comes back."""
        takers = [self.stages[number] for number in stage.takers]
        if stage.kind is StageKind.DENSE and all(taker.kind is StageKind.DENSE for taker in takers):
            return 0.0
        if self._replicas_of(stage) > 1 and not any(taker.number in self.shared for taker in takers):
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
            cycles = (n * cost.DECODE_CYCLES + sent * pairs(n) * self.input_density * cost.SEND_CYCLES
                      + n_takers / n_sources * cost.CREDIT_CYCLES + cost.SAMPLE_CYCLES)
            if (cycles <= target and n <= 2 * MAX_WORDS) or n_sources == MAX_SOURCES:
                return cut_source(source, n_sources), cycles
            n_sources += 1

    def _fan_out(self, stage: Stage, cuts: Mapping[int, StageCut]) -> _FanOut:
        key = stage.number, tuple(cuts[number] for number in stage.takers)
        if key not in self.fan_outs:
            self.fan_outs[key] = self._make_fan_out(stage, cuts)
        return self.fan_outs[key]

    def _make_fan_out(self, stage: Stage, cuts: Mapping[int, StageCut]) -> _FanOut:
        takers = []
        sent = returned = 0.0
        height, width, _ = stage.shape
        for number in stage.takers:
            taker, cut = self.stages[number], cuts[number]
            if isinstance(cut, DenseCut):
                boxes = [block.box for block in cut.rows if taker.takes[0].parts[block.part].stage == stage.number]
                takers.append(_Taker(tuple(dict.fromkeys(box.rows for box in boxes)),
                                     tuple(dict.fromkeys(box.columns for box in boxes)), len(cut.columns)))
                sent += 1
                returned += len(cut.columns)
            elif isinstance(cut, TileCut):
                n_blocks = len(cut.channels) if taker.takes_channels else 1
                held = self._held(taker, cut, height, width)
                takers.append(_Taker(*held, n_blocks))
                share = sum(map(len, held[0])) / height * sum(map(len, held[1])) / width
                sent += share
                returned += share * n_blocks
        return _FanOut(tuple(takers), max(sent, 1.0), returned)

    def _held(self, taker: Stage, cut: TileCut, height: int, width: int) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
        """Rows and columns of a value that the tiles of a taker hold."""
        whole = (Interval(0, height), Interval(0, width))
        rows, columns = [], []
        for span in cut.rows:
            box = input_box(self.graph, taker, head_box(self.graph, taker, Box(span, cut.columns[0], cut.channels[0])))
            rows.append(box.rows.overlap(whole[0]) or Interval(0, 1))
        for span in cut.columns:
            box = input_box(self.graph, taker, head_box(self.graph, taker, Box(cut.rows[0], span, cut.channels[0])))
            columns.append(box.columns.overlap(whole[1]) or Interval(0, 1))
        return tuple(rows), tuple(columns)

    def _with_takers(self, stage: Stage, candidate: _Candidate, fan_out: _FanOut) -> tuple[float, float, float]:
        """Cycles of what makes the stage's value; bytes of its largest core, those apart that go with the window."""
        key = stage.number, candidate.cut, id(fan_out)          # fan-outs live as long as this
        if key not in self.known:
            one, two = (self._bytes(stage, candidate, fan_out, window) for window in (4, 8))
            self.known[key] = self._group_cycles(stage, candidate, fan_out), 2 * one - two, (two - one) / 4
        return self.known[key]

    @staticmethod
    def _n_streams(candidate: _Candidate, fan_out: _FanOut) -> float:
        """Streams out of and into what makes the stage's value, and between tiles."""
        cut = candidate.cut
        n_out, n_back = fan_out.streams(candidate.largest)
        if isinstance(cut, DenseCut):
            return len(cut.groups) * (n_out + n_back) + 2 * len(cut.rows) * len(cut.columns)
        between = cut.n_tiles * (cut.n_tiles + 1) if candidate.exchanges and cut.n_tiles > 1 else 0
        return cut.n_cores * (n_out + n_back) + len(cut.channels) * between

    def _group_cycles(self, stage: Stage, candidate: _Candidate, fan_out: _FanOut) -> float:
        """What makes the stage's value: a group or a tile, with what its takers decide."""
        n = prod(candidate.largest.shape)
        n_out, n_back = fan_out.streams(candidate.largest)
        cycles = n * fan_out.returned * (cost.RECEIVE_CYCLES + cost.SUMMAND_CYCLES) + n / 2 * fan_out.sent * cost.SEND_CYCLES
        cycles += n_back * cost.STREAM_SAMPLE_CYCLES + n_out * cost.STREAM_SEND_CYCLES
        if isinstance(candidate.cut, DenseCut):
            n_sums = len(candidate.cut.rows)
            n_blocks = -(-len(candidate.cut.columns) // len(candidate.cut.groups))
            cycles += n * n_sums * (cost.RECEIVE_CYCLES + cost.SUMMAND_CYCLES) + n * (cost.UNIT_CYCLES + cost.SEND_CYCLES)
            cycles += (n_sums * n_blocks + 2) * cost.STREAM_SAMPLE_CYCLES
            if stage.is_output:
                cycles += n * cost.SOFTMAX_UNIT_CYCLES
            return cycles
        return cycles + candidate.compute

    def _bytes(self, stage: Stage, candidate: _Candidate, fan_out: _FanOut, window: int) -> float:
        """Data memory of the largest core of a candidate, as far as it is known before everything is laid out."""
        slots = 2 * window
        n = prod(candidate.largest.shape)
        _, n_back = fan_out.streams(candidate.largest)
        per_stream = memory.SLOT_STATE_BYTES * slots + memory.STREAM_BYTES
        words_back = n * fan_out.returned
        group = (4 * slots + memory.PACKET_BYTES * window) * words_back + n_back * per_stream + BASE_BYTES
        own = (candidate.own_bytes + slots * candidate.slot_bytes + BASE_BYTES + 6 * per_stream
               + memory.PACKET_BYTES * window * pairs(candidate.n_in))
        if isinstance(candidate.cut, DenseCut):
            n_sums = len(candidate.cut.rows)
            n_blocks = -(-len(candidate.cut.columns) // len(candidate.cut.groups))
            group += (4 * slots + memory.PACKET_BYTES * window) * n * n_sums + n_sums * n_blocks * per_stream
            return max(own, group + (30 + 2 * slots + memory.STATE_BYTES * self.n_planes) * n)
        return own + group

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
            for n_groups in self._n_groups(stage, n_columns):
                cut = cut_dense(stage, n_rows, n_columns, n_groups, stage.number in self.in_sdram)
                rows = max(prod(block.box.shape) for block in cut.rows)
                columns = max(map(len, cut.columns))
                products = rows * padded(columns)
                need = memory.weight_bytes(self.graph) * products + 4 * rows + 8 * columns
                if cut.in_sdram:
                    need = SliceShape(rows, padded(columns), not first, self.n_planes).sweep_bytes(LEAST_SWEEP)
                if need > memory.DTCM_HEAP_BYTES or rows > MAX_WORDS:
                    continue
                cycles = (pairs(rows) * density * cost.RECEIVE_CYCLES + 2 * rows * cost.ROW_CYCLES
                          + products * density * (cost.FORWARD_CYCLES + cost.GRADIENT_CYCLES) + cost.SAMPLE_CYCLES
                          + columns * (cost.SEND_CYCLES + cost.RECEIVE_CYCLES)
                          + (1 if first else -(-rows // 16) + 2) * cost.STREAM_SAMPLE_CYCLES)
                if not first:
                    cycles += products * cost.BACKWARD_CYCLES + rows * cost.SEND_CYCLES
                if self._behind_replicas(stage):
                    cycles = max(cycles, self._paced(stage, cut))
                if cut.in_sdram:
                    cycles = max(cycles, products * fetch_cycles(len(cut.rows) * len(cut.columns), TYPICAL_SAMPLES))
                yield _Candidate(cut, cycles, rows, need, 2 * rows + 4 * padded(columns),
                                 Box.vector(max(cut.groups, key=len)))

    @staticmethod
    def _n_groups(stage: Stage, n_columns: int) -> Iterable[int]:
        if stage.is_output:
            return (1,)
        return sorted({-(-n_columns // 4), -(-n_columns // 2), n_columns, 2 * n_columns, 4 * n_columns, 8 * n_columns})

    def _behind_replicas(self, stage: Stage) -> bool:
        """Whether it is shared, and takes what replicas make."""
        return stage.number in self.shared and any(part.stage not in self.shared for part in stage.takes[0].parts)

    @staticmethod
    def _paced(stage: Stage, cut: DenseCut) -> float:
        """Cycles for a sample's partial errors, which all slices send to one chip, and for its sums (dlgraph/mapping/pacing.py)."""
        cycles = LINK_CYCLES / LOAD / LIKELY_LINKS
        n_slices = len(cut.rows) * len(cut.columns)
        return cycles * max(prod(stage.takes[0].shape) * len(cut.columns) + n_slices,
                            max(map(len, cut.columns)) * n_slices / len(cut.groups))

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
            computing = n_head * cost.ELEMENT_CYCLES * (1 + len(stage.operations))
            if isinstance(layer, CustomLayer):
                computing = layer.cycles(needed.shape, head.shape)
            cycles = (pairs(n_in) * density * cost.RECEIVE_CYCLES + computing
                      + cost.SAMPLE_CYCLES + 4 * cost.STREAM_SAMPLE_CYCLES)
            own_bytes, slot_bytes = 8 * n_head + 8 * n_in, 2 * n_in + 2 * n_head
            update = 0.0
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
                cycles += positions * n_weights * density * (cost.FORWARD_CYCLES + cost.KERNEL_GRADIENT_CYCLES) + 2 * calls
                if not first:
                    cycles += positions * n_weights * cost.BACKWARD_CYCLES + calls
                own_bytes += 8 * n_weights + memory.STATE_BYTES * self.n_planes * n_weights // cut.n_tiles
                own_bytes += 4 * positions * padded_channels(len(head.channels))
                if cut.n_tiles > 1:
                    own_bytes += (8 + memory.PACKET_BYTES) * min(SEGMENT_WORDS, n_weights)
                    own_bytes += 2 * cut.n_tiles * (memory.SLOT_STATE_BYTES + memory.STREAM_BYTES)
                update = self._exchange(cut, n_weights, self._replicas_of(stage))
            elif isinstance(layer, CustomLayer):
                slot_bytes += layer.kept_bytes(needed.shape, head.shape)
                if isinstance(layer, CustomWeightLayer):
                    n_words = (2 + layer.n_weight_rows) * padded_channels(len(custom_columns(layer, stage, largest)))
                    own_bytes += memory.weight_bytes(self.graph) * n_words
                    if cut.n_tiles > 1:
                        own_bytes += (8 + memory.PACKET_BYTES) * min(SEGMENT_WORDS, n_words)
                        own_bytes += 2 * cut.n_tiles * (memory.SLOT_STATE_BYTES + memory.STREAM_BYTES)
                    update = self._exchange(cut, n_words, self._replicas_of(stage))
            exchanges = isinstance(layer, (ConvolutionLayer, CustomWeightLayer))
            yield _Candidate(cut, cycles, n_in, own_bytes, slot_bytes, largest, exchanges, update)

    @staticmethod
    def _exchange(cut: TileCut, n_weights: int, n_replicas: int) -> float:
        """Cycles of a tile at the end of a batch: gradients to the others with its kernels, new weights from them.

        Tiles of a replica are on one chip; what replicas exchange keeps the distance of dlgraph/mapping/pacing.py.
        """
        if cut.n_tiles == n_replicas == 1:
            return 0.0
        cycles = n_weights * cost.RECEIVE_CYCLES                                            # new weights
        per_stream = cost.STREAM_SAMPLE_CYCLES + cost.STREAM_SEND_CYCLES
        share = n_weights / cut.n_tiles
        if cut.n_tiles > 1:
            cycles += n_weights * (cost.RECEIVE_CYCLES + cost.SEND_CYCLES)
            cycles += 2 * -(-n_weights // SEGMENT_WORDS) * cut.n_tiles * per_stream
        if n_replicas > 1:
            spacing = LINK_CYCLES / EXCHANGE_LOAD / LIKELY_LINKS * cut.n_cores
            cycles += share * (cost.RECEIVE_CYCLES + max(cost.SEND_CYCLES, spacing)) + 2 * n_replicas * per_stream
            cycles += share / n_replicas * spacing * cut.n_tiles
        return cycles

    def _aligned(self, stage: Stage, cuts: Mapping[int, StageCut]) -> StageCut:
        """Rows cut where chips end: a block holds the groups of the layer before that fit one chip with their slices.

        Then activations and partial errors of the block stay on the chip, and only sums and errors of its columns travel.
        Behind tiles they are cut where these end.
        """
        cut = cuts[stage.number]
        parts = stage.takes[0].parts if stage.takes else []
        if not isinstance(cut, DenseCut) or len(cut.rows) == 1:
            return cut
        if any(isinstance(cuts.get(part.stage), TileCut) for part in parts):
            return replace(cut, rows=row_blocks(stage, len(cut.rows), cuts))
        if len(parts) != 1:
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
        return replace(cut, rows=rows)

    # ----------------------------------------------------------------- what does not fit

    def _too_large(self) -> list[str]:
        """What no cut whatever can bring onto the machine, and by how much."""
        found = []
        output = self.stages[-1]
        need = 100 * output.shape[2]                    # of an output group with one block of rows
        if need > memory.DTCM_HEAP_BYTES:
            found.append(f"the {output.shape[2]} outputs of layer {output.name!r} belong on one core and need about {need} bytes "
                         f"of its data memory, there are {memory.DTCM_HEAP_BYTES}")
        sizes = {self.stages[i].name: 4 * layer.weights.size * (2 + self.n_planes) for i in range(1, len(self.stages))
                 if isinstance(layer := self.graph.layers[self.stages[i].layer], WeightLayer)}
        shapes = {layer.name: " x ".join(map(str, layer.weights.shape)) for layer in self.graph.weight_layers}
        in_sdram = {self.stages[i].name for i in self.in_sdram}
        n_chips = -(-self.max_cores // CHIP_CORES)
        for names, room, what in ((sizes.keys() - in_sdram, self.max_cores * memory.DTCM_HEAP_BYTES,
                                   f"{self.max_cores} cores have {{}} bytes of data memory"),
                                  (in_sdram, n_chips * memory.CHIP_SDRAM_BYTES, f"{n_chips} chips have {{}} bytes of SDRAM")):
            need = sum(sizes[name] for name in names)
            if need > room:
                largest = max(sorted(names), key=lambda name: sizes[name])
                found.append(f"weights, their gradients and the optimiser's state need {need} bytes, of which layer {largest!r} "
                             f"with {shapes[largest]} weights {sizes[largest]}; the machine's {what.format(room)}, "
                             f"{need - room} too few")
        return found


def _n_takers(cut: StageCut) -> int:
    return len(cut.rows) * len(cut.columns) if isinstance(cut, DenseCut) else cut.n_cores if isinstance(cut, TileCut) else 0


def _targets(n: int) -> list[float]:
    return [1000.0 * 1.35 ** k for k in range(n)]
