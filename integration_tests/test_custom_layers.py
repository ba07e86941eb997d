"""Layer kinds from outside on a machine: the bits of their classes in NumPy, however cut, replicated and optimised."""
from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dlgraph import cli
from dlgraph.custom_checks import small_network, small_samples
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.optimisers import Adam, Optimiser, Sgd
from dlgraph.reference import ReferenceExecutor
from dlgraph.targets import MachineTarget
from integration_tests.networks import assert_equal, train
from integration_tests.test_layers import on_machine
from integration_tests.traces import assert_same_trace, reference_trace
from tests.custom_kinds.window_sum import WindowSumLayer

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("optimiser, options", [
    (Sgd(0.05), {"cuts": {"sums": (3, 1, 2), "before": (2, 2, 1)}}),
    (Adam(0.01), {"cuts": {"sums": (2, 1, 1)}, "replicas": 2})])
def test_windows_that_overlap(spinn3: MachineTarget, optimiser: Optimiser, options: dict) -> None:
    """Partial errors of several tiles meet, and tiles share weights and biases."""
    layer = WindowSumLayer("sums", np.array([1 << 26, -(1 << 25), 1 << 27, 1 << 24], np.int32),
                           np.array([1 << 22, 0, -(1 << 21), 1], np.int32), True)
    graph = small_network(layer, (7, 6, 4), optimiser)
    samples = small_samples(graph)
    assert_equal(on_machine(graph, samples, spinn3, 4, **options), train(ReferenceExecutor(graph), samples, 2, 4))


@pytest.mark.parametrize("options", [{"cuts": {"sums": (2, 1, 2), "before": (2, 1, 1)}, "replicas": 2}, {"own_cores": True}])
def test_a_trace(spinn3: MachineTarget, options: dict) -> None:
    """Values, errors and gradients of a layer of one's own are read from its cores as of all others."""
    layer = WindowSumLayer("sums", np.array([1 << 26, -(1 << 25), 1 << 27, 1 << 24], np.int32), np.zeros(4, np.int32), True)
    graph = small_network(layer, (7, 6, 4), Sgd(0.05))
    samples = small_samples(graph, n=6)
    executor = GfeExecutor(graph, spinn3, **options)
    try:
        found = executor.trace(samples, 0, training=True)
        assert assert_same_trace(found, reference_trace(graph, executor, samples, 0, training=True)) == {"unit_errors": ["before"]}
        traced = found["sums"]
        assert traced.weight_gradient is not None and traced.bias_gradient is not None and traced.errors is not None
    finally:
        executor.close()


def test_the_skeleton_passes_its_tests(tmp_path: Path) -> None:
    """As it is written, before a line is changed."""
    assert cli.main(["new-vertex", "my_kind", "--into", str(tmp_path)]) == 0
    result = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=tmp_path / "my_kind",
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0 and "2 passed" in result.stdout, result.stdout + result.stderr


def test_prelu_in_a_convolutional_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example, from Keras to the machine and back; it compares the machine with the reference itself."""
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "prelu_layer"))
    example = importlib.import_module("train")
    assert example.train(n_samples=400, epochs=4) > 0.6
