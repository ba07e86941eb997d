"""Weights of samples on the machine: equal to the reference, bit for bit."""
from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

import dlgraph
from dlgraph import formats
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation, LayerGraph, Samples
from dlgraph.reference import ReferenceExecutor
from dlgraph.targets import MachineTarget
from integration_tests.networks import OUTPUTS, assert_equal, make_graph, make_samples, train
from integration_tests.test_public_api import assert_same, machine
from tests.keras_models import data, mlp


def weighted(samples: Samples, largest: float, seed: int) -> Samples:
    weights = np.random.default_rng(seed).uniform(0, largest, len(samples))
    weights[::7] = 0
    fixed, exponent = formats.sample_weights_from_float(weights)
    return replace(samples, weights=fixed, weight_exponent=exponent)


def on_machine_and_host(graph: LayerGraph, samples: Samples, target: MachineTarget, batch_size: int, **options: object) -> None:
    executor = GfeExecutor(graph, target, **options)              # type: ignore[arg-type]
    try:
        on_machine = train(executor, samples, 2, batch_size)
    finally:
        executor.close()
    assert_equal(on_machine, train(ReferenceExecutor(graph), samples, 2, batch_size))


@pytest.mark.parametrize("output, largest, batch_size", [
    (OUTPUTS[0], 300.0, 16), (OUTPUTS[1], 1.0, 45), (OUTPUTS[4], 3.0, 1), (OUTPUTS[6], 0.01, 20),
], ids=["labels", "one-hot", "binary", "squared"])
def test_losses(spinn3: MachineTarget, output: tuple, largest: float, batch_size: int) -> None:
    graph = make_graph([20, 12, 5], [Activation.RELU], output, seed=1)
    on_machine_and_host(graph, weighted(make_samples(graph, 45, seed=2), largest, seed=3), spinn3, batch_size)


def test_fills(spinn3: MachineTarget) -> None:
    """More samples than the room in SDRAM: each keeps its weight."""
    graph = make_graph([40, 4], [], OUTPUTS[0], seed=4)
    samples = weighted(make_samples(graph, 200, seed=5, sparse=False), 4.0, seed=6)
    on_machine_and_host(graph, samples, spinn3, 32, max_region_bytes=80 * 70)


def test_with_and_without_weights_in_one_session(spinn3: MachineTarget) -> None:
    """Rows of either kind lie side by side, in whatever order they come."""
    graph = make_graph([9, 3], [], OUTPUTS[0], seed=7)
    plain, other = make_samples(graph, 30, seed=8), make_samples(graph, 20, seed=9)
    heavy = weighted(other, 9.0, seed=10)
    executor, reference = GfeExecutor(graph, spinn3), ReferenceExecutor(graph)
    try:
        for epoch in range(2):
            for samples in (plain, heavy, plain):
                machine, host = (each.train_epoch(samples, epoch, 8, True, 0.1) for each in (executor, reference))
                assert machine.loss_sum == host.loss_sum
            machine, host = (each.forward(heavy, False) for each in (executor, reference))
            assert (machine.loss_sum, machine.n_correct) == (host.loss_sum, host.n_correct)
        for ours, theirs in zip(executor.parameters(), reference.parameters(), strict=True):
            assert np.array_equal(ours[0], theirs[0]) and np.array_equal(ours[1], theirs[1])
    finally:
        executor.close()


def test_as_users_give_them() -> None:
    """Class weights, then weights of samples, with weighted validation, a partial last batch and callbacks."""
    x, y = data(75, n_inputs=9, n_outputs=3)
    weights = np.random.default_rng(11).uniform(0, 5, 75)
    model = mlp(9, 14, 3)
    with dlgraph.from_keras(model, machine(), seed=5) as net:
        twin = net.reference()

        def both(**arguments: object) -> None:
            calls = []
            for each in (net, twin):
                plateau = keras.callbacks.ReduceLROnPlateau("val_loss", min_delta=10.0, patience=1, factor=0.5)
                best = keras.callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True)
                calls.append(each.train(x, y, epochs=3, batch_size=16, callbacks=[plateau, best], verbose=0, **arguments).history)
            assert calls[0] == calls[1] and len(set(calls[0]["learning_rate"])) > 1
            assert_same(net, twin)

        both(class_weight={0: 0.3, 2: 120.0}, validation_data=(x[:30], y[:30], weights[:30]))
        both(sample_weight=weights, validation_split=0.2)
        weighted_loss, accuracy = net.evaluate(x, y, sample_weight=weights, verbose=0)
        assert [weighted_loss, accuracy] == twin.evaluate(x, y, sample_weight=weights, verbose=0)
        assert np.allclose([weighted_loss, accuracy], model.evaluate(x, y, sample_weight=weights, verbose=0), atol=3e-3)
        assert net.evaluate(x, y, verbose=0)[1] == accuracy
