"""What a sample costs each core, in cycles of 200 MHz.

The figures decide only how a network is cut and how fast it is expected to be, never what it computes.
"""
from __future__ import annotations

from dataclasses import dataclass
from math import prod

from dlgraph.custom_layer import CustomLayer
from dlgraph.layers import Activation, ActivationLayer, ConvolutionLayer, PoolingLayer, WeightLayer
from dlgraph.mapping.cuts import DenseCut
from dlgraph.mapping.input_density import InputDensity, density_in
from dlgraph.mapping.memory import n_lists, sweep_of
from dlgraph.mapping.plan import (EXCHANGED, SOURCE_ACTIVATIONS_OUT, TILES, Core, CoreKind, Plan, Stream, StreamKind, padded,
                                  padded_channels)
from dlgraph.mapping.stages import input_box
from dlgraph.mapping.sweeps import CALL_CYCLES, SliceShape, fetch_cycles, word_cycles
from dlgraph.optimisers import OptimiserKind

HIDDEN_DENSITY = 0.7             # share of hidden activations that are not zero (estimate)


@dataclass(frozen=True)
class Costs:
    """Cycles of 200 MHz.

    :param receive: per packet: interrupt and place (docs/streams.rst), and what it makes others wait
    :param send: per word sent at once
    :param list_packet: per word sent little by little (c_models/streams/packet_list.c)
    :param list_zero: per word of such a vector that is zero, and not sent
    :param list_run: per run of neighbouring words of such a vector
    :param stream_sample: per incoming stream and sample: marker, slot, checksum
    :param stream_send: per outgoing stream and sample: marker
    :param credit: per message of a core that takes the input, at the input source
    :param sample: per sample of a core: everything that happens once
    :param forward: per product, as the next three
    :param kernel_gradient: of a convolution
    :param momentum: an update by momentum, per weight and batch
    :param row: per row and kernel call
    :param position: per position, kernel row and kernel call of a convolution
    :param unit: per unit of a dense layer: activation, error, bias
    :param element: per element of a tile and small layer: forward and backward
    :param curve: of these, where there is a sigmoid or tanh
    :param summand: per sum to add up
    :param softmax_unit: per output: exponential, division, loss
    :param decode: per input: code to activation
    :param write: per word that a probe records (estimate): transfer to SDRAM, clearing
    :param tile_packet: per packet between tiles, and between tiles and slices, that leaves its chip: LeNet-5 in one copy on 20 of
        48 chips.  Routers that such packets fill from several sides stand still until they drop some.
    """

    receive: float
    send: float
    list_packet: float
    list_zero: float
    list_run: float
    stream_sample: float
    stream_send: float
    credit: float
    sample: float
    forward: float
    backward: float
    gradient: float
    kernel_gradient: float
    momentum: float
    row: float
    unit: float
    summand: float
    decode: float
    position: float = 20.0
    element: float = 60.0
    curve: float = 210.0
    softmax_unit: float = 150.0
    write: float = 3.0
    tile_packet: float = 33.0

    def update(self, kind: OptimiserKind) -> float:
        """Of an optimiser, per weight and batch."""
        return {OptimiserKind.SGD: 14.0, OptimiserKind.MOMENTUM: self.momentum, OptimiserKind.ADAM: 225.0,
                OptimiserKind.RMSPROP: 180.0}[kind]


#: Kernels as ``benchmarks/kernel_cycles.py`` has them, the rest fitted to where the cycles of every core went (``net.cycles()``) in
#: training the networks of LeCun et al. 1998 on MNIST on the emulated machine.
MEASURED = Costs(receive=44.0, send=30.0, list_packet=85.0, list_zero=14.0, list_run=60.0, stream_sample=330.0, stream_send=200.0,
                 credit=140.0, sample=1900.0, forward=2.35, backward=2.35, gradient=3.35, kernel_gradient=2.8, momentum=35.0,
                 row=6.4, unit=60.0, summand=19.0, decode=9.0)

#: To choose a cut by, before places are known and with them the distances of packets.  With the measured ones the choice falls on
#: cuts with few cores that get much each and then keep each other waiting: LeNet-1 takes 40,800 cycles a sample as these would
#: have it, 27,500 as it is, 784-300-100-10 29,600 and 27,400.
CAUTIOUS = Costs(receive=75.0, send=35.0, list_packet=35.0, list_zero=0.0, list_run=0.0, stream_sample=350.0, stream_send=150.0,
                 credit=150.0, sample=1500.0, forward=2.8, backward=3.0, gradient=3.8, kernel_gradient=2.8, momentum=40.0, row=8.0,
                 unit=170.0, summand=12.0, decode=20.0)


@dataclass(frozen=True)
class Stage:
    """What the slowest core of one kind spends: cycles per sample, and for the update per batch.

    :param forward: cycles that a sample waits on top on its way forward, for packets that keep their distance, while other samples
        are worked on
    :param backward: likewise on its way back
    """

    cycles: float
    update: float = 0.0
    forward: float = 0.0
    backward: float = 0.0

    def per_sample(self, batch_size: int) -> float:
        """Cycles of a sample, with its share of the update."""
        return self.cycles + self.update / batch_size


def core_cycles(plan: Plan, core: Core, input_density: InputDensity, costs: Costs = MEASURED) -> Stage:
    """A core's cycles in training.

    :param input_density: share of the network's inputs that are not zero
    """
    cycles, update = _traffic(plan, core, input_density, costs)
    stage = plan.stages[core.stage]
    layer = plan.graph.layers[stage.layer] if core.stage else None
    if core.kind is CoreKind.INPUT_SOURCE:
        n_credits = sum(share_of_samples(plan, core, end.stream) for end in core.streams_in)
        cycles += prod(core.box.shape) * costs.decode + n_credits * costs.credit / samples_per_credit(plan.cut.window)
        posted = _posted(plan, core, input_density)
        return Stage(max(cycles + costs.sample, posted))
    if core.kind is CoreKind.WEIGHT_SLICE:
        assert core.columns is not None
        taken = core.inputs[0]
        filled = density_in(input_density, taken.layout.box) if taken.stage == 0 else HIDDEN_DENSITY
        n_rows = taken.layout.n_elements
        products = n_rows * padded(len(core.columns))
        cycles += 2 * n_rows * costs.row + products * filled * (costs.forward + costs.gradient) + costs.sample
        if plan.stages[taken.stage].learns:
            cycles += products * costs.backward + n_rows * costs.row
        update += n_updated(core) * costs.update(plan.graph.optimiser.kind)
        if core.in_sdram:
            return _with_fetches(plan, core, cycles, update)
        return Stage(max(cycles, _posted(plan, core, input_density)), update, _on_the_way(core, StreamKind.SUMS),
                     _on_the_way(core, StreamKind.PARTIAL_ERRORS))
    if core.kind is CoreKind.PROBE:
        return Stage(cycles + costs.sample + sum(core.inlet_words) * costs.write, update)
    n_units = prod(core.box.shape)
    cycles += sum(end.stream.n_words for end in core.streams_in
                  if end.stream.kind in (StreamKind.SUMS, StreamKind.PARTIAL_ERRORS)) * costs.summand
    if core.kind in (CoreKind.NEURON_GROUP, CoreKind.OUTPUT_GROUP):
        cycles += n_units * costs.unit
        if core.kind is CoreKind.OUTPUT_GROUP:
            cycles += n_units * costs.softmax_unit
        return Stage(cycles + _operations(plan, core, n_units, costs))
    assert core.head is not None
    n_head = prod(core.head.shape)
    if isinstance(layer, CustomLayer):
        cycles += costs.sample + layer.cycles(input_box(plan.graph, stage, core.head).shape, core.head.shape)
        if core.exchange is not None:
            update += n_updated(core) * costs.update(plan.graph.optimiser.kind)
        return Stage(cycles, update)
    cycles += costs.sample + _operations(plan, core, n_head, costs) + n_head * costs.element
    if isinstance(layer, WeightLayer):
        cycles += n_head * (costs.curve if layer.activation in (Activation.SIGMOID, Activation.TANH) else 0)
    if isinstance(layer, ConvolutionLayer):
        positions = core.head.shape[0] * core.head.shape[1]
        channels = padded_channels(core.head.shape[2])
        n_weights = layer.weights.shape[0] * layer.weights.shape[1] * core.inputs[0].layout.pitch * channels
        from_input = all(taken.stage == 0 for taken in core.inputs)
        filled = density_in(input_density, core.inputs[0].layout.box) if from_input else HIDDEN_DENSITY
        calls = positions * layer.weights.shape[0] * costs.position
        cycles += positions * n_weights * filled * (costs.forward + costs.kernel_gradient) + 2 * calls
        if any(plan.stages[taken.stage].learns for taken in core.inputs):
            cycles += positions * n_weights * costs.backward + calls
        update += n_updated(core) * costs.update(plan.graph.optimiser.kind)
    return Stage(cycles, update)


def samples_per_credit(window: int) -> int:
    """Samples that a weight slice's credit lets go of at once (``c_models/layers/weight_slice.c``)."""
    return 2 if window >= 8 else 1


def _posted(plan: Plan, core: Core, input_density: InputDensity) -> float:
    """Cycles of the vector of a core that takes longest to send, beside other work, at the distance its packets keep."""
    of_vector: dict[int, float] = {}
    for stream in core.streams_out:
        if stream.kind not in EXCHANGED:
            sent = (stream.n_words * density(stream.kind, core, input_density) + 1.0) * stream.spacing
            vector = stream.vector
            if stream.kind is StreamKind.PARTIAL_ERRORS:
                sent /= n_lists(core)
            elif core.kind is CoreKind.INPUT_SOURCE:              # one vector after the other, each for some of the samples
                sent, vector = sent * share_of_samples(plan, core, stream), SOURCE_ACTIVATIONS_OUT
            of_vector[vector] = of_vector.get(vector, 0.0) + sent
    return max(of_vector.values(), default=0.0)


def _on_the_way(core: Core, kind: StreamKind) -> float:
    """Cycles from a weight slice's first packet of a vector to the last one; of the replicas that it may lead to, one."""
    return sum((stream.n_words + 1.0) * stream.spacing for stream in core.streams_out
               if stream.kind is kind and stream.consumers[0].replica in (0, core.replica))


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


def _traffic(plan: Plan, core: Core, input_density: InputDensity, costs: Costs) -> tuple[float, float]:
    """Cycles of receiving and sending: per sample, and per batch."""
    per_sample = per_batch = 0.0
    n_segments = core.exchange.n_segments if core.exchange is not None else 1
    for end in core.streams_in:
        kind = end.stream.kind
        cycles = end.stream.n_words * density(kind, end.stream.producer, input_density) * costs.receive + costs.stream_sample
        cycles *= share_of_samples(plan, core, end.stream)
        if kind in EXCHANGED:
            per_batch += cycles * n_segments
        elif kind is not StreamKind.CREDIT:
            per_sample += cycles
    lists = core.kind is CoreKind.INPUT_SOURCE or core.kind is CoreKind.WEIGHT_SLICE and not core.in_sdram
    for stream in core.streams_out:
        n_words = stream.n_words * density(stream.kind, core, input_density)
        if lists and stream.spacing and stream.kind not in EXCHANGED:
            n_runs = stream.source.n_runs * stream.source.n_outer
            cycles = (n_words * costs.list_packet + (stream.n_words - n_words) * costs.list_zero + n_runs * costs.list_run
                      + costs.stream_send)
        else:
            cycles = n_words * max(costs.send, stream.spacing) + costs.stream_send
        cycles *= share_of_samples(plan, core, stream)
        if stream.kind in EXCHANGED:
            per_batch += cycles * n_segments
        elif stream.kind is not StreamKind.REQUESTS:
            per_sample += cycles
    return per_sample, per_batch


def network_cycles(plan: Plan, input_density: InputDensity, costs: Costs = MEASURED) -> float:
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
    return packets * costs.tile_packet


def share_of_samples(plan: Plan, core: Core, stream: Stream) -> float:
    """Of a core's samples, those that a stream carries: one that leads to a replica, or comes from one, carries that replica's."""
    ends = (stream.producer, *stream.consumers[:1])
    return plan.replicas_of(core) / max(plan.replicas_of(end) for end in ends)


def density(kind: StreamKind, producer: Core, input_density: InputDensity) -> float:
    """Share of a stream's words that are not zero."""
    if kind is not StreamKind.ACTIVATIONS:
        return 1.0
    return density_in(input_density, producer.box) if producer.kind is CoreKind.INPUT_SOURCE else HIDDEN_DENSITY


def _operations(plan: Plan, core: Core, n_elements: int, costs: Costs) -> float:
    """The small layers behind a layer that gives so many elements."""
    cycles = 0.0
    for number in plan.stages[core.stage].operations:
        layer = plan.graph.layers[number]
        curved = isinstance(layer, ActivationLayer) and layer.activation in (Activation.SIGMOID, Activation.TANH)
        cycles += n_elements * (costs.element + (costs.curve if curved else 0))
        if isinstance(layer, PoolingLayer):
            n_elements //= layer.size[0] * layer.size[1]
    return cycles
