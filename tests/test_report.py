"""The report of a pass."""
from __future__ import annotations

import numpy as np
import pytest
from keras_models import data, mlp, on_host
from small_nets import random_graph

from dlgraph.errors import DataError
from dlgraph.executor import CoreWork
from dlgraph.layer_graph import Activation, Loss, PassResult
from dlgraph.mapping.choose import choose_plan
from dlgraph.mapping.expected import cycles_per_sample
from dlgraph.mapping.stages import find_stages
from dlgraph.report import pass_report


def core(layer: str, kind: str, cycles: int, waiting: int, saturations: int = 0) -> CoreWork:
    return CoreWork(layer, kind, 900.0, 10, cycles, waiting, 70, 80, saturations)


WORK = [core("a", "input source", 19_000, 9_000), core("a", "weight slice", 20_000, 5_000, 1),
        core("a", "weight slice", 20_000, 4_000, 2), core("b", "output group", 20_000, 10_000)]


def test_busiest_core_of_each_kind() -> None:
    report = pass_report("Epoch 1/1", "emulated SpiNN-3 board", PassResult(0, 0, 10, machine_cycles=20_000), WORK, True)
    assert [(stage.layer, stage.kind, stage.n_cores) for stage in report.stages] == [
        ("a", "input source", 1), ("a", "weight slice", 2), ("b", "output group", 1)]
    slices = report.stages[1]
    assert (slices.cycles, slices.predicted_cycles, slices.busy) == (1600.0, 900.0, 0.8)
    assert (slices.packets_sent, slices.packets_received, slices.saturations) == (140, 160, 3)
    assert report.n_cores == 4
    assert report.machine_seconds == 1e-4 and report.samples_per_second == pytest.approx(100_000)


def test_text_names_the_machine_and_lines_up() -> None:
    result = PassResult(0, 0, 10, machine_cycles=20_000)
    first, *table = str(pass_report("Evaluate", "emulated SpiNN-3 board", result, WORK, False)).splitlines()
    assert first == ("Evaluate on the emulated SpiNN-3 board: 10 samples, 4 cores, 0.0001 s of machine time, "
                     "100000 samples/s")
    assert len(table) == 4 and len({len(line) for line in table}) == 1
    assert table[2].split() == ["a", "weight", "slice", "2", "1600", "-", "80%", "140", "160", "3"]


def test_report_of_a_network() -> None:
    net = on_host(mlp(4, 5, 3)).reference()
    with pytest.raises(DataError, match="nothing to report yet"):
        net.report()
    x, y = data(40)
    net.train(x, y, epochs=2, verbose=0)
    assert str(net.report()) == "Epoch 2/2 on the reference on this computer: 40 samples"
    net.predict(x[:7], verbose=0)
    assert net.report().n_samples == 7 and net.report().stages == () and net.report().samples_per_second == 0


def test_model_of_a_chosen_cut_tells_of_every_kind_of_core() -> None:
    graph = random_graph(np.random.default_rng(1), [64, 32, 10], [Activation.RELU],
                         (Activation.SOFTMAX, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False))
    chosen = choose_plan(graph, find_stages(graph), 32, 60)
    assert set(chosen.stages) == {(core.stage, core.kind) for core in chosen.plan.cores} and len(chosen.stages) == 5
    slowest = max(stage.cycles for stage in chosen.stages.values())
    assert chosen.cycles_per_sample == cycles_per_sample(chosen.cut, chosen.stages, 32) >= slowest
    assert np.isfinite([stage.per_sample(32) for stage in chosen.stages.values()]).all()
