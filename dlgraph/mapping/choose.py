"""How to cut a network: the cut with the shortest time per batch that fits the machine.

The time of a batch is modelled as a pipeline: ``batch x max(slowest stage, round trip / window) + round trip``,
where the round trip is the sum of the stages that a sample passes on its way forward and back.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Mapping, Sequence

from dlgraph.errors import DoesNotFit
from dlgraph.mapping import cost, memory
from dlgraph.mapping.intervals import Interval, split_evenly
from dlgraph.mapping.plan import CUT_MULTIPLE, MAX_WORDS, CoreKind, Cut, LayerCut, pairs

CHIP_CORES = 16                  # that GFE leaves on most chips
MAX_ALIGNED_ROWS = 12            # more blocks of rows cost the groups more sums than they save on links
WINDOWS = (8, 6, 4, 3, 2, 1)
MAX_STREAMS_IN = 1000            # c_models/streams counts slots in 16 bits
FEWER_CORES_FACTOR = 1.03        # a cut with more cores must be this much faster
NO_CUT = "no cut of its layers fits the data memory of the cores"


@dataclass(frozen=True)
class Stage:
    """What the slowest core of one kind spends: cycles per sample, and for the update per batch."""

    cycles: float
    update: float = 0.0

    def per_sample(self, batch_size: int) -> float:
        return self.cycles + self.update / batch_size


@dataclass(frozen=True)
class ChosenCut:
    """A cut and what the cost model expects of it.

    :param cycles_per_sample: in training, batch boundaries included
    :param stages: (index of the layer, kind of core) -> what its slowest core spends
    """

    cut: Cut
    n_cores: int
    cycles_per_sample: float
    stages: Mapping[tuple[int, CoreKind], Stage]


def chosen(cut: Cut, batch_size: int, input_density: float, update: cost.Update = cost.SGD) -> ChosenCut:
    """A cut with what the cost model expects of it."""
    return ChosenCut(cut, n_cores(cut), cycles_per_sample(cut, batch_size, input_density, update),
                     stages(cut, input_density, update))


def cut_layer(n_in: int, n_out: int, n_rows: int, n_columns: int, n_groups: int) -> LayerCut:
    """A layer in so many blocks of rows and columns; groups are unions of neighbouring column blocks."""
    rows = tuple(split_evenly(n_in, n_rows, CUT_MULTIPLE))
    columns = tuple(split_evenly(n_out, n_columns, CUT_MULTIPLE))
    bounds = split_evenly(len(columns), n_groups, 1)
    groups = tuple(Interval(columns[b.start].start, columns[b.stop - 1].stop) for b in bounds)
    return LayerCut(rows, columns, groups)


def cut_sources(n_inputs: int, n_sources: int) -> tuple[Interval, ...]:
    return tuple(split_evenly(n_inputs, n_sources, CUT_MULTIPLE))


def explicit_cut(widths: Sequence[int], names: Sequence[str], blocks: Mapping[str, tuple[int, ...]],
                 n_sources: int, window: int) -> Cut:
    """A cut given by hand: layer name -> (row blocks, column blocks[, groups])."""
    layers = []
    for name, n_in, n_out in zip(names, widths, widths[1:]):
        n_rows, n_columns, *rest = blocks[name]
        last = name == names[-1]
        n_groups = rest[0] if rest else (1 if last else n_columns)
        layers.append(cut_layer(n_in, n_out, n_rows, n_columns, n_groups))
    return Cut(cut_sources(widths[0], n_sources), tuple(layers), window)


def complaints(cut: Cut, widths: Sequence[int], names: Sequence[str], n_planes: int = 0) -> list[str]:
    """Why the cut does not fit cores; empty if it does.

    :param n_planes: words that the optimiser keeps of every weight
    """
    found = []
    window = cut.window
    n_first_slices = len(cut.layers[0].rows) * len(cut.layers[0].columns)
    for source in cut.sources:
        if pairs(len(source)) > MAX_WORDS or memory.source_bytes(
                len(source), n_first_slices, window) > memory.DTCM_HEAP_BYTES or n_first_slices > MAX_STREAMS_IN:
            found.append(f"an input source of {len(source)} inputs for {n_first_slices} slices")
    for i, layer in enumerate(cut.layers):
        producers = cut.sources if i == 0 else cut.layers[i - 1].groups
        following = cut.layers[i + 1] if i + 1 < len(cut.layers) else None
        for rows in layer.rows:
            feeding = sum(1 for producer in producers if producer.overlap(rows))
            need = memory.slice_bytes(len(rows), cost.longest(layer.columns), feeding + 1, window, n_planes)
            if need > memory.DTCM_HEAP_BYTES or len(rows) > MAX_WORDS:
                found.append(f"layer {names[i]!r}: a weight slice of {len(rows)} x {cost.longest(layer.columns)} needs "
                             f"{need} bytes of DTCM, there are {memory.DTCM_HEAP_BYTES}")
                break
        for group in layer.groups:
            n_blocks = sum(1 for columns in layer.columns if group.contains(columns))
            n_streams = len(layer.rows) * n_blocks
            n_errors = 0
            if following is not None:
                n_errors = len(following.columns)
                n_streams += n_errors * sum(1 for rows in following.rows if rows.overlap(group))
            need = memory.group_bytes(len(group), len(layer.rows), n_errors, n_streams, window, n_planes)
            if need > memory.DTCM_HEAP_BYTES or n_streams > MAX_STREAMS_IN or len(group) > MAX_WORDS:
                found.append(f"layer {names[i]!r}: a group of {len(group)} units with {n_streams} incoming streams needs "
                             f"{need} bytes of DTCM, there are {memory.DTCM_HEAP_BYTES}")
                break
    return found


def n_cores(cut: Cut) -> int:
    return len(cut.sources) + sum(len(c.rows) * len(c.columns) + len(c.groups) for c in cut.layers)


def stages(cut: Cut, input_density: float = 1.0,
           update: cost.Update = cost.SGD) -> dict[tuple[int, CoreKind], Stage]:
    """(index of the layer, kind of core) -> what its slowest core spends in training."""
    first = cut.layers[0]
    n_credits = -(-len(first.rows) * len(first.columns) // len(cut.sources))
    found = {(0, CoreKind.INPUT_SOURCE):
             Stage(cost.source_cycles(cost.longest(cut.sources), n_credits, input_density))}
    for i, layer in enumerate(cut.layers):
        last = i == len(cut.layers) - 1
        n_errors = 0 if last else len(cut.layers[i + 1].columns)
        producers = cut.sources if i == 0 else cut.layers[i - 1].groups
        density = input_density if i == 0 else cost.HIDDEN_DENSITY
        cycles = cost.layer_cycles(layer, producers, n_errors, i == 0, last, density, update)
        found[i, CoreKind.WEIGHT_SLICE] = Stage(cycles.slice_forward + cycles.slice_backward, cycles.slice_update)
        found[i, CoreKind.OUTPUT_GROUP if last else CoreKind.NEURON_GROUP] = Stage(cycles.group)
    return found


def cycles_per_sample(cut: Cut, batch_size: int, input_density: float = 1.0, update: cost.Update = cost.SGD) -> float:
    """Modelled cycles of a batch in training, per sample."""
    all_stages = stages(cut, input_density, update).values()
    round_trip = sum(stage.cycles for stage in all_stages)
    slowest = max(stage.cycles for stage in all_stages)
    of_update = max(stage.update for stage in all_stages)
    return max(slowest, round_trip / cut.window) + (round_trip + of_update) / batch_size


@dataclass(frozen=True)
class _Candidate:
    """A cut of one layer, with what does not depend on its neighbours."""

    cut: LayerCut
    n_cores: int
    slice_cycles: float
    largest_rows: int
    largest_columns: int
    largest_group: int


@lru_cache(maxsize=256)
def _candidates(n_in: int, n_out: int, first: bool, last: bool, density: float, n_planes: int) -> tuple[_Candidate, ...]:
    """Cuts of a layer worth trying, fewest cores first."""
    counts = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48)
    found: dict[LayerCut, _Candidate] = {}
    for n_rows in counts:
        for n_columns in counts:
            if n_rows * n_columns > 400 or n_rows > -(-n_in // CUT_MULTIPLE) or n_columns > -(-n_out // CUT_MULTIPLE):
                continue
            for n_groups in ({1} if last else {n_columns, -(-n_columns // 2), -(-n_columns // 4)}):
                cut = cut_layer(n_in, n_out, n_rows, n_columns, n_groups)
                rows, columns = cost.longest(cut.rows), cost.longest(cut.columns)
                if cut in found or memory.slice_bytes(rows, columns, 4, 1, n_planes) > memory.DTCM_HEAP_BYTES:
                    continue
                # how the layer before is cut is not known yet: as if in groups of 16 units
                n_streams = 1 if first else -(-rows // 16)
                forward, backward, _ = cost.slice_cycles(rows, columns, n_streams, first, density)
                found[cut] = _Candidate(cut, len(cut.rows) * len(cut.columns) + len(cut.groups), forward + backward,
                                        rows, columns, cost.longest(cut.groups))
    return tuple(sorted(found.values(), key=lambda candidate: candidate.n_cores))


def choose_cut(widths: Sequence[int], names: Sequence[str], batch_size: int, max_cores: int,
               input_density: float = 1.0, update: cost.Update = cost.SGD) -> ChosenCut:
    """The cut that the cost model likes best among those that fit.

    :param widths: number of inputs, then of units of every layer
    :param max_cores: application cores of the machine
    :param input_density: share of the inputs that are not zero
    :param update: what the optimiser costs
    :raises DoesNotFit: if no cut fits, naming layer and resource
    """
    best: ChosenCut | None = None
    reasons: list[str] = []
    for window in WINDOWS:
        for target in _targets():
            cut = _cut_for_target(widths, window, target, input_density, update.n_planes)
            if cut is None:
                continue
            cores = n_cores(cut)
            wrong = complaints(cut, widths, names, update.n_planes)
            if wrong or cores > max_cores:
                reasons = wrong or [f"it needs {cores} cores, the machine has {max_cores}"]
                continue
            candidate = chosen(cut, batch_size, input_density, update)
            if best is None or (candidate.cycles_per_sample * _handicap(cores)
                                < best.cycles_per_sample * _handicap(best.n_cores)):
                best = candidate
    if best is None:
        raise DoesNotFit(
            f"The network of widths {' - '.join(map(str, widths))} does not fit the machine: "
            f"{'; '.join(_too_large(widths, names, max_cores, update.n_planes) or reasons) or NO_CUT}. "
            f"Make the layers named smaller, or use a machine with more cores.")
    return best


def _too_large(widths: Sequence[int], names: Sequence[str], max_cores: int, n_planes: int) -> list[str]:
    """What no cut whatever can bring onto the machine, and by how much."""
    found = []
    need = memory.group_bytes(widths[-1], 1, 0, 1, 1, n_planes)
    if need > memory.DTCM_HEAP_BYTES:
        found.append(f"the {widths[-1]} outputs of layer {names[-1]!r} belong on one core and need {need} bytes of its data "
                     f"memory, there are {memory.DTCM_HEAP_BYTES}")
    sizes = [(memory.PARAMETER_BYTES + memory.PLANE_BYTES * n_planes) * n_in * n_out for n_in, n_out in zip(widths, widths[1:])]
    room = max_cores * memory.DTCM_HEAP_BYTES
    if sum(sizes) > room:
        largest = sizes.index(max(sizes))
        what = "weights, their gradients and the optimiser's state" if n_planes else "weights and their gradients"
        found.append(f"{what} need {sum(sizes)} bytes, of which layer {names[largest]!r} with "
                     f"{widths[largest]} x {widths[largest + 1]} weights {sizes[largest]}; the machine's {max_cores} cores "
                     f"have {room} bytes of data memory")
    return found


def _handicap(cores: int) -> float:
    return 1.0 + (FEWER_CORES_FACTOR - 1.0) * cores / 16


def _targets() -> list[float]:
    return [1000.0 * 1.35 ** k for k in range(24)]


def _aligned(before: LayerCut, layer: LayerCut) -> LayerCut:
    """Rows cut where chips end: a block holds the groups of the layer before that fit one chip with their slices.

    Then activations and partial errors of the block stay on the chip, and only sums and errors of its columns travel.
    """
    if len(layer.rows) == 1:
        return layer
    cores_per_group = 1 + len(before.rows) * -(-len(before.columns) // len(before.groups))
    per_chip = (CHIP_CORES - len(layer.columns)) // cores_per_group
    if per_chip < 1 or len(before.groups) > per_chip * MAX_ALIGNED_ROWS:
        return layer
    starts = range(0, len(before.groups), per_chip)
    rows = tuple(Interval(before.groups[i].start, before.groups[min(i + per_chip, len(before.groups)) - 1].stop)
                 for i in starts)
    return LayerCut(rows, layer.columns, layer.groups)


def _cut_for_target(widths: Sequence[int], window: int, target: float, input_density: float,
                    n_planes: int) -> Cut | None:
    """The cut with fewest cores whose every stage takes at most ``target`` cycles per sample."""
    layers: list[LayerCut] = []
    n_errors = 0
    for i in reversed(range(len(widths) - 1)):
        first, last = i == 0, i == len(widths) - 2
        density = input_density if first else cost.HIDDEN_DENSITY
        for candidate in _candidates(widths[i], widths[i + 1], first, last, density, n_planes):
            if candidate.slice_cycles > target:
                continue
            group = cost.group_cycles(candidate.largest_group, len(candidate.cut.rows), n_errors, last)
            # one output group does the softmax: with a single block of rows it cannot be made faster
            if group > target and not (last and len(candidate.cut.rows) == 1):
                continue
            if memory.slice_bytes(candidate.largest_rows, candidate.largest_columns, 6,
                                  window, n_planes) <= memory.DTCM_HEAP_BYTES:
                break
        else:
            return None
        layers.insert(0, candidate.cut)
        n_errors = len(candidate.cut.columns)
    layers = [layers[0]] + [_aligned(before, layer) for before, layer in zip(layers, layers[1:])]
    n_sources = 1
    n_slices = len(layers[0].rows) * len(layers[0].columns)
    while n_sources < 16 and (cost.source_cycles(-(-widths[0] // n_sources), -(-n_slices // n_sources), input_density) > target
                              or memory.source_bytes(-(-widths[0] // n_sources), n_slices, window)
                              > memory.DTCM_HEAP_BYTES):
        n_sources += 1
    return Cut(cut_sources(widths[0], n_sources), tuple(layers), window)
