"""What a sample costs each core, in cycles of 200 MHz.

The figures of the kernels lie a little above those of ``benchmarks/kernel_cycles.py``; the others were chosen so that the busy
cycles per vertex of 784-128-10 on MNIST, on the emulated machine (``net.report()``), come out about right.  They decide only how
a network is cut, never what it computes.  Those of packets date from a receive path that cost 73 cycles a packet where it costs 40
now (``docs/streams.rst``), and were not fitted again since: predictions for cores that receive much are too high.
"""
from __future__ import annotations

from dataclasses import dataclass
from math import prod

from dlgraph.custom_layer import CustomLayer
from dlgraph.layers import Activation, ActivationLayer, ConvolutionLayer, PoolingLayer, WeightLayer
from dlgraph.mapping.cuts import DenseCut
from dlgraph.mapping.memory import n_lists, sweep_of
from dlgraph.mapping.plan import EXCHANGED, TILES, Core, CoreKind, Plan, Stream, StreamKind, padded, padded_channels
from dlgraph.mapping.stages import input_box
from dlgraph.mapping.sweeps import CALL_CYCLES, SliceShape, fetch_cycles, word_cycles
from dlgraph.optimisers import OptimiserKind

RECEIVE_CYCLES = 75.0            # per packet: interrupt, ring, place, checksum
SEND_CYCLES = 35.0               # per word sent
STREAM_SAMPLE_CYCLES = 350.0     # per incoming stream and sample: marker, slot
STREAM_SEND_CYCLES = 150.0       # per outgoing stream and sample: marker
CREDIT_CYCLES = 150.0            # per core that takes the input and sample, at the input source
SAMPLE_CYCLES = 1500.0           # per sample of a core: everything that happens once
FORWARD_CYCLES = 2.8             # per product
BACKWARD_CYCLES = 3.0            # per product
GRADIENT_CYCLES = 3.8            # per product
KERNEL_GRADIENT_CYCLES = 2.8     # per product of a convolution
UPDATE_CYCLES = {                # per weight and batch
    OptimiserKind.SGD: 14.0, OptimiserKind.MOMENTUM: 40.0, OptimiserKind.ADAM: 225.0, OptimiserKind.RMSPROP: 180.0}
ROW_CYCLES = 8.0                 # per row and kernel call
POSITION_CYCLES = 20.0           # per position, kernel row and kernel call of a convolution
UNIT_CYCLES = 170.0              # per unit of a dense layer: activation, error, bias
ELEMENT_CYCLES = 60.0            # per element of a tile and small layer: forward and backward
CURVE_CYCLES = 210.0             # of these, where there is a sigmoid or tanh
SUMMAND_CYCLES = 12.0            # per sum to add up
SOFTMAX_UNIT_CYCLES = 150.0      # per output: exponential, division, loss
DECODE_CYCLES = 20.0             # per input: code to activation, search for what is not zero
WRITE_CYCLES = 3.0               # per word that a probe records (estimate): transfer to SDRAM, clearing
#: Per packet between tiles, and between tiles and slices, that leaves its chip: LeNet-5 in one copy on 20 of 48 chips.  Routers
#: that such packets fill from several sides stand still until they drop some.
TILE_PACKET_CYCLES = 33.0
HIDDEN_DENSITY = 0.7             # share of hidden activations that are not zero (estimate)


@dataclass(frozen=True)
class Stage:
    """What the slowest core of one kind spends: cycles per sample, and for the update per batch."""

    cycles: float
    update: float = 0.0

    def per_sample(self, batch_size: int) -> float:
        """Cycles of a sample, with its share of the update."""
        return self.cycles + self.update / batch_size


def core_cycles(plan: Plan, core: Core, input_density: float) -> Stage:
    """A core's cycles in training.

    :param input_density: share of the network's inputs that are not zero
    """
    cycles, update = _traffic(plan, core, input_density)
    stage = plan.stages[core.stage]
    layer = plan.graph.layers[stage.layer] if core.stage else None
    if core.kind is CoreKind.INPUT_SOURCE:
        n_credits = sum(share_of_samples(plan, core, end.stream) for end in core.streams_in)
        return Stage(core.box.shape[0] * core.box.shape[1] * core.box.shape[2] * DECODE_CYCLES + n_credits * CREDIT_CYCLES
                     + SAMPLE_CYCLES + sum(end.n_words * density(end.kind, core, input_density) * SEND_CYCLES
                                           * share_of_samples(plan, core, end) for end in core.streams_out))
    if core.kind is CoreKind.WEIGHT_SLICE:
        assert core.columns is not None
        taken = core.inputs[0]
        filled = input_density if taken.stage == 0 else HIDDEN_DENSITY
        n_rows = taken.layout.n_elements
        products = n_rows * padded(len(core.columns))
        cycles += 2 * n_rows * ROW_CYCLES + products * filled * (FORWARD_CYCLES + GRADIENT_CYCLES) + SAMPLE_CYCLES
        if plan.stages[taken.stage].learns:
            cycles += products * BACKWARD_CYCLES
        update += n_updated(core) * UPDATE_CYCLES[plan.graph.optimiser.kind]
        return _with_fetches(plan, core, cycles, update) if core.in_sdram else Stage(max(cycles, _posted(core)), update)
    if core.kind is CoreKind.PROBE:
        return Stage(cycles + SAMPLE_CYCLES + sum(core.inlet_words) * WRITE_CYCLES, update)
    n_units = prod(core.box.shape)
    cycles += sum(end.stream.n_words for end in core.streams_in
                  if end.stream.kind in (StreamKind.SUMS, StreamKind.PARTIAL_ERRORS)) * SUMMAND_CYCLES
    if core.kind in (CoreKind.NEURON_GROUP, CoreKind.OUTPUT_GROUP):
        cycles += n_units * UNIT_CYCLES
        if core.kind is CoreKind.OUTPUT_GROUP:
            cycles += n_units * SOFTMAX_UNIT_CYCLES
        return Stage(cycles + _operations(plan, core, n_units))
    assert core.head is not None
    n_head = prod(core.head.shape)
    if isinstance(layer, CustomLayer):
        cycles += SAMPLE_CYCLES + layer.cycles(input_box(plan.graph, stage, core.head).shape, core.head.shape)
        if core.exchange is not None:
            update += n_updated(core) * UPDATE_CYCLES[plan.graph.optimiser.kind]
        return Stage(cycles, update)
    cycles += SAMPLE_CYCLES + _operations(plan, core, n_head) + n_head * ELEMENT_CYCLES
    if isinstance(layer, WeightLayer):
        cycles += n_head * (CURVE_CYCLES if layer.activation in (Activation.SIGMOID, Activation.TANH) else 0)
    if isinstance(layer, ConvolutionLayer):
        positions = core.head.shape[0] * core.head.shape[1]
        channels = padded_channels(core.head.shape[2])
        n_weights = layer.weights.shape[0] * layer.weights.shape[1] * core.inputs[0].layout.pitch * channels
        from_input = all(taken.stage == 0 for taken in core.inputs)
        filled = input_density if from_input else HIDDEN_DENSITY
        calls = positions * layer.weights.shape[0] * POSITION_CYCLES
        cycles += positions * n_weights * filled * (FORWARD_CYCLES + KERNEL_GRADIENT_CYCLES) + 2 * calls
        if any(plan.stages[taken.stage].learns for taken in core.inputs):
            cycles += positions * n_weights * BACKWARD_CYCLES + calls
        update += n_updated(core) * UPDATE_CYCLES[plan.graph.optimiser.kind]
    return Stage(cycles, update)


def _posted(core: Core) -> float:
    """Cycles of the vector of a weight slice that takes longest to send, beside other work, at the distance its packets keep."""
    of_vector: dict[int, float] = {}
    for stream in core.streams_out:
        if stream.kind not in EXCHANGED:
            sent = (stream.n_words + 1.0) * stream.spacing
            if stream.kind is StreamKind.PARTIAL_ERRORS:
                sent /= n_lists(core)
            of_vector[stream.vector] = of_vector.get(stream.vector, 0.0) + sent
    return max(of_vector.values(), default=0.0)


def n_updated(core: Core) -> int:
    """Parameters that a core updates."""
    if core.exchange is None:
        return core.inputs[0].layout.n_elements * padded(len(core.columns or ()))
    return min(len(core.own_share) * core.exchange.n_segments, core.exchange.n_words)


def _with_fetches(plan: Plan, core: Core, cycles: float, update: float) -> Stage:
    """The same of a weight slice whose weights come from SDRAM, while others are worked on."""
    cut = plan.cut.stages[core.stage]
    assert isinstance(cut, DenseCut)
    shape, sweep = SliceShape.of(plan, core), sweep_of(plan, core)
    n_weights, n_slices = shape.n_rows * shape.n_columns, len(cut.rows) * len(cut.columns)
    cycles = max(cycles, n_weights * fetch_cycles(n_slices, sweep.samples)) + n_weights / sweep.block_rows * CALL_CYCLES
    return Stage(cycles, update + 2 * (1 + shape.n_planes) * n_weights * word_cycles(n_slices))


def _traffic(plan: Plan, core: Core, input_density: float) -> tuple[float, float]:
    """Cycles of receiving and sending: per sample, and per batch."""
    per_sample = per_batch = 0.0
    n_segments = core.exchange.n_segments if core.exchange is not None else 1
    for end in core.streams_in:
        kind = end.stream.kind
        cycles = end.stream.n_words * density(kind, end.stream.producer, input_density) * RECEIVE_CYCLES + STREAM_SAMPLE_CYCLES
        cycles *= share_of_samples(plan, core, end.stream)
        if kind in EXCHANGED:
            per_batch += cycles * n_segments
        elif kind is not StreamKind.CREDIT:
            per_sample += cycles
    if core.kind is CoreKind.INPUT_SOURCE:
        return per_sample, per_batch
    posts = core.kind is CoreKind.WEIGHT_SLICE and not core.in_sdram
    for stream in core.streams_out:
        spacing = SEND_CYCLES if posts and stream.kind not in EXCHANGED else max(SEND_CYCLES, stream.spacing)
        cycles = stream.n_words * density(stream.kind, core, input_density) * spacing + STREAM_SEND_CYCLES
        cycles *= share_of_samples(plan, core, stream)
        if stream.kind in EXCHANGED:
            per_batch += cycles * n_segments
        else:
            per_sample += cycles
    return per_sample, per_batch


def network_cycles(plan: Plan, input_density: float) -> float:
    """Cycles per sample in which links carry what goes between tiles, and between tiles and slices; replicas have theirs on a chip.

    What dense layers exchange among themselves mostly stays on chips, and is not counted.
    """
    packets = 0.0
    for stream in plan.streams:
        ends = (stream.producer, *stream.consumers[:1])
        if (stream.kind not in (StreamKind.ACTIVATIONS, StreamKind.PARTIAL_ERRORS)
                or not any(core.kind in TILES.values() for core in ends)
                or plan.cut.shared and all(plan.replicas_of(core) > 1 for core in ends)):
            continue
        packets += (stream.n_words * density(stream.kind, stream.producer, input_density)
                    / max(plan.replicas_of(core) for core in ends))
    return packets * TILE_PACKET_CYCLES


def share_of_samples(plan: Plan, core: Core, stream: Stream) -> float:
    """Of a core's samples, those that a stream carries: one that leads to a replica, or comes from one, carries that replica's."""
    ends = (stream.producer, *stream.consumers[:1])
    return plan.replicas_of(core) / max(plan.replicas_of(end) for end in ends)


def density(kind: StreamKind, producer: Core, input_density: float) -> float:
    """Share of a stream's words that are not zero."""
    if kind is not StreamKind.ACTIVATIONS:
        return 1.0
    return input_density if producer.kind is CoreKind.INPUT_SOURCE else HIDDEN_DENSITY


def _operations(plan: Plan, core: Core, n_elements: int) -> float:
    """The small layers behind a layer that gives so many elements."""
    cycles = 0.0
    for number in plan.stages[core.stage].operations:
        layer = plan.graph.layers[number]
        curved = isinstance(layer, ActivationLayer) and layer.activation in (Activation.SIGMOID, Activation.TANH)
        cycles += n_elements * (ELEMENT_CYCLES + (CURVE_CYCLES if curved else 0))
        if isinstance(layer, PoolingLayer):
            n_elements //= layer.size[0] * layer.size[1]
    return cycles
