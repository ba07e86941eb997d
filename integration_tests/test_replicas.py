"""Replicas of a network train with the bits of one, whatever they share and whatever the batches."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlgraph.errors import UnsupportedError
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation, Adam, LayerGraph, Pooling, RmsProp, Sgd
from dlgraph.mapping.choose import choose_plan
from dlgraph.mapping.stages import find_stages
from dlgraph.reference import ReferenceExecutor
from dlgraph.targets import MachineTarget
from integration_tests.networks import OUTPUTS, assert_equal, make_graph, make_samples, train
from integration_tests.test_layers import Net, check
from integration_tests.test_weights import weighted


def small(optimiser: Any = None) -> LayerGraph:
    """Two convolutions with dropout, three dense layers."""
    net = Net((12, 12, 1), seed=41).convolution(3, 4, Activation.RELU).pooling(Pooling.AVERAGE, 2, 2).dropout(0.2)
    net.convolution(3, 6, Activation.TANH).flat()
    return net.dense(18, Activation.RELU).dropout(0.3).dense(9, Activation.SIGMOID).dense(5, Activation.SOFTMAX).graph(
        optimiser or Sgd(0.05))


CUTS = {"convolution0": (2, 1, 1), "convolution3": (1, 2, 2), "dense5": (2, 2), "dense7": (1, 1)}


@pytest.mark.parametrize("batch_size, replicas", [(7, 3), (2, 3), (30, 2)])
@pytest.mark.parametrize("share_dense", [False, True], ids=["all", "convolutions"])
def test_batches_of_any_size(spinn3: MachineTarget, batch_size: int, replicas: int, share_dense: bool) -> None:
    """Also where replicas get no sample of the last batch, or of any, and where one batch is all there is."""
    graph = small()
    cuts = CUTS if share_dense or replicas < 3 else {"dense5": (1, 1), "dense7": (1, 1)}
    check(graph, make_samples(graph, 29, seed=42), spinn3, batch_size, cuts=cuts, window=2, replicas=replicas,
          share_dense=share_dense, shared_window=3 if share_dense else 0)


@pytest.mark.parametrize("optimiser, share_dense", [
    (Adam(0.004, amsgrad=True), True), (Adam(0.002), False), (Sgd(0.05, momentum=0.9, nesterov=True), False),
    (RmsProp(0.002), True)], ids=["amsgrad, convolutions", "adam, all", "nesterov, all", "rmsprop, convolutions"])
def test_optimisers(spinn3: MachineTarget, optimiser: Any, share_dense: bool) -> None:
    """Each replica keeps the optimiser's state of its share; it goes to the next session as a whole."""
    graph = small(optimiser)
    samples = make_samples(graph, 20, seed=43)
    executor = GfeExecutor(graph, spinn3, cuts=CUTS, window=1, replicas=2, share_dense=share_dense)
    reference = ReferenceExecutor(graph)
    try:
        on_machine = [train(executor, samples, 1, 8)]
        state = executor.optimiser_state()
        parameters = executor.parameters()
    finally:
        executor.close()
    again = GfeExecutor(graph, spinn3)
    try:
        again.set_parameters(parameters)
        again.set_optimiser_state(state)
        on_machine.append(train(again, samples, 1, 8))
    finally:
        again.close()
    for trained in on_machine:
        assert_equal(trained, train(reference, samples, 1, 8))


def test_dense_networks(spinn3: MachineTarget) -> None:
    graph = make_graph([40, 24, 16, 6], [Activation.TANH, Activation.RELU], OUTPUTS[1], seed=44)
    samples = weighted(make_samples(graph, 33, seed=45), 3.0, seed=46)
    check(graph, samples, spinn3, 10, cuts={"dense_0": (2, 3, 2), "dense_1": (2, 1)}, n_sources=2, window=3, replicas=3)


def test_outputs_stand_in_the_order_of_the_samples(spinn3: MachineTarget) -> None:
    graph = make_graph([10, 8, 4], [Activation.RELU], OUTPUTS[6], seed=47)
    executor, reference = GfeExecutor(graph, spinn3, cuts={}, replicas=4), ReferenceExecutor(graph)
    try:
        for n in (1, 3, 22):
            samples = make_samples(graph, n, seed=n)
            got, expected = executor.forward(samples, True), reference.forward(samples, True)
            assert got.outputs is not None and expected.outputs is not None
            np.testing.assert_array_equal(got.outputs, expected.outputs)
            assert got.loss_sum == expected.loss_sum
    finally:
        executor.close()


def test_more_samples_than_room(spinn3: MachineTarget) -> None:
    graph = small(Adam(0.003))
    check(graph, make_samples(graph, 50, seed=48, sparse=False), spinn3, 8, cuts=CUTS, replicas=2, share_dense=True,
          max_region_bytes=2 * 12 * 12 * 20)


def test_a_large_machine_gets_replicas_of_convolutions() -> None:
    net = Net((28, 28, 1), seed=49).convolution(5, 6, Activation.RELU, padding=2).pooling(Pooling.AVERAGE, 2, 2)
    net.convolution(5, 16, Activation.RELU).pooling(Pooling.AVERAGE, 2, 2).flat()
    graph = net.dense(60, Activation.RELU).dense(10, Activation.SOFTMAX).graph(Sgd(0.1))
    found = choose_plan(graph, find_stages(graph), 32, 759, 0.3)
    assert found.cut.replicas > 4 and found.n_cores <= 759
    assert {found.plan.stages[number].name for number in found.cut.shared} == {"dense5", "dense6"}


def test_what_replicas_cannot_share_is_said(spinn3: MachineTarget) -> None:
    graph = make_graph([10, 8, 4], [Activation.RELU], OUTPUTS[6], seed=47)
    samples = make_samples(graph, 4, seed=1)
    for options, words in (({"share_dense": True}, "follow convolutions"), ({"cuts": {"dense_0": (1, 1, "sdram")}}, "one replica")):
        with pytest.raises(UnsupportedError, match=words):
            GfeExecutor(graph, spinn3, **{"cuts": {}, "replicas": 2, **options}).train_epoch(samples, 0, 2, False, 0.1)
