"""What the machine trains equals what the reference trains, bit for bit, however the network is cut and placed."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlgraph.errors import DoesNotFit
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation, LayerGraph, Loss, Samples
from dlgraph.reference import ReferenceExecutor
from dlgraph.targets import MachineTarget
from integration_tests.networks import HIDDEN, OUTPUTS, assert_equal, make_graph, make_samples, train


def on_machine_and_host(graph: LayerGraph, samples: Samples, target: MachineTarget, epochs: int, batch_size: int,
                        **options: object) -> None:
    executor = GfeExecutor(graph, target, **options)              # type: ignore[arg-type]
    try:
        on_machine = train(executor, samples, epochs, batch_size)
        assert sum(r.packets_foreign for r in executor.results.values()) == 0
    finally:
        executor.close()
    assert_equal(on_machine, train(ReferenceExecutor(graph), samples, epochs, batch_size))


def test_one_dense_layer(spinn3: MachineTarget) -> None:
    graph = make_graph([12, 5], [], OUTPUTS[0], seed=1)
    on_machine_and_host(graph, make_samples(graph, 20, seed=2), spinn3, epochs=2, batch_size=8)


@pytest.mark.parametrize("cuts, n_sources, window, placement_seed", [
    ({"dense_0": (1, 1), "dense_1": (1, 1)}, 1, 1, None),
    ({"dense_0": (4, 3, 2), "dense_1": (2, 1)}, 2, 4, 5),
    ({"dense_0": (2, 5, 5), "dense_1": (4, 2)}, 5, 8, 6),
    ({"dense_0": (7, 1), "dense_1": (1, 2)}, 3, 3, 7),
    ({"dense_0": (3, 2, 5), "dense_1": (3, 1)}, 2, 2, None),
])
def test_cuts_and_placements(spinn3: MachineTarget, cuts: dict[str, tuple[int, ...]], n_sources: int, window: int,
                             placement_seed: int | None) -> None:
    graph = make_graph([50, 37, 11], [Activation.TANH], OUTPUTS[0], seed=3)
    on_machine_and_host(graph, make_samples(graph, 45, seed=4), spinn3, epochs=2, batch_size=16, cuts=cuts,
                        n_sources=n_sources, window=window, placement_seed=placement_seed)


@settings(max_examples=6, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_random_networks(spinn3: MachineTarget, data: st.DataObject) -> None:
    widths = data.draw(st.lists(st.integers(1, 150), min_size=2, max_size=4))
    hidden = [data.draw(st.sampled_from(HIDDEN)) for _ in widths[1:-1]]
    output = data.draw(st.sampled_from(OUTPUTS))
    graph = make_graph(widths, hidden, output, seed=data.draw(st.integers(0, 2**32 - 1)),
                       use_bias=data.draw(st.booleans()))
    samples = make_samples(graph, data.draw(st.integers(1, 60)), seed=7, sparse=data.draw(st.booleans()))
    batch_size = data.draw(st.integers(1, len(samples)))
    on_machine_and_host(graph, samples, spinn3, epochs=2, batch_size=batch_size)


def test_fills(spinn3: MachineTarget) -> None:
    """More samples than the room in SDRAM: the same bits."""
    graph = make_graph([40, 16, 4], [Activation.RELU], OUTPUTS[1], seed=8)
    on_machine_and_host(graph, make_samples(graph, 300, seed=9, sparse=False), spinn3, epochs=2, batch_size=32,
                        max_region_bytes=80 * 100)


@pytest.mark.parametrize("options", [
    pytest.param({}, id="as chosen"),
    pytest.param({"cuts": {"dense_0": (6, 5), "dense_1": (5, 4, 4), "dense_2": (4, 1)}, "n_sources": 3, "window": 6,
                  "placement_seed": 2}, id="by hand", marks=pytest.mark.wide),
])
def test_on_48_chips(spinn5: MachineTarget, options: dict[str, object]) -> None:
    graph = make_graph([230, 150, 60, 10], [Activation.RELU, Activation.SIGMOID], OUTPUTS[0], seed=13)
    on_machine_and_host(graph, make_samples(graph, 50, seed=14), spinn5, epochs=2, batch_size=16, **options)


def test_predict_before_a_larger_training(spinn3: MachineTarget) -> None:
    """What was asked for first, a few samples without targets, does not bound what comes later."""
    graph = make_graph([8, 300], [], (Activation.LINEAR, Loss.MEAN_SQUARED_ERROR, False), seed=30)
    samples = make_samples(graph, 128, seed=31)
    few = Samples(samples.codes[:4], samples.table)
    executor = GfeExecutor(graph, spinn3)
    try:
        first = executor.forward(few, keep_outputs=True)
        on_machine = train(executor, samples, epochs=1, batch_size=128)
    finally:
        executor.close()
    reference = ReferenceExecutor(graph)
    np.testing.assert_array_equal(first.outputs, reference.forward(few, keep_outputs=True).outputs)
    assert_equal(on_machine, train(reference, samples, epochs=1, batch_size=128))


def test_no_room_for_a_single_sample_is_said(spinn3: MachineTarget) -> None:
    graph = make_graph([40, 4], [], OUTPUTS[0], seed=32)
    executor = GfeExecutor(graph, spinn3, max_region_bytes=16)
    try:
        with pytest.raises(DoesNotFit, match="no room"):
            executor.forward(make_samples(graph, 3, seed=33), keep_outputs=True)
    finally:
        executor.close()
