"""Vertices at given places, and probes on streams: what the network learns stays the same, and what probes record is what the
reference computes, bit for bit, also where packets get lost.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from spinn_front_end_common.data import FecDataView

from dlgraph.custom_checks import small_network, small_samples
from dlgraph.executor import Executor
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation, LayerGraph, Samples, Sgd
from dlgraph.mapping.plan import Core, CoreKind, Plan, StreamKind
from dlgraph.mapping.probes import Probe, probes_of, segments_recorded
from dlgraph.mapping.sent_log import positions
from dlgraph.order import order
from dlgraph.reference import ReferenceExecutor, dense
from dlgraph.targets import MachineTarget
from dlgraph.trace import StreamTrace, Trace
from integration_tests.conftest import SharedTarget
from integration_tests.networks import OUTPUTS, assert_equal, make_graph, make_samples, train
from integration_tests.test_replicas import CUTS, small
from tests.custom_kinds.window_sum import WindowSumLayer


def rows_of(samples: Samples, index: np.ndarray) -> Samples:
    return Samples(samples.codes[index], samples.table, None if samples.labels is None else samples.labels[index],
                   None if samples.targets is None else samples.targets[index])


class Expected:
    """What the reference computes for every sample of an epoch: value, errors and unit errors of every layer."""

    def __init__(self, graph: LayerGraph, samples: Samples, epoch: int, batch_size: int) -> None:
        self.graph = graph
        reference = ReferenceExecutor(graph)
        rate = graph.optimiser.learning_rate
        for before in range(epoch):
            reference.train_epoch(samples, before, batch_size, True, rate)
        self.order = order(len(samples), graph.seed, epoch)
        self.traces: list[Trace] = []
        self.weights: list[list[np.ndarray]] = []
        for start in range(0, len(samples), batch_size):
            batch = rows_of(samples, self.order[start:start + batch_size])
            self.weights.append([weights for weights, _ in reference.parameters()])
            self.traces.append(reference.trace(batch, epoch, training=True))
            reference.train_epoch(batch, epoch, batch_size, False, rate)
        self.batch_of = np.arange(len(samples)) // batch_size

    def quantity(self, layer: str, name: str) -> np.ndarray:
        """(sample of the data, ...) of all samples."""
        of_batches = [getattr(trace[layer], name) for trace in self.traces]
        found = np.concatenate([each.bits for each in of_batches])
        return found[np.argsort(self.order)]


def carried(plan: Plan, core: Core, recorded: StreamTrace, expected: Expected) -> np.ndarray:
    """What the reference says of the samples and words that a probe recorded of a stream with a layer's value or unit errors."""
    stream = core.streams_in[0].stream
    producer = stream.producer
    activations = recorded.kind == "activations"
    name = plan.graph.layers[plan.stages[producer.stage].layer].name if producer.stage else "input"
    values = expected.quantity(name, "activations" if activations else "unit_errors")[recorded.samples]
    assert producer.layout is not None
    layout, box = producer.layout, producer.box
    elements = np.zeros((len(values), layout.rows, layout.width, layout.pitch), np.int16 if activations else np.int32)
    rows, columns, channels = box.shape
    values = values.reshape(len(values), *plan.stages[producer.stage].shape)
    elements[:, :rows, :columns, :channels] = values[
        :, box.rows.start:box.rows.stop, box.columns.start:box.columns.stop, box.channels.start:box.channels.stop]
    flat = elements.reshape(len(values), -1)
    if activations:
        flat = np.pad(flat, ((0, 0), (0, flat.shape[1] % 2))).view("<i4")
    words = flat[:, positions(stream.source)]
    return np.ascontiguousarray(words).view("<i2") if activations else words


def check_samples(recorded: StreamTrace, probe: Probe, expected: Expected) -> None:
    """Of one replica: the first or the last of the epoch's order."""
    wanted = expected.order[-probe.samples:] if probe.keep == "last" else expected.order[:probe.samples]
    np.testing.assert_array_equal(recorded.samples, wanted)


@pytest.fixture
def spared(spinn3: SharedTarget) -> Iterator[SharedTarget]:
    """A machine whose faults end with the test."""
    spinn3.start()
    yield spinn3
    if spinn3.emulated_machine is not None:
        spinn3.emulated_machine.faults()


PROBES = [Probe("input", samples=9, keep="first"), Probe("dense_0", "sums", samples=24), Probe("dense_0", samples=24),
          Probe("dense_0", "errors", samples=100), Probe("dense_1", "partial errors", samples=100),
          Probe("dense_1", "errors", samples=40, keep="first")]


HARM = {"lose": 2e-3, "drop": 1e-3, "duplicate": 0.01, "reorder": 0.01, "seed": 5}
SLOWNESS = 50.0


@pytest.mark.parametrize("window", [4, pytest.param(1, marks=pytest.mark.wide)])
def test_probes_of_every_kind(spared: SharedTarget, window: int) -> None:
    """In epochs of two batches: without losses, with them, and with a probe so slow that all others have to wait for it."""
    graph = make_graph([30, 20, 6], [Activation.RELU], OUTPUTS[0], seed=31)
    samples = make_samples(graph, 60, seed=32)
    place: dict[str, Any] = {"dense_0": (1, 1), "dense_1 output group, units 0..5": (0, 1, 5)}
    executor = GfeExecutor(graph, spared, cuts={"dense_0": (2, 2), "dense_1": (2, 1)}, n_sources=2, window=window, place=place,
                           probes=PROBES)
    machine = spared.emulated_machine
    rate = graph.optimiser.learning_rate
    reference = ReferenceExecutor(graph)
    cycles = []
    try:
        for epoch in range(3):
            if machine is not None and epoch == 1:
                machine.faults(HARM)
            elif machine is not None and epoch == 2:
                assert any(result.packets_resent for result in executor.results.values())
                machine.faults()
                slow_down(executor, machine)
            found = executor.train_epoch(samples, epoch, 30, True, rate)
            wanted = reference.train_epoch(samples, epoch, 30, True, rate)
            cycles.append(found.machine_cycles)
            assert (found.loss_sum, found.n_correct) == (wanted.loss_sum, wanted.n_correct)
            check_records(executor, Expected(graph, samples, epoch, 30))
        if machine is not None:
            print(f"cycles: {cycles}")
            assert cycles[2] > 3 * cycles[0] or window == 1
            machine.faults()
        assert_equal(train(executor, samples, 1, 30), train(reference, samples, 1, 30))
        forward, = [each for each in executor.recorded(training=False) if (each.kind, each.layer) == ("activations", "input")][:1]
        np.testing.assert_array_equal(forward.samples, np.arange(9))

        mapped = executor.mapped()
        assert mapped is not None and executor.plan is not None
        for core in executor.plan.cores:
            if core.kind is CoreKind.OUTPUT_GROUP:
                assert mapped.places[core] == (0, 1, 5)
            elif core.stage == 1 and core.kind is not CoreKind.PROBE:
                assert mapped.places[core][:2] == (1, 1)
    finally:
        executor.close()


def slow_down(executor: GfeExecutor, machine: Any) -> None:
    """A probe."""
    mapped = executor.mapped()
    assert mapped is not None
    core, _ = next(each for each in probes_of(mapped.chosen.plan) if each[1].kind is StreamKind.ERRORS)
    x, y, p = mapped.places[core]
    machine.slow_core(x, y, FecDataView.get_physical_core_id((x, y), p), SLOWNESS)


def check_records(executor: GfeExecutor, expected: Expected) -> None:
    plan = executor.plan
    assert plan is not None
    of_probe: dict[tuple[str, str], list[StreamTrace]] = {}
    for (core, _), recorded in zip(probes_of(plan), executor.recorded(training=True), strict=True):
        probe = next(each for each in PROBES if (each.layer, each.kind) == (recorded.layer, recorded.kind))
        check_samples(recorded, probe, expected)
        of_probe.setdefault((recorded.layer, recorded.kind), []).append(recorded)
        if recorded.kind in ("activations", "errors"):
            np.testing.assert_array_equal(recorded.words.bits, carried(plan, core, recorded, expected),
                                          err_msg=f"{recorded.kind} of {recorded.producer}")
    assert set(of_probe) == {(probe.layer, probe.kind) for probe in PROBES}
    check_sums(plan, of_probe["dense_0", "sums"], expected)
    check_errors(executor, "dense_1", "dense_0", expected)


def check_errors(executor: GfeExecutor, layer: str, before: str, expected: Expected) -> None:
    """What a layer's cores send back adds up to the error of the value that they took."""
    plan = executor.plan
    assert plan is not None
    errors = expected.quantity(before, "errors")
    found = np.zeros(errors.shape, np.int64)
    for (_, stream), recorded in zip(probes_of(plan), executor.recorded(training=True), strict=True):
        if (recorded.layer, recorded.kind) != (layer, "partial errors"):
            continue
        taker = stream.consumers[0]
        end = next(each for each in taker.streams_in if each.stream is stream)
        block = next(plane.block for plane in taker.planes if plane.first == end.first)
        layout, box = taker.layout, taker.box
        assert layout is not None and len(recorded.samples)
        elements = np.zeros((len(errors), layout.n_elements), np.int64)
        elements[np.ix_(recorded.samples, positions(block))] = recorded.words.bits
        rows, columns, channels = box.shape
        found[:, box.rows.start:box.rows.stop, box.columns.start:box.columns.stop, box.channels.start:box.channels.stop] += (
            elements.reshape(-1, layout.rows, layout.width, layout.pitch)[:, :rows, :columns, :channels])
    np.testing.assert_array_equal(found, errors)


def check_sums(plan: Plan, recorded: list[StreamTrace], expected: Expected) -> None:
    """Those of all blocks of rows add up to the layer's."""
    samples = recorded[0].samples
    inputs = expected.quantity("input", "activations").reshape(len(expected.order), -1)[samples]
    position = np.argsort(expected.order)[samples]
    found = np.zeros((len(samples), 24), np.int64)
    for _, stream in probes_of(plan):
        for each in recorded:
            ends = stream.producer.label, stream.consumers[0].label
            if stream.kind is StreamKind.SUMS and ends == (each.producer, each.consumers[0]):
                columns = stream.producer.columns
                assert columns is not None
                units = columns.start + positions(stream.source)
                found[:, units] += each.words.bits
    for row, (x, at) in enumerate(zip(inputs, position)):
        weights = expected.weights[expected.batch_of[at]][0]
        np.testing.assert_array_equal(found[row, :20], dense.forward(x[None], weights)[0])


@pytest.mark.parametrize("options", [pytest.param({"window": 3}, marks=pytest.mark.wide), {"replicas": 2, "window": 2}])
def test_a_layer_of_ones_own_between_ours(spinn3: MachineTarget, options: dict[str, Any]) -> None:
    """Placed by hand, its value and its new weights recorded; also of replicas, each of which has its part of the samples."""
    layer = WindowSumLayer("sums", np.array([1 << 26, -(1 << 25), 1 << 27, 1 << 24], np.int32),
                           np.array([1 << 22, 0, -(1 << 21), 1], np.int32), True)
    graph = small_network(layer, (7, 6, 4), Sgd(0.05))
    samples = small_samples(graph)
    layers = [each.name for each in graph.weight_layers]
    probes = [Probe("sums", samples=6, to="behind"), Probe("input", samples=3), Probe("before", samples=5, keep="first"),
              Probe("sums", "weights", samples=100), Probe("sums", "partial errors", samples=100)]
    executor = GfeExecutor(graph, spinn3, cuts={"sums": (2, 1, 2)}, place={"sums": (1, 0)}, probes=probes, **options)
    try:
        executor.train_epoch(samples, 0, 4, True, 0.05)
        plan, mapped = executor.plan, executor.mapped()
        assert plan is not None and mapped is not None
        expected = Expected(graph, samples, 0, 4)
        assert {mapped.places[core][:2] for core in plan.cores if core.kind is CoreKind.CUSTOM_TILE} == {(1, 0)}
        reference: Executor = ReferenceExecutor(graph)
        reference.train_epoch(samples, 0, 4, True, 0.05)
        seen = set()
        for (core, _), recorded in zip(probes_of(plan), executor.recorded(training=True), strict=True):
            seen.add((recorded.layer, recorded.kind))
            if recorded.kind == "weights":
                check_weights(executor, core, recorded, reference.parameters()[layers.index("sums")])
            if recorded.kind != "activations":
                continue
            place = np.arange(len(samples))
            replica = place[(place % 4) % plan.replicas_of(core) == core.replica]
            wanted = expected.order[replica]
            n = {"sums": 6, "input": 3, "before": 5}[recorded.layer]
            np.testing.assert_array_equal(recorded.samples, wanted[:n] if recorded.layer == "before" else wanted[-n:])
            np.testing.assert_array_equal(recorded.words.bits, carried(plan, core, recorded, expected), err_msg=str(recorded))
        assert seen == {(probe.layer, probe.kind) for probe in probes}
        check_errors(executor, "sums", "before", expected)
        assert_equal(train(executor, samples, 1, 4), train(reference, samples, 1, 4))
    finally:
        executor.close()


@pytest.mark.wide
@pytest.mark.parametrize("graph, options", [
    pytest.param(make_graph([30, 20, 6], [Activation.RELU], OUTPUTS[0], seed=36), {"cuts": {}, "replicas": 2}, id="dense"),
    pytest.param(small(), {"cuts": CUTS, "replicas": 2, "share_dense": True, "window": 2, "shared_window": 3}, id="convolutions")])
def test_what_replicas_exchange(spared: SharedTarget, graph: LayerGraph, options: dict[str, Any]) -> None:
    """New weights as the reference has them, segment by segment, without losses and with them; gradients of dense layers too."""
    first = graph.weight_layers[0]
    first.gradient_shift = 2                              # whatever the number of samples
    samples = make_samples(graph, 24, seed=37)
    kinds = ("gradients", "weights") if "share_dense" not in options else ("gradients", "gradient sums", "weights", "activations")
    executor = GfeExecutor(graph, spared, probes=[Probe(first.name, kind, samples=1000) for kind in kinds], **options)
    reference = ReferenceExecutor(graph)
    try:
        for epoch in range(2):
            if epoch and spared.emulated_machine is not None:
                spared.emulated_machine.faults(HARM)
            before = reference.parameters()
            found = executor.train_epoch(samples, epoch, 8, False, 0.05)
            assert found.loss_sum == reference.train_epoch(samples, epoch, 8, False, 0.05).loss_sum
            check_exchanged(executor, before, reference.parameters(), rows_of(samples, np.arange(8)), epoch, kinds)
    finally:
        executor.close()


def check_exchanged(executor: GfeExecutor, before: list[tuple[np.ndarray, np.ndarray]],
                    after: list[tuple[np.ndarray, np.ndarray]], batch: Samples, epoch: int, kinds: tuple[str, ...]) -> None:
    """The weights of the last batch, and the gradients of the first, for which the replicas took samples in turn."""
    plan = executor.plan
    assert plan is not None
    gradients = []
    for replica in range(2):
        alone = ReferenceExecutor(executor.graph)
        alone.set_parameters(before)
        gradients.append(alone.trace(rows_of(batch, np.arange(replica, 8, 2)), epoch, training=True).layers[1].weight_gradient)
    seen = set()
    for (core, stream), recorded in zip(probes_of(plan), executor.recorded(training=True), strict=True):
        seen.add(recorded.kind)
        if recorded.kind == "weights":
            check_weights(executor, core, recorded, after[0])
        elif recorded.kind == "gradients" and stream.producer.kind is CoreKind.WEIGHT_SLICE:
            gradient, n = gradients[stream.producer.replica], segments_recorded(core)
            assert gradient is not None
            wanted = in_segments(executor, core, (gradient.bits.astype(np.int32),))
            np.testing.assert_array_equal(recorded.words.bits[:n], wanted)
        if recorded.kind != "activations":
            np.testing.assert_array_equal(recorded.samples, np.arange(3 * segments_recorded(core)))
    assert seen == set(kinds)


def check_weights(executor: GfeExecutor, core: Core, recorded: StreamTrace, after: tuple[np.ndarray, np.ndarray]) -> None:
    """What a core made of its share in the last batch."""
    n = segments_recorded(core)
    assert len(recorded.samples) and len(recorded.samples) % n == 0
    np.testing.assert_array_equal(recorded.words.bits[-n:], in_segments(executor, core, after))


def in_segments(executor: GfeExecutor, core: Core, arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    """What a probe gets of a layer's weights and biases, or of gradients of the same form."""
    stream = core.streams_in[0].stream
    vertex = next(each for each in executor._trained_vertices if each.core is stream.producer)
    exchange = stream.producer.exchange
    assert exchange is not None
    vector = np.zeros(exchange.n_segments * exchange.segment, np.int32)
    data = np.frombuffer(vertex.parameters_to_memory(arrays), "<i4")
    vector[:len(data)] = data
    return vector.reshape(exchange.n_segments, -1)[:, positions(stream.source)]
