"""Training that goes on from a checkpoint ends as if it had never been interrupted: in every bit, and with the same history."""
from __future__ import annotations

import csv
import errno
import logging
import os
import resource
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_models import data, equal, layers, mlp, on_host

import dlgraph
from dlgraph.errors import CheckpointError, DataError
from dlgraph.executors import make_reference
from dlgraph.reference import ReferenceExecutor

optimizers, schedules, callbacks = keras.optimizers, keras.optimizers.schedules, keras.callbacks
X, Y = data(60, 6)
XV, YV = data(30, 6, seed=4)

OPTIMISERS = {
    "sgd": lambda: optimizers.SGD(0.1),
    "decay": lambda: optimizers.SGD(0.1, weight_decay=0.01),
    "momentum": lambda: optimizers.SGD(0.05, momentum=0.9),
    "nesterov": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: optimizers.Adam(0.01),
    "adamw": lambda: optimizers.AdamW(0.01, weight_decay=0.1),
    "amsgrad": lambda: optimizers.Adam(0.01, amsgrad=True),
    "rmsprop": lambda: optimizers.RMSprop(0.01),
    "rmsprop, momentum": lambda: optimizers.RMSprop(0.005, momentum=0.5),
    "exponential": lambda: optimizers.SGD(schedules.ExponentialDecay(0.1, 5, 0.7), momentum=0.5),
    "cosine": lambda: optimizers.Adam(schedules.CosineDecay(0.001, 12, warmup_target=0.02, warmup_steps=5)),
}


def model_of(optimiser: str = "momentum", dropout: float = 0.25, seed: int = 1, width: int = 8) -> keras.Sequential:
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(width, "tanh"), layers.Dropout(dropout),
                              layers.Dense(5, "relu"), layers.Dense(3, "softmax")])
    model.compile(OPTIMISERS[optimiser](), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Broken(Exception):
    pass


class Break(callbacks.Callback):
    """The program ends before an epoch."""

    def __init__(self, before: int) -> None:
        super().__init__()
        self.before = before

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.before:
            raise Broken


def broken(path: Path, make: Any, epochs: int, breaks: list[int], use: Any = lambda: [], **arguments: Any) -> Any:
    """Train in several programs, each with a network of its own that starts from other weights; returns the last history."""
    for attempt, before in enumerate([*breaks, epochs]):
        net = make(seed=10 + attempt if attempt else 1)
        try:
            return net, net.train(X, Y, epochs=epochs, callbacks=[*use(), Break(before)], checkpoint=path, verbose=0, **arguments)
        except Broken:
            pass
    raise AssertionError


def same(net: dlgraph.Network, other: dlgraph.Network) -> bool:
    """Whether weights, the optimiser's state and its rate are the same in every bit, as Keras and as the machine has them."""
    a, b = net._state, other._state
    arrays = [[*parameters, *slots] for state in (a, b)
              for parameters, slots in zip(state.parameters, state.optimiser.slots, strict=True)]
    half = len(arrays) // 2
    return (all(equal(one, two) for one, two in zip(arrays[:half], arrays[half:], strict=True))
            and a.orders == b.orders and a.optimiser.iterations == b.optimiser.iterations
            and equal(net.model.get_weights(), other.model.get_weights())
            and np.float32(net._side.learning_rate()) == np.float32(other._side.learning_rate()))


@lru_cache(maxsize=None)
def untrained(optimiser: str, dropout: float, seed: int) -> dlgraph.Network:
    return on_host(model_of(optimiser, dropout), seed=seed)


@given(st.sampled_from(sorted(OPTIMISERS)), st.sampled_from([0.0, 0.4]), st.booleans(), st.booleans(),
       st.sampled_from([7, 20, 60]), st.sampled_from([0, 2**32 - 1]), st.integers(1, 5), st.data())
@settings(max_examples=25, deadline=None)
def test_broken_anywhere_is_as_unbroken(tmp_path_factory, optimiser, dropout, shuffle, falls, batch, order_seed, epochs,
                                            draw) -> None:
    """Any optimiser, with and without dropout and shuffling, whose rate falls by a schedule, by a callback or not at all.

    Twins take the places of networks: they are made in no time.
    """
    def use() -> list[Any]:
        return [callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.7)] if falls and number else []

    def make(seed: int = 1) -> dlgraph.Network:
        twin = untrained(optimiser, dropout, order_seed).reference()
        # broken before its first epoch, a training begins anew: from the weights of the program that begins it
        if path.exists():
            twin.model.set_weights([np.full_like(array, 1 / seed) for array in twin.get_weights()])
        return twin

    number = optimiser not in ("exponential", "cosine")
    breaks = sorted(draw.draw(st.sets(st.integers(0, epochs - 1), max_size=3)))
    path = tmp_path_factory.mktemp("broken") / "a.npz"
    arguments = {"batch_size": batch, "shuffle": shuffle, "validation_data": (XV, YV)}
    whole = make()
    expected = whole.train(X, Y, epochs=epochs, callbacks=use(), verbose=0, **arguments)
    net, history = broken(path, make, epochs, breaks, use, **arguments)
    assert same(net, whole)
    assert history.history == expected.history and history.epoch == expected.epoch == list(range(epochs))
    assert history.machine_seconds == [0.0] * epochs and len(history.saturations) == epochs


@pytest.mark.parametrize("optimiser", ["momentum", "adamw", "amsgrad", "rmsprop, momentum", "cosine"])
def test_keras_goes_on_as_well(optimiser: str, tmp_path: Path) -> None:
    """Keras' optimiser holds the state, and its rate, as after an unbroken training."""
    whole = on_host(model_of(optimiser))
    whole.train(X, Y, epochs=3, batch_size=16, verbose=0)
    net, _ = broken(tmp_path / "a.npz", lambda seed: on_host(model_of(optimiser, seed=seed)), 3, [1], batch_size=16)
    assert same(net, whole)
    for a, b in zip(net.model.optimizer.variables, whole.model.optimizer.variables, strict=True):
        assert np.array_equal(a, b)


def test_weights_of_samples_and_convolutions(tmp_path: Path) -> None:
    def make(seed: int) -> dlgraph.Network:
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([keras.Input((6,)), layers.Reshape((3, 2, 1)), layers.Conv2D(4, 2, use_bias=False),
                                  layers.Flatten(), layers.Dense(3, "softmax")])
        model.compile(optimizers.RMSprop(0.01, momentum=0.9), "sparse_categorical_crossentropy")
        return on_host(model)

    whole = make(1)
    weights = np.random.default_rng(0).uniform(0, 3, 60)
    expected = whole.train(X, Y, epochs=3, sample_weight=weights, verbose=0)
    net, history = broken(tmp_path / "a.npz", make, 3, [2], sample_weight=weights)
    assert same(net, whole) and history.history == expected.history
    with pytest.raises(CheckpointError, match="digest of X, y and weights"):
        make(1).train(X, Y, epochs=4, sample_weight=weights * 2, checkpoint=tmp_path / "a.npz")


def test_in_one_program(tmp_path: Path) -> None:
    """Interrupted by Ctrl-C in the middle of an epoch; the same call again goes on, and once more has nothing to do."""
    class Interrupted(ReferenceExecutor):
        interrupt = True

        def train_epoch(self, samples, epoch, *arguments, **options):
            result = super().train_epoch(samples, epoch, *arguments, **options)
            if epoch == 2 and Interrupted.interrupt:
                raise KeyboardInterrupt
            return result

    whole = on_host(model_of())
    expected = whole.train(X, Y, epochs=5, verbose=0)
    net = dlgraph.from_keras(model_of(), executor_factory=lambda graph, target, **options: Interrupted(graph))
    halve = callbacks.LearningRateScheduler(lambda epoch, rate: rate)
    arguments = {"epochs": 5, "checkpoint": str(tmp_path / "a.npz"), "callbacks": [halve], "verbose": 0}
    with pytest.raises(KeyboardInterrupt):
        net.train(X, Y, **arguments)
    two = on_host(model_of())
    two.train(X, Y, epochs=2, verbose=0)
    assert same(net, two) and same(dlgraph.load_checkpoint(tmp_path / "a.npz", model_of(seed=5)), two)
    Interrupted.interrupt = False
    history = net.train(X, Y, **arguments)
    assert same(net, whole) and [history.history[name] for name in expected.history] == list(expected.history.values())
    again = net.train(X, Y, **arguments)
    assert same(net, whole) and again.history == history.history and again.epoch == [0, 1, 2, 3, 4]
    assert net.model.history is again and again.model is net.model


def test_the_twin_and_the_network_read_each_other_s(tmp_path: Path) -> None:
    whole = on_host(model_of("adam"))
    expected = whole.train(X, Y, epochs=3, verbose=0)
    net = on_host(model_of("adam"))
    net.reference().train(X, Y, epochs=1, checkpoint=tmp_path / "a.npz", verbose=0)
    net.train(X, Y, epochs=2, checkpoint=tmp_path / "a.npz", verbose=0)
    twin = on_host(model_of("adam", seed=9)).reference()
    history = twin.train(X, Y, epochs=3, checkpoint=tmp_path / "a.npz", verbose=0)
    assert equal(twin.get_weights(), whole.get_weights()) and history.history == expected.history
    assert twin.model.optimizer.iterations == int(whole.model.optimizer.iterations)


def test_more_epochs_and_another_call(tmp_path: Path) -> None:
    """``epochs`` is the whole number of them, also with ``initial_epoch``; a program of two calls goes on in the second."""
    def program(last: int, x: np.ndarray = X) -> dlgraph.Network:
        net = on_host(model_of(seed=last))
        net.train(X, Y, epochs=2, checkpoint=tmp_path / "first.npz", verbose=0)
        net.train(X[:40], Y[:40], epochs=last, initial_epoch=2, checkpoint=tmp_path / "second.npz", verbose=0)
        return net

    whole = on_host(model_of(seed=3))
    whole.train(X, Y, epochs=2, verbose=0)
    history = whole.train(X[:40], Y[:40], epochs=5, initial_epoch=2, verbose=0)
    program(3)
    net = program(5)
    assert same(net, whole) and history.history == net.model.history.history and net.model.history.epoch == [2, 3, 4]
    assert np.array_equal(net.order(1), whole.order(1)) and len(net.order(4)) == 40


def test_resume_says_whether(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.npz"
    with pytest.raises(CheckpointError, match="There is no checkpoint .*a.npz to go on from"):
        on_host(model_of()).train(X, Y, checkpoint=path, resume=True)
    assert not path.parent.exists()
    on_host(model_of()).train(X, Y, epochs=2, checkpoint=path, verbose=0)
    assert on_host(model_of()).train(X, Y, epochs=3, checkpoint=path, resume=True, verbose=0).epoch == [0, 1, 2]
    anew = on_host(model_of(seed=2))
    assert anew.train(X, Y, epochs=1, batch_size=8, checkpoint=path, resume=False, verbose=0).epoch == [0]
    assert same(dlgraph.load_checkpoint(path, model_of()), anew)
    assert os.listdir(path.parent) == ["a.npz"]


def test_what_is_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for epochs in (1, 2, 2):
        on_host(model_of()).train(X, Y, epochs=epochs, checkpoint=tmp_path / "a.npz")
    lines = capsys.readouterr().out.splitlines()
    assert f"Going on from {tmp_path}/a.npz, after epoch 1, learning rate 0.05" in lines
    assert f"Nothing to train: {tmp_path}/a.npz has 2 epochs" in lines
    assert sum("Epoch 2/2" in line for line in lines) == 1


def test_in_one_call(tmp_path: Path) -> None:
    whole = on_host(model_of(), seed=3)
    whole.train(X, Y, epochs=2, verbose=0)
    for epochs in (1, 2):
        model = model_of(seed=epochs)
        dlgraph.fit(model, X, Y, epochs=epochs, seed=3, checkpoint=tmp_path / "a.npz", verbose=0, executor_factory=make_reference)
    assert equal(model.get_weights(), whole.model.get_weights())


# ---------------------------------------------------------------------- loading

def no_machine(graph, target, **options):
    raise AssertionError("the machine was touched")


def test_load_into_a_model(tmp_path: Path) -> None:
    """Seed and number formats are the file's; what is returned trains on in the same bits."""
    def make(seed: int) -> keras.Model:
        return mlp(6, 9, 8, 3, seed=seed, activation="sigmoid")

    first = make(1)
    options = {"activation_fractions": {first.layers[0].name: 9}, "gradient_shifts": {first.layers[1].name: 3}, "input_max": 100}
    net = on_host(first, seed=77, **options)
    net.train(X, Y, epochs=2, checkpoint=tmp_path / "a.npz", verbose=0,
              callbacks=[callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)])
    model = make(2)
    loaded = dlgraph.load_checkpoint(tmp_path / "a.npz", model, executor_factory=no_machine)
    assert same(loaded, net) and equal(model.get_weights(), first.get_weights())
    assert float(model.optimizer.learning_rate) == float(first.optimizer.learning_rate) == np.float32(0.025)
    assert model.history.history == first.history.history and model.history.model is model
    loaded._factory = make_reference
    for each in (net, loaded):
        each.train(X, Y, initial_epoch=2, epochs=4, verbose=0)
    assert same(loaded, net)


def test_one_file_for_every_epoch_and_one_repeated_elsewhere(tmp_path: Path) -> None:
    """As docs/checkpoints.rst has it, broken on the way."""
    def each_epoch(last: int) -> None:
        twin = on_host(model_of(seed=last), seed=4).reference()
        for epoch in range(last):
            twin.train(X, Y, initial_epoch=epoch, epochs=epoch + 1, checkpoint=tmp_path / f"epoch_{epoch + 1}.npz", verbose=0,
                       callbacks=[callbacks.LearningRateScheduler(lambda epoch, rate: 0.05 * 0.9**epoch)])

    for last in (2, 5):
        each_epoch(last)
    whole = on_host(model_of(seed=2), seed=4)
    whole.train(X, Y, epochs=5, verbose=0, callbacks=[callbacks.LearningRateScheduler(lambda epoch, rate: 0.05 * 0.9**epoch)])
    board = dlgraph.load_checkpoint(tmp_path / "epoch_4.npz", model_of(), executor_factory=make_reference)
    board.train(X, Y, initial_epoch=4, epochs=5, verbose=0,
                callbacks=[callbacks.LearningRateScheduler(lambda epoch, rate: 0.05 * 0.9**epoch)])
    expected = dlgraph.load_checkpoint(tmp_path / "epoch_5.npz", model_of())
    assert same(board, expected) and same(board, whole)


def test_load_into_a_network_in_use(tmp_path: Path) -> None:
    net = on_host(model_of("adam"))
    net.train(X, Y, epochs=2, checkpoint=tmp_path / "a.npz", verbose=0)
    twin = net.reference()
    net.train(4 * X, Y, epochs=2, verbose=0)
    history = net.load_checkpoint(tmp_path / "a.npz")
    assert same(net, twin) and history.epoch == [0, 1]
    for each in (net, twin):
        each.train(X, Y, verbose=0)
    assert equal(net.get_weights(), twin.get_weights())
    other = on_host(model_of("adam", seed=8))
    other.predict(100 * X, verbose=0)                                 # fixes other fraction bits of the inputs
    other.load_checkpoint(tmp_path / "a.npz")
    other.train(X, Y, verbose=0)
    assert equal(net.get_weights(), other.get_weights())


# ---------------------------------------------------------------------- what is refused

@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("two") / "a.npz"
    on_host(model_of()).train(X, Y, epochs=2, checkpoint=path, verbose=0)
    return path


def with_optimiser(optimiser: Any) -> keras.Model:
    model = model_of()
    model.compile(optimiser, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


OTHERS = {
    "seed": (lambda: model_of(), {"seed": 5}, {}, "seed is 0 there and 5 here"),
    "width": (lambda: model_of(width=9), {}, {}, "weights of layer 0 is [6, 8] there and [6, 9] here"),
    "dropout": (lambda: model_of(dropout=0.5), {}, {}, "rate of layer 1 is 0.25 there and 0.5 here"),
    "layers": (lambda: mlp(6, 8, 3), {}, {}, "layers is 4 there and 2 here"),
    "loss": (lambda: mlp(6, 3, loss="categorical_crossentropy"), {}, {"y": np.eye(3)[Y]},
             "loss is sparse_categorical_crossentropy there and categorical_crossentropy here"),
    "kind of optimiser": (lambda: model_of("adam"), {}, {}, "optimiser is SGD with momentum there and Adam here"),
    "amsgrad": (lambda: model_of("sgd"), {}, {}, "optimiser is SGD with momentum there and SGD here"),
    "momentum": (lambda: with_optimiser(optimizers.SGD(0.05, momentum=0.8)), {}, {}, "momentum is 0.9 there and 0.8 here"),
    "nesterov": (lambda: model_of("nesterov"), {}, {}, "nesterov is False there and True here"),
    "rate": (lambda: with_optimiser(optimizers.SGD(0.5, momentum=0.9)), {}, {},
             "learning rate was 0.05 at the beginning there and is 0.5 here"),
    "schedule": (lambda: model_of("exponential"), {}, {}, "learning rate is 0.05 there and a schedule here", "momentum is"),
    "batch size": (model_of, {}, {"batch_size": 30}, "batch_size is 32 there and 30 here"),
    "shuffle": (model_of, {}, {"shuffle": False}, "shuffle is True there and False here"),
    "number of samples": (model_of, {}, {"x": X[:50], "y": Y[:50]}, "samples is 60 there and 50 here"),
    "a sample": (model_of, {}, {"x": np.where(np.arange(360).reshape(60, 6) == 77, 0.5, X)}, "digest of X, y and weights"),
    "a label": (model_of, {}, {"y": np.where(np.arange(60) == 7, (Y + 1) % 3, Y)}, "digest of X, y and weights"),
    "weights of samples": (model_of, {}, {"class_weight": {0: 2.0}}, "digest of X, y and weights"),
    "input_max": (model_of, {"input_max": 1000}, {}, "input_fraction is 11 there and 5 here"),
    "activation fraction": (model_of, {"activation_fractions": 0}, {}, "activation_fraction of layer 0 is 13 there and 9 here"),
    "gradient shift": (model_of, {"gradient_shifts": 1}, {}, "gradient_shift of layer 2 is nothing there and 4 here"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_training_is_refused_by_what_differs(case: str, two_epochs: Path) -> None:
    """Before a machine is touched, and before network and model are changed."""
    make, options, arguments, *words = OTHERS[case]
    model = make()
    names = [layer.name for layer in model.layers if layer.weights]
    options = {name: {names[value]: 9 if "fractions" in name else 4} if name.endswith(("fractions", "shifts")) else value
               for name, value in options.items()}
    net = dlgraph.from_keras(model, executor_factory=no_machine, **options)
    before, content = model.get_weights(), two_epochs.read_bytes()
    arguments = {"x": X, "y": Y, **arguments}
    for resume in ("auto", True):
        with pytest.raises(CheckpointError) as refusal:
            net.train(arguments["x"], arguments["y"], epochs=3, checkpoint=two_epochs, resume=resume,
                      **{name: value for name, value in arguments.items() if name not in ("x", "y")})
        for word in (*words, str(two_epochs), "resume=False"):
            assert word in str(refusal.value)
    assert equal(model.get_weights(), before) and two_epochs.read_bytes() == content and net._input_fraction is None


def test_another_schedule_is_refused(tmp_path: Path) -> None:
    def train(rate: float, decay: float, epochs: int) -> None:
        on_host(with_optimiser(optimizers.SGD(schedules.ExponentialDecay(rate, 5, decay)))).train(
            X, Y, epochs=epochs, checkpoint=tmp_path / "a.npz", verbose=0)

    train(0.1, 0.7, 2)
    train(0.1, 0.7, 3)
    with pytest.raises(CheckpointError, match="learning rate of step 0 is 0.1 there and 0.2 here"):
        train(0.2, 0.7, 4)
    with pytest.raises(CheckpointError, match="learning rate of step 1 is 0.093"):
        train(0.1, 0.8, 4)
    with pytest.raises(CheckpointError, match="learning rate is a schedule there and 0.1 here"):
        on_host(with_optimiser(optimizers.SGD(0.1))).train(X, Y, checkpoint=tmp_path / "a.npz")


@pytest.mark.parametrize("arguments, words", [
    ({"checkpoint": 3}, ["checkpoint=3 is not a path", "'training.npz'"]),
    ({"checkpoint": ""}, ["checkpoint='' is not a path"]),
    ({"checkpoint": b"a"}, ["is not a path"]),
    ({"checkpoint": "a\0b"}, ["is not a path"]),
    ({"checkpoint": "a.npz", "resume": "yes"}, ["resume='yes'", "'auto', True or False"]),
    ({"checkpoint": "a.npz", "resume": 1}, ["resume=1 "]),
    ({"resume": True}, ["resume=True", "Give checkpoint=path"]),
    ({"checkpoint": "a.npz", "callbacks": [callbacks.BackupAndRestore("b")]}, ["BackupAndRestore", "Leave the callback out"]),
    ({"checkpoint": os.path.dirname(__file__)}, ["is a folder", "training.npz"]),
    ({"checkpoint": "/proc/none/a.npz"}, ["/proc/none/a.npz cannot be written", "folder that can be written to"]),
    ({"checkpoint": "x" * 300}, ["cannot be written", "File name too long"]),
])
def test_arguments_are_refused_before_the_machine(arguments, words, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as refusal:
        dlgraph.from_keras(mlp(6, 3), executor_factory=no_machine).train(X, Y, **arguments)
    for word in words:
        assert word in str(refusal.value)
    assert os.listdir(tmp_path) == []


# ---------------------------------------------------------------------- disks that fail

@pytest.fixture
def small_files():
    """A function that lets files be no longer than so many bytes; whole ones again afterwards."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda n: resource.setrlimit(resource.RLIMIT_FSIZE, (n, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


class At(callbacks.Callback):
    """Does something before an epoch."""

    def __init__(self, **actions: Any) -> None:
        super().__init__()
        self.actions = actions

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.actions.get(f"epoch_{epoch}", lambda: None)()


def test_no_room_at_the_beginning(small_files, tmp_path: Path) -> None:
    small_files(1000)
    with pytest.raises(CheckpointError, match="a.npz cannot be written: File too large. Make room"):
        dlgraph.from_keras(model_of(), executor_factory=no_machine).train(X, Y, checkpoint=tmp_path / "a.npz")
    assert os.listdir(tmp_path) == []


def test_no_room_later_loses_nothing(small_files, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Training goes on, the last good file stays, every epoch says so, and so does the history."""
    path, whole = tmp_path / "a.npz", on_host(model_of())
    expected = whole.train(X, Y, epochs=4, verbose=0)
    net = on_host(model_of())
    with caplog.at_level(logging.WARNING, "dlgraph"):
        history = net.train(X, Y, epochs=4, checkpoint=path, verbose=0, callbacks=[At(epoch_2=lambda: small_files(1000))])
    assert same(net, whole) and history.history == expected.history
    assert history.checkpoint_error == os.strerror(errno.EFBIG)
    messages = [record.getMessage() for record in caplog.records]
    assert [f"{path} could not be written after epoch {n}: File too large." in message
            for n, message in zip((3, 4, 4), messages, strict=True)] == [True] * 3
    assert "Training goes on" in messages[0] and "Training has ended" in messages[2]
    assert os.listdir(tmp_path) == ["a.npz"]
    assert dlgraph.load_checkpoint(path, model_of()).model.history.epoch == [0, 1]
    small_files(10**9)
    again = on_host(model_of()).train(X, Y, epochs=4, checkpoint=path, verbose=0)
    assert again.history == expected.history and again.checkpoint_error is None


def test_room_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that could not be written is written after the next epoch, or at the latest at the end."""
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill(last: int) -> Any:
        net = on_host(model_of())
        actions = {"epoch_1": lambda: monkeypatch.setattr(os, "fsync", full), f"epoch_{last}": monkeypatch.undo}
        return net, net.train(X, Y, epochs=3, checkpoint=tmp_path / f"{last}.npz", verbose=0, callbacks=[At(**actions)])

    for last in (2, 3):
        net, history = fill(last)
        monkeypatch.undo()
        assert history.checkpoint_error == (None if last == 2 else "No space left on device")
        loaded = dlgraph.load_checkpoint(tmp_path / f"{last}.npz", model_of())
        assert same(loaded, net) == (last == 2) and loaded.model.history.epoch == ([0, 1, 2] if last == 2 else [0])


# ---------------------------------------------------------------------- callbacks

def plateau() -> list[Any]:
    return [callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, cooldown=1, min_delta=0.3)]


def stop() -> list[Any]:
    return [callbacks.EarlyStopping("val_loss", patience=3, min_delta=0.3, restore_best_weights=True)]


@pytest.mark.parametrize("use", [plateau, stop], ids=["plateau", "stop"])
@pytest.mark.parametrize("breaks", [[1], [2, 3], [1, 2, 4]])
def test_callbacks_that_count_epochs(use: Any, breaks: list[int], tmp_path: Path) -> None:
    """What ReduceLROnPlateau and EarlyStopping, with its best weights, have gathered is in the file."""
    def make(seed: int) -> dlgraph.Network:
        return on_host(model_of("momentum", 0.0, seed))

    whole = make(1)
    expected = whole.train(X, Y, epochs=9, validation_data=(XV, YV), callbacks=use(), verbose=0)
    net, history = broken(tmp_path / "a.npz", make, 9, breaks, use, validation_data=(XV, YV))
    assert same(net, whole) and history.history == expected.history and history.epoch == expected.epoch
    assert len(set(history.history.get("learning_rate", [0.1, 0.2]))) > 1 and (use is plateau or len(history.epoch) < 9)


def test_a_training_that_was_stopped_is_over(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = {"epochs": 20, "validation_data": (XV, YV), "checkpoint": tmp_path / "a.npz"}
    first = on_host(model_of("momentum", 0.0))
    history = first.train(X, Y, callbacks=stop(), verbose=0, **arguments)
    assert len(history.epoch) < 20
    again = on_host(model_of("momentum", 0.0, seed=4))
    assert again.train(X, Y, callbacks=stop(), **arguments).epoch == history.epoch
    assert equal(again.model.get_weights(), first.model.get_weights())
    assert f"a callback ended the training in {tmp_path}/a.npz after epoch {history.epoch[-1] + 1}" in capsys.readouterr().out


def test_model_checkpoint_knows_the_best(tmp_path: Path) -> None:
    def use() -> list[Any]:
        return [callbacks.ModelCheckpoint(tmp_path / "{epoch}.weights.h5", monitor="loss", mode="max", save_best_only=True,
                                          save_weights_only=True)]

    broken(tmp_path / "a.npz", lambda seed: on_host(model_of("momentum", 0.0, seed)), 6, [1, 3], use)
    assert sorted(os.listdir(tmp_path)) == ["1.weights.h5", "a.npz"]                  # the loss was never higher again


def test_csv_logger_adds_to_its_file(tmp_path: Path) -> None:
    def use() -> list[Any]:
        return [callbacks.CSVLogger(tmp_path / "log.csv")]

    _, history = broken(tmp_path / "a.npz", lambda seed: on_host(model_of(seed=seed)), 5, [1, 3], use)
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == history.history["loss"] and [row["epoch"] for row in rows] == list("01234")


class Counting(callbacks.Callback):
    """A user's callback whose state is kept, and which puts things into the logs."""

    def __init__(self, state: Any = None) -> None:
        super().__init__()
        self.seen: list[int] = []
        self.bad = state

    def on_train_begin(self, logs: Any = None) -> None:
        self.seen = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(epoch)
        logs.update(seen=len(self.seen), half=np.float32(0.5), words="no number")

    def state_dict(self) -> Any:
        return {"seen": self.seen, "bad": self.bad}

    def load_state_dict(self, state: Any) -> None:
        self.seen = list(state["seen"])


def test_callbacks_of_the_user(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made: list[Counting] = []

    def use() -> list[Any]:
        made.append(Counting())
        return [made[-1], *stop()]

    _, history = broken(tmp_path / "a.npz", lambda seed: on_host(model_of(seed=seed)), 4, [2], use, validation_data=(XV, YV))
    assert made[-1].seen == [0, 1, 2, 3] and history.history["seen"] == [1, 2, 3, 4] and history.history["half"] == [0.5] * 4
    assert history.history["words"] == ["no number"] * 2               # of the second program
    with caplog.at_level(logging.WARNING, "dlgraph"):
        on_host(model_of()).train(X, Y, epochs=5, checkpoint=tmp_path / "a.npz", callbacks=stop(), verbose=0)
    assert ["state of a callback Counting" in record.getMessage() for record in caplog.records] == [True]


def test_a_state_that_cannot_be_kept_is_refused_before_the_machine(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"ndarray is not JSON serializable.*state_dict\(\)"):
        dlgraph.from_keras(model_of(), executor_factory=no_machine).train(
            X, Y, checkpoint=tmp_path / "a.npz", callbacks=[Counting(np.zeros(3))], verbose=0)


def test_weights_that_a_callback_changed(tmp_path: Path) -> None:
    """What the model holds when the epoch's callbacks have been called is what the file has."""
    class Shrink(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.set_weights([array * np.float32(0.7) for array in self.model.get_weights()])

    whole = on_host(model_of())
    whole.train(X, Y, epochs=4, callbacks=[Shrink()], verbose=0)
    net, _ = broken(tmp_path / "a.npz", lambda seed: on_host(model_of(seed=seed)), 4, [1, 3], lambda: [Shrink()])
    assert same(net, whole)


def test_an_epoch_counts_when_its_callbacks_have_been_called(tmp_path: Path) -> None:
    class Fail(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise Broken

    net = on_host(model_of())
    with pytest.raises(Broken):
        net.train(X, Y, epochs=5, checkpoint=tmp_path / "a.npz", callbacks=[Fail()], verbose=0)
    assert dlgraph.load_checkpoint(tmp_path / "a.npz", model_of()).model.history.epoch == [0, 1]
    whole = on_host(model_of())
    whole.train(X, Y, epochs=5, verbose=0)
    net.train(X, Y, epochs=5, checkpoint=tmp_path / "a.npz", verbose=0)
    assert same(net, whole)
