"""What a run says while it goes."""
from __future__ import annotations

import io
import os
import re
import threading
from typing import Any

import keras
import pytest
from keras_models import data, mlp, on_host

import dlgraph
from dlgraph import progress
from dlgraph.layer_graph import PassResult
from dlgraph.progress import Report, check_verbose, duration
from dlgraph.reference import ReferenceExecutor

RESULT = PassResult(loss_sum=0, n_correct=0, n_samples=100, machine_cycles=2_000_000)      # 10 ms: 10,000 samples/s


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress.shutil, "get_terminal_size", lambda: os.terminal_size((200, 50)))
    return now


def test_live_line_on_a_terminal(clock) -> None:
    out = Terminal()
    report = Report(1, "emulated SpiNN-5 board", True, n_passes=2, stream=out)
    report.begin("Training on 100 samples")
    view = report.open_pass("Epoch 1/2", 0, 100)
    assert out.getvalue().endswith("Epoch 1/2  [                    ]  0/100  setting up")
    clock[0] += 30                                                    # mapping and loading
    view.update(5, {})
    clock[0] += 8
    view.update(25, {"accuracy": 0.5, "loss": 1.25})
    live = out.getvalue().split("\r\x1b[K")[-1]
    assert live == "Epoch 1/2  [=====               ]  25/100  accuracy: 0.5000  loss: 1.2500  ETA 1:10"
    view.update(26, {})                                               # too soon to draw again
    assert out.getvalue().split("\r\x1b[K")[-1] == live
    view.close(RESULT, {"accuracy": 0.6, "loss": 1.0})
    assert out.getvalue().endswith("Epoch 1/2  100/100  accuracy: 0.6000  loss: 1.0000  "
                                   "10000 samples/s (emulated)  38 s\n")
    view = report.open_pass("Epoch 2/2", 1, 100)
    clock[0] += 1
    view.update(40, {})
    assert "10000 samples/s (emulated)" in out.getvalue().split("\r\x1b[K")[-1]       # of the epoch before
    clock[0] += 1
    view.update(60, {}, machine_cycles=1_200_000)
    assert out.getvalue().endswith("60/100  10000 samples/s (emulated)  ETA 2.0 s")
    assert out.getvalue().startswith("Training on 100 samples on the emulated SpiNN-5 board\n")


def test_plain_lines_elsewhere(clock) -> None:
    out = io.StringIO()
    report = Report(1, "SpiNN-5 board at spinn-1", False, stream=out)
    view = report.open_pass("Epoch 1/1", 0, 100)
    clock[0] += 5
    view.update(25, {})
    assert out.getvalue() == ""
    clock[0] += 30
    view.update(50, {"loss": 0.5})
    view.close(RESULT, {"loss": 0.25})
    assert out.getvalue().splitlines() == ["Epoch 1/1  50/100  loss: 0.5000  ETA 1:00",
                                           "Epoch 1/1  100/100  loss: 0.2500  10000 samples/s (machine time)  35 s"]
    assert "\r" not in out.getvalue() and "\x1b" not in out.getvalue()


def test_silent_and_one_line_per_epoch(clock) -> None:
    for level, n_lines in ((0, 0), (2, 3)):
        out = Terminal()
        report = Report(level, "board", False, stream=out)
        report.begin("Training")
        for epoch in range(2):
            view = report.open_pass(f"Epoch {epoch + 1}/2", epoch, 100)
            clock[0] += 100
            view.update(50, {})
            view.close(RESULT, {})
        assert len(out.getvalue().splitlines()) == n_lines and "\r" not in out.getvalue()


def test_a_late_message_does_not_draw_over_the_final_line(clock) -> None:
    out = Terminal()
    view = Report(1, "board", False, stream=out).open_pass("Epoch 1/1", 0, 100)
    view.close(RESULT, {})
    said = out.getvalue()
    clock[0] += 100
    thread = threading.Thread(target=view.update, args=(99, {}))
    thread.start()
    thread.join()
    assert out.getvalue() == said


def test_a_narrow_terminal_is_not_wrapped(clock, monkeypatch) -> None:
    monkeypatch.setattr(progress.shutil, "get_terminal_size", lambda: os.terminal_size((40, 50)))
    out = Terminal()
    Report(1, "board", False, stream=out).open_pass("Epoch 1/1", 0, 10**9).update(0, {"loss": 1.0})
    assert all(len(line) < 40 for line in re.split("\r\x1b\\[K", out.getvalue()))


@pytest.mark.parametrize("seconds, text", [(0.04, "0.0 s"), (9.94, "9.9 s"), (59, "59 s"), (65, "1:05"),
                                           (3600 * 2 + 65, "2:01:05"), (59.9, "1:00")])
def test_durations(seconds, text) -> None:
    assert duration(seconds) == text


def test_levels_are_those_of_keras() -> None:
    assert [check_verbose(v) for v in ("auto", 0, 1, 2, True, False)] == [1, 0, 1, 2, 1, 0]


class Slow(ReferenceExecutor):
    """Gives progress and machine time, as a machine does."""

    def train_epoch(self, samples, epoch, batch_size, shuffle, learning_rate, progress=None):
        assert progress is not None
        progress(len(samples) // 2, 1 << 23, 3)
        result = super().train_epoch(samples, epoch, batch_size, shuffle, learning_rate)
        result.machine_cycles = 200_000
        result.saturations = {"hidden": 7, "out": 0}
        return result


def test_training_says_where_it_runs_and_what_came_out(capsys) -> None:
    x, y = data()
    net = dlgraph.from_keras(mlp(4, 3), executor_factory=lambda graph, target, **options: Slow(graph))
    history = net.train(x, y, epochs=2, validation_data=(x, y))
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Training 'sequential\w*' on 60 samples, validating on 60, on the emulated SpiNN-5 board",
                        lines[0])
    assert re.fullmatch(r"Epoch 1/2  60/60  accuracy: \S+  loss: \S+  val_accuracy: \S+  val_loss: \S+  "
                        r"60000 samples/s \(emulated\)  \S+ s", lines[1])
    assert lines[2].strip() == "values clipped to their number format: 7 in layer 'hidden'"
    assert len(lines) == 5
    assert history.machine_seconds == [0.001, 0.001] and history.saturations == [{"hidden": 7}] * 2


def test_silence(capsys) -> None:
    x, y = data()
    net = on_host(mlp(4, 3))
    net.train(x, y, verbose=0)
    net.evaluate(x, y, verbose=0)
    net.predict(x, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_evaluate_and_predict_say_one_line(capsys) -> None:
    x, y = data()
    net = on_host(mlp(4, 3))
    net.evaluate(x, y)
    net.predict(x)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Evaluate on the emulated SpiNN-5 board  60/60  accuracy: ")
    assert lines[1].startswith("Predict on the emulated SpiNN-5 board  60/60  ")


class BegunAtTheSecond(keras.callbacks.Callback):
    """What BackupAndRestore does where one epoch is done."""

    def on_train_begin(self, logs: Any = None) -> None:
        self.model._initial_epoch = 1


@pytest.mark.parametrize("callbacks", [[], [BegunAtTheSecond()]], ids=["whole", "begun at the second"])
def test_the_time_left_is_that_of_the_epochs_left(monkeypatch: pytest.MonkeyPatch, callbacks: list[Any]) -> None:
    """Each pass is told how many of the call are done."""
    told: list[tuple[str, int, int]] = []
    opened = Report.open_pass

    def open_pass(report: Report, title: str, index: int, n_samples: int) -> Any:
        told.append((title, index, report.n_passes))
        return opened(report, title, index, n_samples)

    monkeypatch.setattr(Report, "open_pass", open_pass)
    x, y = data(8)
    on_host(mlp(4, 3)).train(x, y, batch_size=4, epochs=3, callbacks=callbacks, verbose=0)
    first = len(callbacks)
    assert told == [(f"Epoch {epoch + 1}/3", epoch - first, 3 - first) for epoch in range(first, 3)]
