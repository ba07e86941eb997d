"""What a trace reads from the machine is what the reference computes, bit for bit, however the network is cut; training goes on as if
nobody had looked.
"""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import Activation, Adam, Sgd
from dlgraph.reference import ReferenceExecutor
from dlgraph.targets import MachineTarget
from integration_tests.networks import OUTPUTS, assert_equal, make_graph, make_samples, train
from integration_tests.test_replicas import CUTS, small
from integration_tests.test_weights import weighted
from integration_tests.traces import assert_same_trace, reference_trace


def test_training_goes_on_as_if_nobody_had_looked(spinn3: MachineTarget) -> None:
    """Dense layers of several blocks, weights in SDRAM; an optimiser that keeps something, shared by two traces in one session."""
    graph = make_graph([50, 37, 21, 11], [Activation.TANH, Activation.RELU], OUTPUTS[0], seed=3, optimiser=Adam(0.01))
    samples, few = (make_samples(graph, n, seed=4) for n in (30, 21))
    reference = ReferenceExecutor(graph)
    executor = GfeExecutor(graph, spinn3, cuts={"dense_0": (4, 3, 2), "dense_1": (2, 2, 2, "sdram"), "dense_2": (2, 1)}, n_sources=2,
                           window=4)
    try:
        assert_equal(train(executor, samples, 1, 8), train(reference, samples, 1, 8))
        on_machine = executor.trace(few, 3, training=True)
        # three times activations and two gradients, the input's, the outputs, errors of two values and of the units of three layers
        assert assert_same_trace(on_machine, reference_trace(graph, executor, few, 3, training=True)) == 14
        forward = executor.trace(few, 3, training=False)
        assert assert_same_trace(forward, reference_trace(graph, executor, few, 3, training=False)) == 4
        assert_equal(train(executor, samples, 1, 8), train(reference, samples, 1, 8))
    finally:
        executor.close()

    # what went along streams between the cores adds up to what the layers have
    sums = on_machine.probe("sums", "dense_2")
    assert len(sums) == 2 and all(np.array_equal(each.samples, np.arange(21)) for each in sums)
    acc = sum(each.words.bits.astype(np.int64) for each in sums)
    hidden = on_machine["dense_1"].activations
    assert hidden is not None and sums[0].words.fraction == 12 + hidden.fraction
    weights = reference_trace(graph, executor, few, 3, training=True) and executor.parameters()[2][0].astype(np.int64)
    assert weights.shape == (21, 11) and acc.shape == (21, 11)


@pytest.mark.parametrize("options", [
    {"cuts": CUTS, "window": 2},
    {"cuts": CUTS, "window": 2, "replicas": 2, "share_dense": True, "shared_window": 3},
    {"own_cores": True},
], ids=["cut", "replicas", "own cores"])
def test_convolutions(spinn3: MachineTarget, options: dict[str, Any]) -> None:
    """With dropout, whose choice depends on the epoch, and samples that count differently."""
    graph = small(Sgd(0.1, momentum=0.9))
    n = 4 if "cuts" in options else 9
    samples = weighted(make_samples(graph, n, seed=5), 6)
    executor = GfeExecutor(graph, spinn3, **options)
    try:
        on_machine = executor.trace(samples, 5, training=True)
        n_compared = assert_same_trace(on_machine, reference_trace(graph, executor, samples, 5, training=True))
    finally:
        executor.close()
    assert n_compared == (31 if "own_cores" in options else 25)
    assert on_machine["convolution0"].absent["unit_errors"]
