"""Packets that come to harm: what routers drop is sent again by the stock monitors; what is lost for good ends the pass."""
from __future__ import annotations

from typing import Iterator

import pytest

from dlgraph.errors import MachineError
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation
from dlgraph.reference import ReferenceExecutor
from integration_tests.conftest import SharedTarget
from integration_tests.networks import OUTPUTS, assert_equal, make_graph, make_samples, train


@pytest.fixture
def faulty(spinn3: SharedTarget) -> Iterator[SharedTarget]:
    """An emulated machine whose faults end with the test."""
    spinn3.start()
    if spinn3.emulated_machine is None:
        pytest.skip("faults on request are the emulated machine's")
    yield spinn3
    spinn3.emulated_machine.faults()


def test_what_routers_drop_is_sent_again(faulty: SharedTarget) -> None:
    graph = make_graph([30, 20, 6], [Activation.RELU], OUTPUTS[0], seed=20)
    samples = make_samples(graph, 60, seed=21)
    executor = GfeExecutor(graph, faulty)
    state = executor.optimiser_state()
    try:
        executor.train_epoch(samples, 0, 16, True, 0.1)               # maps and loads while all is well
        executor.set_parameters([(layer.weights, layer.biases) for layer in graph.weight_layers])
        executor.set_optimiser_state(state)
        before = faulty.emulated_machine.counters()
        faulty.emulated_machine.faults(drop_every=100)
        on_machine = train(executor, samples, epochs=2, batch_size=16)
        after = faulty.emulated_machine.counters()
        assert after.dropped["mc"] > before.dropped["mc"] + 10
        assert sum(after.dropped_at.values()) - sum(before.dropped_at.values()) >= after.dropped["mc"] - before.dropped["mc"]
    finally:
        faulty.emulated_machine.faults()
        executor.close()
    assert_equal(on_machine, train(ReferenceExecutor(graph), samples, epochs=2, batch_size=16))


def test_what_is_lost_for_good_ends_the_pass(faulty: SharedTarget) -> None:
    graph = make_graph([30, 20, 6], [Activation.RELU], OUTPUTS[0], seed=22)
    samples = make_samples(graph, 60, seed=23)
    executor = GfeExecutor(graph, faulty)
    try:
        executor.train_epoch(samples, 0, 16, True, 0.1)
        learned = executor.parameters()
        faulty.emulated_machine.faults(lose_every=200)
        with pytest.raises(MachineError, match="nothing has come for 5 s"):
            executor.train_epoch(samples, 1, 16, True, 0.1)
        faulty.emulated_machine.faults()
        for (weights, biases), (w, b) in zip(learned, executor.parameters(), strict=True):
            assert (weights == w).all() and (biases == b).all()
        again = executor.train_epoch(samples, 1, 16, True, 0.1)       # the machine is usable
        reference = ReferenceExecutor(graph)
        for epoch in range(2):
            expected = reference.train_epoch(samples, epoch, 16, True, 0.1)
        assert again.loss_sum == expected.loss_sum
    finally:
        executor.close()
