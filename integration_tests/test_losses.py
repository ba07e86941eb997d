"""Packets that come to harm change no bit, and a core that is gone ends the pass by name."""
from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, Iterator

import numpy as np
import pytest
from spinn_front_end_common.data import FecDataView

from dlgraph.errors import CoreLost
from dlgraph.gfe import memory_access
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation
from dlgraph.machines import Emulated
from dlgraph.mapping.plan import CoreKind
from dlgraph.reference import ReferenceExecutor
from dlgraph.targets import EmulatedTarget
from integration_tests.conftest import SharedTarget
from integration_tests.networks import OUTPUTS, assert_equal, make_graph, make_samples, train
from integration_tests.traces import assert_same_trace


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


#: Packets of a thousand and more come to harm: in one pass of the networks below, dozens.
HARM: dict[str, dict[str, Any]] = {
    "dropped": {"drop": 2e-3},
    "lost": {"lose": 2e-3},
    "duplicated, out of order and late": {"duplicate": 0.01, "reorder": 0.01, "delay": 0.005, "delay_us": 500.0},
    "all at once": {"lose": 1e-3, "drop": 1e-3, "duplicate": 0.01, "reorder": 0.01, "delay": 0.005},
}


@pytest.mark.parametrize("faults", HARM.values(), ids=list(HARM))
def test_harm_to_packets_changes_no_bit(faulty: SharedTarget, faults: dict[str, Any]) -> None:
    """Two replicas, which exchange gradients and parameters, cut by hand so that streams have several consumers."""
    graph = make_graph([30, 20, 6], [Activation.RELU], OUTPUTS[0], seed=22)
    samples = make_samples(graph, 60, seed=23)
    executor = GfeExecutor(graph, faulty, cuts={"dense_0": (2, 2), "dense_1": (2, 1)}, n_sources=2, window=4, replicas=2)
    state = executor.optimiser_state()
    try:
        executor.train_epoch(samples, 0, 16, True, 0.1)               # maps and loads while all is well
        executor.set_parameters([(layer.weights, layer.biases) for layer in graph.weight_layers])
        executor.set_optimiser_state(state)
        faulty.emulated_machine.faults({**faults, "seed": 5})
        on_machine = train(executor, samples, epochs=2, batch_size=16)
        counters = faulty.emulated_machine.counters()
        assert all(counters.faults[kind] >= 10 for kind in faults if kind != "delay_us")
        if "lose" in faults:
            assert sum(result.packets_resent for result in executor.results.values()) > 0
    finally:
        faulty.emulated_machine.faults()
        executor.close()
    assert_equal(on_machine, train(ReferenceExecutor(graph), samples, epochs=2, batch_size=16))


def test_commands_to_cores_that_are_lost(faulty: SharedTarget) -> None:
    """What the host asks the cores themselves (SDP port 3) before and after a pass, and their answers: it asks again, and a core
    that sleeps at the start barrier answers again."""
    graph = make_graph([30, 20, 6], [Activation.RELU], OUTPUTS[0], seed=24)
    samples = make_samples(graph, 60, seed=25)
    executor, reference = GfeExecutor(graph, faulty), ReferenceExecutor(graph)
    try:
        executor.train_epoch(samples, 0, 16, True, 0.1)               # maps and loads while all is well
        reference.train_epoch(samples, 0, 16, True, 0.1)
        before = faulty.emulated_machine.counters()
        faulty.emulated_machine.faults(datagram_loss=0.1, datagram_duplicate=0.2, datagram_reorder=0.2, seed=3,
                                       spare_commands=range(64), spare_ports=(1, 2, 4, 5, 6, 7))
        on_machine = executor.train_epoch(samples, 1, 16, True, 0.1)
        after = faulty.emulated_machine.counters()
        assert all(after.faults[kind] > before.faults[kind] for kind in ("datagram_loss", "datagram_duplicate", "datagram_reorder"))
        assert on_machine.loss_sum == reference.train_epoch(samples, 1, 16, True, 0.1).loss_sum
        for (weights, biases), (w, b) in zip(executor.parameters(), reference.parameters(), strict=True):
            assert (weights == w).all() and (biases == b).all()
    finally:
        faulty.emulated_machine.faults()
        executor.close()


@pytest.mark.wide
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(7, 11))
def test_datagrams_and_packets_that_come_to_harm_from_power_on(seed: int) -> None:
    """Nothing is spared: stock host, stock software of the machine and ours survive every loss."""
    graph = make_graph([30, 20, 6], [Activation.RELU], OUTPUTS[0], seed=26)
    samples = make_samples(graph, 60, seed=27)
    target = Emulated(board="spinn3", faults={
        "drop": 1e-3, "duplicate": 1e-3, "reorder": 1e-3, "datagram_loss": 0.02, "datagram_duplicate": 0.01,
        "datagram_reorder": 0.01, "seed": seed}).target()
    executor = GfeExecutor(graph, target)
    try:
        on_machine = train(executor, samples, epochs=2, batch_size=16)
        assert target.machine.counters().faults["datagram_loss"] > 10
    finally:
        executor.close()
    assert_equal(on_machine, train(ReferenceExecutor(graph), samples, epochs=2, batch_size=16))


def _error_of_a_death(executor: GfeExecutor, target: EmulatedTarget, after_packets: int, run: Callable[[], Any]) -> str:
    """What is said where a neuron group dies amid something: its vertex and place, among others."""
    assert executor._session is not None
    victim = next(vertex for vertex in executor._vertices if vertex.core.kind is CoreKind.NEURON_GROUP)
    place = executor._session.placement(victim)
    physical = FecDataView.get_physical_core_id((place.x, place.y), place.p)
    target.machine.faults(deaths=[{"core": (place.x, place.y, physical), "after_packets": after_packets}])
    with pytest.raises(CoreLost) as caught:
        run()
    text = str(caught.value)
    assert f"{victim.core.label}, on chip ({place.x}, {place.y}) core {place.p}," in text
    return text


def test_a_core_that_dies_ends_the_pass_by_name() -> None:
    graph = make_graph([30, 20, 6], [Activation.RELU], OUTPUTS[0], seed=22)
    samples = make_samples(graph, 400, seed=23)
    target = Emulated(board="spinn3").target()
    target.start()
    executor = GfeExecutor(graph, target, cuts={"dense_0": (2, 2), "dense_1": (2, 1)}, n_sources=2, window=4)
    try:
        executor.train_epoch(samples, 0, 16, True, 0.1)
        learned = executor.parameters()
        text = _error_of_a_death(executor, target, 2000, lambda: executor.train_epoch(samples, 1, 16, True, 0.1))
        assert "epoch 2, batch" in text
        for (weights, biases), (w, b) in zip(learned, executor.parameters(), strict=True):
            assert (weights == w).all() and (biases == b).all()
        again = executor.train_epoch(samples, 1, 16, True, 0.1)       # around the dead core
        reference = ReferenceExecutor(graph)
        for epoch in range(2):
            expected = reference.train_epoch(samples, epoch, 16, True, 0.1)
        assert again.loss_sum == expected.loss_sum
        few = make_samples(graph, 4, seed=23)
        _error_of_a_death(executor, target, 5, lambda: executor.trace(few, 2, training=True))
        reference_trace = reference.trace(few, 2, training=True)
        assert assert_same_trace(executor.trace(few, 2, training=True), reference_trace) == {}
    finally:
        executor.close()


def test_reading_while_every_packet_of_the_system_software_gets_lost(faulty: SharedTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    """GFE tells routers in one multicast packet that they must not drop what is read: here each of these is lost."""
    graph = make_graph([800, 64, 6], [Activation.RELU], OUTPUTS[0], seed=24)
    executor = GfeExecutor(graph, faulty, cuts={"dense_0": (8, 4), "dense_1": (1, 1)})
    try:
        executor.train_epoch(make_samples(graph, 16, seed=25), 0, 8, True, 0.1)
        regions = [region for region in executor._parameter_regions() if region[2] >= memory_access.FAST_BYTES // 4]
        places = [executor.session.placement(vertex) for vertex, _, _ in regions]
        assert sum((place.x, place.y) != (0, 0) for place in places) > 2
        with monkeypatch.context() as patch:
            patch.setattr(memory_access, "_read_fast", lambda *_: None)
            expected = executor.session.read(regions)
        faulty.emulated_machine.faults(lose=1.0)
        assert [executor.session.read(regions) for _ in range(2)] == 2 * [expected]
        assert faulty.emulated_machine.counters().faults["lose"] > 0
        monkeypatch.setattr(memory_access, "acknowledged_waits", contextlib.nullcontext)
        assert any(executor.session.read(regions) != expected for _ in range(5)), "GFE's own way would do"
    finally:
        faulty.emulated_machine.faults()
        executor.close()


@pytest.mark.wide
@pytest.mark.timeout(600)
def test_reading_from_a_machine_that_stands_still_at_times() -> None:
    """For longer than GFE waits: what it asks for again must not come between what comes anyhow."""
    graph = make_graph([200, 96, 40, 11], [Activation.RELU, Activation.RELU], OUTPUTS[0], seed=3)
    samples = make_samples(graph, 16, seed=4)
    target = Emulated(board="spinn3").target()
    executor = GfeExecutor(graph, target, cuts={"dense_0": (2, 4), "dense_1": (2, 2), "dense_2": (1, 1)})
    over = threading.Event()

    def stop_and_go(process: int) -> None:
        chance = random.Random(5)
        while not over.wait(chance.uniform(0, 0.3)):
            os.kill(process, signal.SIGSTOP)
            time.sleep(2.3)
            os.kill(process, signal.SIGCONT)

    try:
        executor.train_epoch(samples, 0, 8, True, 0.1)
        expected = executor.parameters()
        thread = threading.Thread(target=stop_and_go, args=(target.machine.process_id,))
        thread.start()
        try:
            found = [executor._read_parameters() for _ in range(12)]
        finally:
            over.set()
            thread.join()
    finally:
        executor.close()
    for parameters in found:
        for (weights, biases), (other_weights, other_biases) in zip(parameters, expected, strict=True):
            np.testing.assert_array_equal(weights, other_weights)
            np.testing.assert_array_equal(biases, other_biases)
