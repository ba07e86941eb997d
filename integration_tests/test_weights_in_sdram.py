"""Weights that stay in SDRAM and pass through DTCM: the same bits, also of layers that no cores' DTCM holds."""
from __future__ import annotations

import numpy as np
import pytest

from dlgraph.errors import DoesNotFit
from dlgraph.gfe import executor as gfe_executor
from dlgraph.gfe import session
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation, Adam, Optimiser, RmsProp, Sgd
from dlgraph.mapping import memory
from dlgraph.reference import ReferenceExecutor
from dlgraph.targets import MachineTarget
from integration_tests.networks import OUTPUTS, assert_equal, make_graph, make_samples, train

SDRAM = "sdram"
OPTIMISERS: dict[str, Optimiser] = {
    "sgd": Sgd(0.05),
    "sgd, decay": Sgd(0.05, weight_decay=0.01),
    "momentum": Sgd(0.05, momentum=0.9),
    "adam": Adam(0.003),
    "adamw, amsgrad": Adam(0.01, weight_decay=0.1, amsgrad=True),
    "rmsprop, momentum": RmsProp(0.002, momentum=0.5),
}


@pytest.mark.parametrize("name, cuts, n_sources, window, batch_size, placement_seed", [
    ("sgd", {"dense_0": (1, 1, SDRAM), "dense_1": (1, 1, SDRAM)}, 1, 1, 16, None),
    ("sgd, decay", {"dense_0": (4, 3, 2, SDRAM), "dense_1": (2, 1)}, 2, 4, 16, 5),
    ("momentum", {"dense_0": (2, 5, 5), "dense_1": (4, 2, SDRAM)}, 5, 8, 16, 6),
    ("adam", {"dense_0": (7, 1, SDRAM), "dense_1": (1, 2, SDRAM)}, 3, 3, 45, 7),
    ("adamw, amsgrad", {"dense_0": (1, 2, SDRAM), "dense_1": (2, 1, SDRAM)}, 1, 6, 7, None),
    ("rmsprop, momentum", {"dense_0": (1, 1, SDRAM), "dense_1": (1, 1, SDRAM)}, 1, 8, 1, None),
])
def test_equality(spinn3: MachineTarget, name: str, cuts: dict[str, tuple[int | str, ...]], n_sources: int, window: int,
                  batch_size: int, placement_seed: int | None) -> None:
    graph = make_graph([50, 37, 11], [Activation.TANH], OUTPUTS[0], seed=3, optimiser=OPTIMISERS[name])
    samples = make_samples(graph, 45, seed=4)
    executor = GfeExecutor(graph, spinn3, cuts=cuts, n_sources=n_sources, window=window, placement_seed=placement_seed)
    try:
        first = executor.forward(samples, keep_outputs=True)
        on_machine = train(executor, samples, epochs=2, batch_size=batch_size)
        assert sum(r.packets_foreign for r in executor.results.values()) == 0
    finally:
        executor.close()
    reference = ReferenceExecutor(graph)
    np.testing.assert_array_equal(first.outputs, reference.forward(samples, keep_outputs=True).outputs)
    assert_equal(on_machine, train(reference, samples, epochs=2, batch_size=batch_size))


@pytest.mark.parametrize("optimiser", [Sgd(0.05), Adam(0.003)], ids=["sgd", "adam"])
def test_many_blocks_of_which_some_stay_silent(spinn3: MachineTarget, optimiser: Optimiser) -> None:
    """Blocks without activations are not fetched, and wait for whoever wrote from their buffer before."""
    graph = make_graph([601, 263, 12], [Activation.RELU], OUTPUTS[0], seed=5, optimiser=optimiser)
    samples = make_samples(graph, 40, seed=6)
    samples.codes[:, 100:420] = 0
    executor = GfeExecutor(graph, spinn3, cuts={"dense_0": (2, 2, 2, SDRAM), "dense_1": (1, 1, SDRAM)}, n_sources=2, window=4)
    try:
        on_machine = train(executor, samples, epochs=2, batch_size=16)
        assert executor.plan is not None
        assert any(memory.sweep_of(executor.plan, core).block_rows < 32 for core in executor.plan.cores if core.in_sdram)
    finally:
        executor.close()
    assert_equal(on_machine, train(ReferenceExecutor(graph), samples, epochs=2, batch_size=16))


@pytest.mark.wide
def test_a_layer_that_no_cores_hold(spinn3: MachineTarget) -> None:
    """5.8 MB of weights, gradients and momenta on a board whose cores have 3.5 MB; trained in two calls, the state handed on
    between.
    """
    graph = make_graph([800, 600, 10], [Activation.RELU], OUTPUTS[0], seed=7, optimiser=Sgd(0.02, momentum=0.9))
    samples = make_samples(graph, 10, seed=8)
    executor = GfeExecutor(graph, spinn3)
    try:
        first = train(executor, samples, epochs=1, batch_size=8)
        assert executor.plan is not None
        assert [core.stage for core in executor.plan.cores if core.in_sdram].count(1) > 10
        parameters, state = executor.parameters(), executor.optimiser_state()
        assert state.iterations == 2 and state.slots[0][0].any()
        executor.set_parameters(ReferenceExecutor(graph).parameters())
        executor.forward(samples, keep_outputs=False)
        executor.set_parameters(parameters)
        executor.set_optimiser_state(state)
        second = train(executor, samples, epochs=1, batch_size=8)
    finally:
        executor.close()
    reference = ReferenceExecutor(graph)
    assert_equal(first, train(reference, samples, epochs=1, batch_size=8))
    assert_equal(second, train(reference, samples, epochs=1, batch_size=8))


def test_weights_and_samples_share_sdram(spinn3: MachineTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where weights leave less for samples than asked for, these come in several fills."""
    monkeypatch.setattr(session, "TABLES_BYTES", 112 << 20)
    graph = make_graph([300, 200, 10], [Activation.RELU], OUTPUTS[0], seed=9)
    samples = make_samples(graph, 30, seed=10)
    monkeypatch.setattr(gfe_executor, "MIN_REGION_BYTES", 1200)
    monkeypatch.setattr(GfeExecutor, "_region_bytes", lambda self, n_bytes, samples: self._region_limit)
    executor = GfeExecutor(graph, spinn3, cuts={"dense_0": (2, 2, 2, SDRAM), "dense_1": (1, 1)})
    try:
        on_machine = train(executor, samples, epochs=1, batch_size=4)
        assert executor._region_limit < executor._max_region_bytes
    finally:
        executor.close()
    assert_equal(on_machine, train(ReferenceExecutor(graph), samples, epochs=1, batch_size=4))


def test_too_little_sdram_is_said(spinn3: MachineTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "TABLES_BYTES", 1 << 28)
    graph = make_graph([30, 20, 10], [Activation.RELU], OUTPUTS[0], seed=9)
    executor = GfeExecutor(graph, spinn3)
    try:
        with pytest.raises(DoesNotFit, match="bytes of SDRAM, chips with a free core have at most"):
            executor.forward(make_samples(graph, 3, seed=1), keep_outputs=False)
    finally:
        executor.close()
