# SPDX-License-Identifier: Apache-2.0
"""What users call, from Keras to the machine and back: equal to the reference, bit for bit, at each step."""
from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import spinnemu

import dlgraph
from dlgraph.errors import DoesNotFit
from dlgraph.machines import MACHINE_VARIABLE, Board, Emulated, Machine
from dlgraph.mapping import memory
from tests.keras_models import data, equal, mlp

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).resolve().parents[1]


def machine(profile: bool = False) -> Machine:
    host = os.environ.get(MACHINE_VARIABLE)
    return Board(host) if host else Emulated(board="spinn3", profile=profile)


def assert_same(net: dlgraph.Network, twin: dlgraph.Network) -> None:
    """The network, its Keras model and the twin have the same weights."""
    assert equal(net.get_weights(), twin.get_weights())
    assert equal(net.model.get_weights(), twin.get_weights())


def test_train_predict_evaluate_and_train_again(tmp_path: Path) -> None:
    x, y = data(75, n_inputs=9, n_outputs=4)
    model = mlp(9, 14, 4, activation="tanh")
    with dlgraph.from_keras(model, machine(), seed=5) as net:
        twin = net.reference()

        history = net.train(x, y, epochs=2, batch_size=16, verbose=0)                # the last batch has 11 samples
        assert history.history == twin.train(x, y, epochs=2, batch_size=16, verbose=0).history
        assert list(history.history) == ["accuracy", "loss"] and history.epoch == [0, 1]
        assert history is model.history and all(seconds > 0 for seconds in history.machine_seconds)
        assert_same(net, twin)

        outputs = net.predict(x[:31], verbose=0)
        assert outputs.dtype == np.float32 and outputs.shape == (31, 4)
        assert np.array_equal(outputs, twin.predict(x[:31], verbose=0))
        assert np.abs(outputs - model.predict(x[:31], verbose=0)).max() < 2e-3

        loss, accuracy = net.evaluate(x, y, verbose=0)
        assert [loss, accuracy] == twin.evaluate(x, y, verbose=0)
        keras_loss, keras_accuracy = model.evaluate(x, y, verbose=0)
        assert accuracy == pytest.approx(keras_accuracy) and loss == pytest.approx(keras_loss, abs=1e-3)
        assert_same(net, twin)

        again = net.train(x.astype(np.float64), y.astype(np.uint8), epochs=1, batch_size=75, shuffle=False, verbose=0)
        assert again.history == twin.train(x, y, epochs=1, batch_size=75, shuffle=False, verbose=0).history
        assert_same(net, twin)
        assert np.array_equal(net.order(1), twin.order(1)) and np.array_equal(net.order(2), np.arange(75))

        report = net.report()
        assert (report.machine, report.n_samples) == (net.machine, 75)
        assert report.machine_seconds == again.machine_seconds[-1]
        assert {stage.layer for stage in report.stages} == {"input", *(layer.name for layer in model.layers)}
        assert all(0 < stage.busy <= 1 and stage.predicted_cycles and stage.packets_sent for stage in report.stages)
        assert isinstance(machine(), Board) or "emulated" in str(report)
        traffic = net.traffic()
        assert traffic.machine == net.machine and traffic.missing == 0
        assert {stream.from_layer for stream in traffic.streams} == {stage.layer for stage in report.stages}
        vertices = net.vertices()

    shown = report.page()
    assert [(chip.x, chip.y) for chip in shown.chips] == sorted({vertex.chip for vertex in vertices})
    assert sum(chip.n_cores for chip in shown.chips) == len(vertices) == report.n_cores
    assert max(chip.awake for chip in shown.chips) == max(stage.busy for stage in report.stages)
    assert all(0 < chip.dtcm_bytes <= shown.dtcm_bytes and 0 < chip.sdram_bytes <= shown.sdram_bytes for chip in shown.chips)
    assert shown.energy is not None and shown.energy.n_loaded > report.n_cores
    assert shown.curves[0].points == ((1, again.history["loss"][0]),)
    if traffic.fabric is None:
        assert shown.links == () and shown.energy.packets is None
    else:                                             # of the last of several passes
        passed = {(link.x, link.y, link.link): link.packets for link in traffic.fabric.links}
        assert {(link.x, link.y, link.link) for link in shown.links} == set(passed)
        assert all(0 <= link.packets <= passed[link.x, link.y, link.link] for link in shown.links)
        assert report.packets is not None
        assert sum(stage.packets_sent for stage in report.stages) <= report.packets.routed < traffic.fabric.sent
    assert "The board" in report.save(tmp_path / "run.html").read_text(encoding="utf-8")


class Interfering(keras.callbacks.Callback):
    """Changes rate and weights, and ends the training, as callbacks may."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.model.optimizer.learning_rate = 0.1 / (epoch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            self.model.set_weights([weights * np.float32(0.75) for weights in self.model.get_weights()])
        if epoch == 2:
            self.model.stop_training = True


def test_validation_and_callbacks() -> None:
    x, y = data(64, n_inputs=6, n_outputs=2, loss="binary_crossentropy")
    held_out = data(21, n_inputs=6, n_outputs=2, loss="binary_crossentropy", seed=9)
    with dlgraph.from_keras(mlp(6, 8, 2, loss="binary_crossentropy"), machine()) as net:
        twin = net.reference()
        history, expected = (each.train(x, y, epochs=9, validation_data=held_out, callbacks=[Interfering()], verbose=0)
                             for each in (net, twin))
        assert history.history == expected.history
        assert sorted(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
        assert history.epoch == [0, 1, 2] and history.params == expected.params
        assert_same(net, twin)
        assert net.evaluate(*held_out, verbose=0) == [history.history["val_loss"][-1], history.history["val_accuracy"][-1]]


def test_weights_changed_between_calls() -> None:
    """And where cycles go is counted meanwhile."""
    x, y = data(40, n_inputs=5, n_outputs=3, loss="mean_squared_error")
    model = mlp(5, 3, loss="mean_squared_error", metrics=None)
    with dlgraph.from_keras(model, machine(profile=True)) as net:
        before = net.evaluate(x, y, verbose=0)
        model.set_weights([-weights for weights in model.get_weights()])
        twin = net.reference()
        after = net.evaluate(x, y, verbose=0)
        assert after == twin.evaluate(x, y, verbose=0) != before
        net.train(x, y, verbose=0)
        twin.train(x, y, verbose=0)
        assert_same(net, twin)
        if isinstance(machine(), Emulated):
            cycles = net.cycles()
            assert cycles.n_samples == 40 and 0 <= cycles.cycles - round(net.report().machine_seconds * 200e6) < 1000
            assert len(cycles.vertices) == net.report().n_cores and {each.layer for each in cycles.layers} == {
                each.layer for each in net.report().stages}
            for vertex in cycles.vertices:
                assert all(vertex.cycles[kind] > 0 for kind in ("receive", "send", "control", "waiting")), vertex
                assert sum(vertex.cycles.values()) == cycles.cycles


def test_fit_in_one_call_with_tf_keras() -> None:
    import tensorflow as tf

    x, y = data(50, loss="categorical_crossentropy")
    tf.keras.utils.set_random_seed(4)
    model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(6, "sigmoid"), tf.keras.layers.Dense(3),
                                 tf.keras.layers.Softmax()])
    model.compile(tf.keras.optimizers.SGD(0.2), "categorical_crossentropy", metrics=["accuracy"])
    twin = dlgraph.from_keras(model, machine(), seed=7).reference()
    history = dlgraph.fit(model, x, y, machine=machine(), seed=7, epochs=2, batch_size=20, verbose=0)
    assert history.history == twin.train(x, y, epochs=2, batch_size=20, verbose=0).history
    assert equal(model.get_weights(), twin.get_weights())


def test_two_networks_take_turns() -> None:
    """Each on a machine of its own; they share the Graph Front End, which runs one at a time."""
    x, y = data(40)
    nets = [dlgraph.from_keras(mlp(4, 6, 3, seed=seed), machine(), seed=seed) for seed in (1, 2)]
    twins = [net.reference() for net in nets]
    try:
        for net, twin in [*zip(nets, twins, strict=True)] * 2:
            assert net.train(x, y, verbose=0).history == twin.train(x, y, verbose=0).history
            assert_same(net, twin)
        assert np.array_equal(nets[0].predict(x, verbose=0), twins[0].predict(x, verbose=0))
    finally:
        for net in nets:
            net.close()


PROCESS = """
import sys
import dlgraph
from tests.keras_models import data, equal, mlp
seed = int(sys.argv[1])
x, y = data(60, seed=seed)
net = dlgraph.from_keras(mlp(4, 7, 3, seed=seed), dlgraph.Emulated(board="spinn3"), seed=seed)
twin = net.reference()
assert net.train(x, y, epochs=3, verbose=0).history == twin.train(x, y, epochs=3, verbose=0).history
assert equal(net.get_weights(), twin.get_weights())
print("equal")
"""


@pytest.mark.wide
@pytest.mark.skipif(MACHINE_VARIABLE in os.environ, reason="there is one board")
def test_two_processes_side_by_side(tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    processes = [subprocess.Popen([sys.executable, "-c", PROCESS, str(seed)], cwd=tmp_path, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}) for seed in (1, 2)]
    for process in processes:
        output, errors = process.communicate(timeout=200)
        assert output.strip() == "equal" and process.returncode == 0, errors
        assert "Traceback" not in errors, errors                      # the network was left for the end of the program to close


def test_a_sum_that_overflows_ends_the_run() -> None:
    """The model keeps the weights of the last finished epoch, and the next training goes on from there."""
    n_inputs = 40
    model = mlp(n_inputs, 8, 3)
    hidden = model.layers[0]
    hidden.set_weights([np.full((n_inputs, 8), 0.5, np.float32), np.zeros(8, np.float32)])
    rng = np.random.default_rng(1)
    small, y = rng.uniform(0, 0.1, (48, n_inputs)), rng.integers(0, 3, 48)
    large = np.full((48, n_inputs), 15.0)                     # 40 x 0.5 x 15 = 300, and the sums end at 256
    with dlgraph.from_keras(model, machine(), input_max=15) as net:
        twin = net.reference()
        for each in net, twin:
            each.train(small, y, epochs=2, verbose=0)
        finished = model.get_weights()
        for each in net, twin:
            with pytest.raises(dlgraph.NumberFormatOverflow, match=f"layer '{hidden.name}'.*smaller weights"):
                each.train(large, y, epochs=3, verbose=0)
        assert equal(model.get_weights(), finished)
        with pytest.raises(dlgraph.NumberFormatOverflow, match=f"layer '{hidden.name}'"):
            net.predict(large, verbose=0)
        for each in net, twin:
            each.train(small, y, verbose=0)
        assert_same(net, twin)


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """No emulated machine may be started; its chips are small."""
    monkeypatch.setattr(memory, "CHIP_SDRAM_BYTES", 1 << 20)

    def start(*arguments: Any, **options: Any) -> None:
        raise AssertionError("a machine was started")
    monkeypatch.setattr(spinnemu, "Machine", start)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("widths, words", [
    ((2000, 2000, 3), r"'wide_0' with 2000 x 2000 weights \d+; the machine's 4 chips have \d+ bytes of SDRAM, \d+ too few"),
    ((4, 4, 60000), "the 60000 outputs of layer 'wide_1' belong on one core and need .* bytes"),
    ((8,) * 40, f"it needs {1 + 2 * 39} cores, .*; the machine has 60, {1 + 2 * 39 - 60} too few"),
])
def test_too_large_a_network_is_refused_before_the_machine(widths: tuple[int, ...], words: str) -> None:
    x, y = data(32, n_inputs=widths[0])
    layers = [keras.layers.Dense(n, "softmax" if i == len(widths) - 2 else "relu", name=f"wide_{i}")
              for i, n in enumerate(widths[1:])]
    model = keras.Sequential([keras.Input((widths[0],)), *layers])
    model.compile("sgd", "sparse_categorical_crossentropy")
    net = dlgraph.from_keras(model, Emulated(board="spinn3"))
    with pytest.raises(DoesNotFit, match=words):
        net.train(x, y, verbose=0)


def test_a_busy_address_is_one_clear_error() -> None:
    x, y = data(32)
    with spinnemu.Machine(board="spinn3") as other:
        net = dlgraph.from_keras(mlp(4, 3), Emulated(board="spinn3", address=other.address))
        with pytest.raises(dlgraph.MachineError, match=f"cannot answer at {other.address}.*Leave the address out"):
            net.train(x, y, verbose=0)


def test_no_answer_at_an_address_is_one_clear_error() -> None:
    x, y = data(32)
    net = dlgraph.from_keras(mlp(4, 3), Board("127.83.71.5"))
    start = time.monotonic()
    with pytest.raises(dlgraph.MachineError, match="No answer at 127.83.71.5.*dlgraph.Emulated"):
        net.train(x, y, verbose=0)
    assert time.monotonic() - start < 30
