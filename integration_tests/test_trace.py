"""What a trace reads from the machine is what the reference computes, bit for bit, however the network is cut; training goes
on as if nobody had looked.
"""
from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dlgraph.errors import NumberFormatOverflow
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import (
    Activation, Adam, ConcatenateLayer, ConvolutionLayer, PaddingLayer, ReshapeLayer, Sgd)
from dlgraph.mapping.sent_layers import hidden_layers
from dlgraph.mapping.stages import StageKind, find_stages
from dlgraph.reference import ReferenceExecutor, dense
from dlgraph.targets import MachineTarget
from integration_tests.docs_code import code_blocks
from integration_tests.networks import OUTPUTS, assert_equal, make_graph, make_samples, train
from integration_tests.test_layers import LIMITS, random_graphs
from integration_tests.test_replicas import CUTS, small
from integration_tests.test_weights import weighted
from integration_tests.traces import assert_same_trace, reference_trace
from tests.keras_models import equal


def test_training_goes_on_as_if_nobody_had_looked(spinn3: MachineTarget) -> None:
    """Dense layers of several blocks, weights in SDRAM; an optimiser that keeps something, shared by two traces in one session."""
    graph = make_graph([50, 37, 21, 11], [Activation.TANH, Activation.RELU], OUTPUTS[0], seed=3, optimiser=Adam(0.01))
    samples, few = (make_samples(graph, n, seed=4) for n in (30, 21))
    reference = ReferenceExecutor(graph)
    cuts: dict[str, Any] = {"dense_0": (4, 3, 2), "dense_1": (2, 2, 2, "sdram"), "dense_2": (2, 1)}
    executor = GfeExecutor(graph, spinn3, cuts=cuts, n_sources=2, window=4)
    try:
        assert_equal(train(executor, samples, 1, 8), train(reference, samples, 1, 8))
        weights = executor.parameters()[2][0]
        on_machine = executor.trace(few, 3, training=True)
        assert assert_same_trace(on_machine, reference_trace(graph, executor, few, 3, training=True)) == {}
        vertices = executor.vertices()
        assert executor.plan is not None
        assert [vertex.label for vertex in vertices] == [core.label for core in executor.plan.cores]
        # three passes: the logs hold 8 samples
        assert all(vertex.n_samples == 5 and not vertex.written and not vertex.packets_foreign for vertex in vertices)
        assert sum(vertex.packets_sent for vertex in vertices) > 0 and all(0 < vertex.awake <= 1 for vertex in vertices)
        forward = executor.trace(few, 3, training=False)
        assert assert_same_trace(forward, reference_trace(graph, executor, few, 3, training=False)) == {}
        assert_equal(train(executor, samples, 1, 8), train(reference, samples, 1, 8))
    finally:
        executor.close()

    # what went along streams between the cores adds up to what the layers have
    sums = on_machine.probe("sums", "dense_2")
    assert len(sums) == 2 and all(np.array_equal(each.samples, np.arange(21)) for each in sums)
    hidden = on_machine["dense_1"].activations
    assert hidden is not None and sums[0].words.fraction == 12 + hidden.fraction
    np.testing.assert_array_equal(sum(each.words.bits.astype(np.int64) for each in sums),
                                  dense.forward(hidden.bits.reshape(21, -1), weights))


#: What never leaves the cores of a convolution.
INSIDE = {"unit_errors": ["convolution0", "convolution3"]}
INSIDE_OTHERS = ["convolution0", "pooling1", "dense5"]


@pytest.mark.parametrize("n, options, missing", [
    (4, {"cuts": CUTS, "window": 2}, {"activations": INSIDE_OTHERS, "errors": INSIDE_OTHERS}),
    (9, {"cuts": CUTS, "window": 2, "replicas": 2, "share_dense": True, "shared_window": 3},
     {"activations": INSIDE_OTHERS, "errors": INSIDE_OTHERS, "bias_gradient": ["convolution0", "convolution3"]}),
    (9, {"own_cores": True}, {}),
], ids=["cut", "replicas in two passes", "own cores"])
def test_convolutions(spinn3: MachineTarget, n: int, options: dict[str, Any], missing: dict[str, list[str]]) -> None:
    """With dropout, whose choice depends on the epoch, and samples that count differently."""
    graph = small(Sgd(0.1, momentum=0.9))
    samples = weighted(make_samples(graph, n, seed=5), 6.0, seed=6)
    executor = GfeExecutor(graph, spinn3, **options)
    try:
        on_machine = executor.trace(samples, 5, training=True)
        assert assert_same_trace(on_machine, reference_trace(graph, executor, samples, 5, training=True)) == INSIDE | missing
    finally:
        executor.close()


#: What a trace on the machine may lack, and where.
MAY_BE_MISSING: dict[str, Any] = {"unit_errors": ConvolutionLayer, "activations": (),
                                  "errors": (ReshapeLayer, ConcatenateLayer, PaddingLayer)}


@pytest.mark.wide
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1))
def test_many_random_graphs(spinn3: MachineTarget, seed: int) -> None:
    """Every kind of layer, cut at random, each on cores of its own or as layers share them."""
    choice = random.Random(seed)
    own_cores = choice.random() < 0.5
    graph = random_graphs.random_layer_graph(choice, LIMITS)
    samples = random_graphs.random_samples(choice, graph, 2)
    stages = find_stages(graph, own_cores)
    cuts = {stage.name: tuple(choice.randint(1, 3) for _ in range(2 if stage.kind is StageKind.DENSE else 3))
            for stage in stages[1:]}
    try:
        expected = ReferenceExecutor(graph).trace(samples, 2, training=True)
    except NumberFormatOverflow:
        assume(False)
    executor = GfeExecutor(graph, spinn3, cuts=cuts, n_sources=choice.randint(1, 3), window=choice.randint(1, 4),
                           own_cores=own_cores)
    try:
        missing = assert_same_trace(executor.trace(samples, 2, training=True), expected)
    finally:
        executor.close()
    inside = {graph.layers[number].name for stage in stages[1:] for number in hidden_layers(stage)}
    kinds = {layer.name: layer for layer in graph.layers}
    for quantity, names in missing.items():
        shared = inside if quantity in ("activations", "errors") else set()
        assert all(name in shared or isinstance(kinds[name], MAY_BE_MISSING[quantity]) for name in names), missing


def test_the_page_of_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    """Each block after the ones before it.  What it shows to be printed begins as what is printed; training ends with the bits of a
    twin whom nobody looked into.
    """
    first, *blocks = code_blocks("inspecting.rst")
    page: dict[str, Any] = {}
    try:
        exec(compile(first, "inspecting.rst", "exec"), page)
        twin = page["net"].reference()
        for block in blocks:
            exec(compile(block, "inspecting.rst", "exec"), page)
    finally:
        if "net" in page:
            page["net"].close()
    printed = capsys.readouterr().out
    for shown in code_blocks("inspecting.rst", "text"):
        assert shown.splitlines()[0][:40] in printed
    twin.train(page["X"][:320], page["y"][:320], batch_size=32, verbose=0)
    assert equal(page["net"].get_weights(), twin.get_weights())
