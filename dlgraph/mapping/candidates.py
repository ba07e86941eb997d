"""Cuts of a stage that are worth trying, and what each costs apart from what its takers decide."""
from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Iterable, Iterator, Sequence

from dlgraph.custom_layer import CustomLayer, CustomWeightLayer
from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import Activation, ConvolutionLayer, WeightLayer
from dlgraph.mapping import cost, memory
from dlgraph.mapping.boxes import Box, even
from dlgraph.mapping.cuts import DenseCut, TileCut, cut_dense, cut_tiles
from dlgraph.mapping.exchange import SEGMENT_WORDS
from dlgraph.mapping.pacing import EXCHANGE_LOAD, LIKELY_LINKS, LINK_CYCLES, LOAD
from dlgraph.mapping.plan import MAX_WORDS, custom_columns, padded, padded_channels, pairs
from dlgraph.mapping.stages import Stage, StageKind, head_box, input_box
from dlgraph.mapping.sweeps import LEAST_SWEEP, TYPICAL_SAMPLES, SliceShape, fetch_cycles

MAX_STAGE_CORES = 400
COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48)


@dataclass(frozen=True)
class Candidate:
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
        """That it takes."""
        return self.cut.n_cores


class Candidates:
    """Of all stages of a network.

    :param in_sdram: numbers of the dense stages whose weights stay in SDRAM
    :param replicas: of the stages that are not ``shared``
    :param input_density: share of the network's inputs that are not zero
    """

    def __init__(self, graph: LayerGraph, stages: Sequence[Stage], in_sdram: frozenset[int], replicas: int, shared: frozenset[int],
                 input_density: float) -> None:
        self.graph, self.stages = graph, stages
        self.in_sdram, self.replicas, self.shared = in_sdram, replicas, shared
        self.input_density = input_density
        self.n_planes = len(graph.optimiser.planes)
        self._known: dict[int, list[Candidate]] = {}

    def of_stage(self, stage: Stage) -> list[Candidate]:
        """Those of a stage, fewest cores first."""
        if stage.number not in self._known:
            found = {c.cut: c for c in (self._dense(stage) if stage.kind is StageKind.DENSE else self._tiles(stage))}
            self._known[stage.number] = sorted(found.values(), key=lambda c: (c.n_cores, c.compute))
        return self._known[stage.number]

    def replicas_of(self, stage: Stage) -> int:
        """How many there are of a stage."""
        return 1 if not self.shared or stage.number in self.shared else self.replicas

    def _density(self, stage: Stage) -> float:
        return self.input_density if stage.takes_input else cost.HIDDEN_DENSITY

    def _dense(self, stage: Stage) -> Iterator[Candidate]:
        density, first = self._density(stage), all(p.stage == 0 for p in stage.takes[0].parts)
        for n_rows, n_columns in product(COUNTS, COUNTS):
            if n_rows * n_columns > MAX_STAGE_CORES or n_columns > -(-stage.shape[2] // 8):
                continue
            for n_groups in self._n_groups(stage, n_columns):
                cut = cut_dense(stage, n_rows, n_columns, n_groups, stage.number in self.in_sdram)
                rows = max(prod(block.box.shape) for block in cut.rows)
                columns = max(map(len, cut.columns))
                products = rows * padded(columns)
                need = memory.weight_bytes(self.graph) * products + (4 if first else 20) * rows + 16 * columns
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
                yield Candidate(cut, cycles, rows, need, 2 * rows + 4 * padded(columns),
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

    def _tiles(self, stage: Stage) -> Iterator[Candidate]:
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
                update = self._exchange(cut, n_weights, self.replicas_of(stage))
            elif isinstance(layer, CustomLayer):
                slot_bytes += layer.kept_bytes(needed.shape, head.shape)
                if isinstance(layer, CustomWeightLayer):
                    n_words = (2 + layer.n_weight_rows) * padded_channels(len(custom_columns(layer, stage, largest)))
                    own_bytes += memory.weight_bytes(self.graph) * n_words
                    if cut.n_tiles > 1:
                        own_bytes += (8 + memory.PACKET_BYTES) * min(SEGMENT_WORDS, n_words)
                        own_bytes += 2 * cut.n_tiles * (memory.SLOT_STATE_BYTES + memory.STREAM_BYTES)
                    update = self._exchange(cut, n_words, self.replicas_of(stage))
            exchanges = isinstance(layer, (ConvolutionLayer, CustomWeightLayer))
            yield Candidate(cut, cycles, n_in, own_bytes, slot_bytes, largest, exchanges, update)

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
