"""Every optimiser: parameters and state after training on the machine equal those of the reference, bit for bit."""
from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import dlgraph
from dlgraph.executor import Executor, LearningRate
from dlgraph.gfe import executor as gfe_executor
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation, Adam, Optimiser, RmsProp, Samples, Sgd
from dlgraph.reference import ReferenceExecutor
from dlgraph.targets import MachineTarget
from integration_tests.networks import OUTPUTS, Trained, assert_equal, make_graph, make_samples, train
from integration_tests.test_public_api import assert_same, machine
from tests.keras_models import data, mlp

WIDTHS, HIDDEN = [50, 37, 11], [Activation.TANH]
CUTS = [
    {},
    {"cuts": {"dense_0": (4, 3, 2), "dense_1": (2, 1)}, "n_sources": 2, "window": 4, "placement_seed": 5},
    {"cuts": {"dense_0": (2, 5, 5), "dense_1": (4, 2)}, "n_sources": 5, "window": 8, "placement_seed": 6},
]
OPTIMISERS: dict[str, tuple[Optimiser, dict[str, object]]] = {
    "sgd, decay": (Sgd(0.05, weight_decay=0.01, undecayed=frozenset({(0, 1), (1, 0)})), CUTS[1]),
    "momentum": (Sgd(0.05, momentum=0.9), CUTS[2]),
    "nesterov": (Sgd(0.05, momentum=0.9, nesterov=True), CUTS[0]),
    "adam": (Adam(0.003), CUTS[1]),
    "adamw, amsgrad": (Adam(0.01, weight_decay=0.1, amsgrad=True), CUTS[2]),
    "rmsprop": (RmsProp(0.003), CUTS[0]),
    "rmsprop, momentum": (RmsProp(0.002, momentum=0.5, weight_decay=0.02), CUTS[2]),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_equality(spinn3: MachineTarget, name: str) -> None:
    optimiser, options = OPTIMISERS[name]
    graph = make_graph(WIDTHS, HIDDEN, OUTPUTS[0], seed=3, optimiser=optimiser)
    samples = make_samples(graph, 45, seed=4)
    executor = GfeExecutor(graph, spinn3, **options)              # type: ignore[arg-type]
    try:
        first = executor.forward(samples, keep_outputs=True)      # a pass before training brings the state as well
        on_machine = train(executor, samples, epochs=2, batch_size=16)
    finally:
        executor.close()
    reference = ReferenceExecutor(graph)
    np.testing.assert_array_equal(first.outputs, reference.forward(samples, keep_outputs=True).outputs)
    assert_equal(on_machine, train(reference, samples, epochs=2, batch_size=16))
    assert all(array.any() for pair in reference.optimiser_state().slots for array in pair if array.size)


def epochs(executor: Executor, samples: Samples, rates: list[LearningRate]) -> Trained:
    for epoch, rate in enumerate(rates):
        executor.train_epoch(samples, epoch, 8, True, rate)
    return train(executor, samples, epochs=0, batch_size=8)


def test_rates_of_every_batch_in_parts_and_state_handed_on(spinn3: MachineTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table too short for an epoch, too little room for its samples; and a second executor goes on where the first ended."""
    monkeypatch.setattr(gfe_executor, "STEPS_BYTES", 4 * 4 * 2)                   # two batches
    graph = make_graph(WIDTHS, HIDDEN, OUTPUTS[0], seed=5, optimiser=Adam(0.003, weight_decay=0.01))
    samples = make_samples(graph, 60, seed=6)
    rates: list[LearningRate] = [[0.001 * (k + 1) for k in range(8)], 0.002, [0.003] * 7 + [0.0]]
    expected = epochs(ReferenceExecutor(graph), samples, rates)
    executor = GfeExecutor(graph, spinn3, max_region_bytes=50 * 40)               # 40 samples
    try:
        executor.train_epoch(samples, 0, 8, True, rates[0])
        parameters, state = executor.parameters(), executor.optimiser_state()
        assert state.iterations == 8
        for given in (parameters, state.slots):                                   # wrong ones, then the right ones again
            assert given[0][0].any()
        executor.set_optimiser_state(ReferenceExecutor(graph).optimiser_state())
        executor.forward(samples, keep_outputs=False)
        executor.set_optimiser_state(state)
        for epoch in (1, 2):
            executor.train_epoch(samples, epoch, 8, True, rates[epoch])
        on_machine = train(executor, samples, epochs=0, batch_size=8)
    finally:
        executor.close()
    assert_equal(on_machine, expected)


def test_a_keras_optimiser_with_a_schedule(tmp_path: Path) -> None:
    """Trained by Keras first, then from checkpoint to checkpoint by the machine, the reference and the machine again.

    A twin does as much in one call.  Then Keras trains again.
    """
    x, y = data(100, n_inputs=12)
    model = mlp(12, 20, 3)
    schedule = keras.optimizers.schedules.CosineDecay(0.002, 40, warmup_target=0.02, warmup_steps=10)
    model.compile(keras.optimizers.AdamW(schedule, weight_decay=0.01), model.loss, metrics=["accuracy"])
    model.fit(x, y, 16, verbose=0)
    with dlgraph.from_keras(model, machine(), seed=3) as net:
        twin, helper = net.reference(), net.reference()
        for each, last in (net, 2), (helper, 3), (net, 4):
            history = each.train(x, y, epochs=last, batch_size=16, checkpoint=tmp_path / "a.npz", verbose=0)
        losses = history.history["loss"]
        assert losses == twin.train(x, y, epochs=4, batch_size=16, verbose=0).history["loss"]
        assert [seconds > 0 for seconds in history.machine_seconds] == [True, True, False, True]
        assert_same(net, twin)
        assert int(model.optimizer.iterations) == twin.model.optimizer.iterations == 5 * 7
        twin_state = [array for layer in twin.model.read_state(twin._optimiser.planes).slots for part in layer for array in part]
        of_weights = model.optimizer.variables[1:]
        assert len(of_weights) == len(twin_state) == 8
        for held, expected in zip(of_weights, twin_state, strict=True):
            np.testing.assert_array_equal(np.asarray(held), expected)
    assert model.fit(x, y, 16, verbose=0).history["loss"][0] < losses[0]
