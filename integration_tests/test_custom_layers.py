"""Layer kinds from outside on a machine: the bits of their classes in NumPy, however cut, replicated and optimised."""
from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from dlgraph import cli, data, from_graph
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


@pytest.mark.wide
def test_prelu_in_a_convolutional_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example, from Keras to the machine and back; it compares the machine with the reference itself."""
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "prelu_layer"))
    example = importlib.import_module("train")
    assert example.train(n_samples=400, epochs=4) > 0.6


@pytest.fixture()
def lenet1(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example of LeNet-1 with the layer of the tutorial."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return importlib.import_module("lenet1_with_subsampling")


def test_subsampling_whose_last_row_is_in_no_window(spinn3: MachineTarget, lenet1: ModuleType) -> None:
    """Its value has another fraction than what comes in."""
    layer = lenet1.SubsamplingLayer("sampled", np.array([1 << 26, -(1 << 27), 1 << 28, 1 << 24], np.int32),
                                    np.array([1 << 22, 0, -(1 << 21), 1], np.int32), True, size=3)
    graph = small_network(layer, (7, 6, 4), Sgd(0.05))
    samples = small_samples(graph)
    assert_equal(on_machine(graph, samples, spinn3, 4, cuts={"sampled": (2, 2, 2)}), train(ReferenceExecutor(graph), samples, 2, 4))


def test_lenet1_with_its_subsampling(spinn3: MachineTarget, lenet1: ModuleType) -> None:
    """A graph built by hand, with the table of connections, on a few digits."""
    digits = data.digits()
    x, y = digits.x_train[:16] / 255, lenet1.targets(digits.y_train[:16])
    with from_graph(lenet1.lenet1(seed=1),
                    executor_factory=lambda graph, target, **options: GfeExecutor(graph, spinn3, **options)) as net:
        twin = net.reference()
        for each in (net, twin):
            each.train(x, y, batch_size=8, verbose=0)
        found = zip(net.get_weights(), twin.get_weights(), strict=True)
        assert all(np.array_equal(ours, theirs) for ours, theirs in found)
