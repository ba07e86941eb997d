"""Training by every optimiser follows Keras in floating point; their state and their rates go there and back."""
from __future__ import annotations

import re
from typing import Any, Callable

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_models import data, equal, mlp, on_host

import dlgraph
from dlgraph.errors import NumberFormatError, NumberFormatOverflow
from dlgraph.optimiser_formats import plane_from_float, plane_to_float
from dlgraph.optimisers import Plane

optimizers, schedules = keras.optimizers, keras.optimizers.schedules
N, N_INPUTS, N_OUTPUTS, BATCH = 200, 12, 3, 16                # the last batch has 8 samples

#: What makes the optimiser, and how far losses and weights may be from Keras' after 3 epochs of 13 steps.
RULES: dict[str, tuple[Callable[[], Any], float, float]] = {
    "sgd": (lambda: optimizers.SGD(0.1), 1e-4, 1e-4),
    "sgd, decay": (lambda: optimizers.SGD(0.1, weight_decay=0.01), 1e-4, 1e-4),
    "momentum": (lambda: optimizers.SGD(0.05, momentum=0.9), 1e-4, 2e-4),
    "nesterov": (lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True), 1e-4, 2e-4),
    "adam": (lambda: optimizers.Adam(0.003), 2e-4, 5e-4),
    "adamw": (lambda: optimizers.AdamW(0.003, weight_decay=0.1), 2e-4, 5e-4),
    "amsgrad": (lambda: optimizers.Adam(0.003, amsgrad=True), 2e-4, 5e-4),
    "rmsprop": (lambda: optimizers.RMSprop(0.002), 2e-4, 1e-3),
    "rmsprop, momentum": (lambda: optimizers.RMSprop(0.001, momentum=0.5, weight_decay=0.01), 2e-4, 1e-3),
    "exponential decay": (lambda: optimizers.SGD(schedules.ExponentialDecay(0.1, 10, 0.7), momentum=0.5), 1e-4, 1e-4),
    "cosine decay": (lambda: optimizers.Adam(schedules.CosineDecay(0.001, 30, warmup_target=0.01, warmup_steps=8)), 3e-4, 1e-3),
}


def model_of(optimizer: Any, seed: int = 1) -> keras.Sequential:
    model = mlp(N_INPUTS, 16, N_OUTPUTS, activation="tanh", seed=seed)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def some_data(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return data(N, N_INPUTS, N_OUTPUTS, seed=seed)


def fit(model: Any, net: dlgraph.Network, epochs: range) -> list[float]:
    """What Keras makes of the same samples in the same order."""
    x, y = some_data()
    losses = []
    for epoch in epochs:
        order = net.order(epoch, N)
        losses += model.fit(x[order], y[order], BATCH, shuffle=False, verbose=0).history["loss"]
    return losses


def assert_close(a: list[np.ndarray], b: list[np.ndarray], atol: float) -> None:
    for one, other in zip(a, b, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)


@pytest.mark.parametrize("name", RULES)
def test_losses_and_weights_are_those_of_keras(name: str) -> None:
    make, of_losses, of_weights = RULES[name]
    ours, theirs = model_of(make()), model_of(make())
    net = on_host(ours, seed=3)
    x, y = some_data()
    history = net.train(x, y, epochs=3, batch_size=BATCH, verbose=0).history
    np.testing.assert_allclose(history["loss"], fit(theirs, net, range(3)), rtol=0, atol=of_losses)
    assert_close(ours.get_weights(), theirs.get_weights(), of_weights)
    assert int(ours.optimizer.iterations) == int(theirs.optimizer.iterations) == 39
    assert float(ours.optimizer.learning_rate) == float(theirs.optimizer.learning_rate)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adamw", "amsgrad", "rmsprop, momentum", "cosine decay"])
def test_state_goes_to_keras_and_back(name: str) -> None:
    """An epoch of dlgraph, one of Keras, one of dlgraph: as three of Keras."""
    make, of_losses, of_weights = RULES[name]
    ours, theirs = model_of(make()), model_of(make())
    net = on_host(ours, seed=3)
    x, y = some_data()
    losses = net.train(x, y, batch_size=BATCH, verbose=0).history["loss"]
    reference = fit(theirs, net, range(1))
    names = [[re.split("[_/]", v.path)[-1] for v in model.optimizer.variables] for model in (ours, theirs)]
    assert names[0] == names[1]
    for mine, other in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-4)
    # the order of Keras' own epoch is that of the network's epoch 1
    losses += fit(ours, net, range(1, 2))
    reference += fit(theirs, net, range(1, 2))
    order = net.order(2, N)
    losses += net.train(x[order], y[order], batch_size=BATCH, shuffle=False, verbose=0).history["loss"]
    reference += fit(theirs, net, range(2, 3))
    np.testing.assert_allclose(losses, reference, rtol=0, atol=of_losses)
    assert_close(ours.get_weights(), theirs.get_weights(), of_weights)
    assert int(ours.optimizer.iterations) == 39


@pytest.mark.parametrize("name", ["momentum", "amsgrad", "rmsprop, momentum", "exponential decay", "cosine decay"])
def test_training_twice_is_training_longer(name: str) -> None:
    """In every bit, though the state was handed to Keras in between, as float32."""
    make, _, _ = RULES[name]
    once, twice = on_host(model_of(make())), on_host(model_of(make()))
    x, y = some_data()
    whole = once.train(x, y, epochs=4, batch_size=BATCH, verbose=0).history
    parts = [twice.train(x, y, epochs=2, batch_size=BATCH, verbose=0).history for _ in range(2)]
    assert whole["loss"] == parts[0]["loss"] + parts[1]["loss"]
    assert equal(once.model.get_weights(), twice.model.get_weights())
    for a, b in zip(once.model.optimizer.variables, twice.model.optimizer.variables, strict=True):
        assert np.array_equal(a, b)


def test_a_twin_has_the_state() -> None:
    for name in ("amsgrad", "cosine decay"):
        net = on_host(model_of(RULES[name][0]()))
        x, y = some_data()
        net.train(x, y, batch_size=BATCH, verbose=0)
        twin = net.reference()
        assert twin.model.optimizer.iterations == 13
        assert twin.train(x, y, verbose=0).history == net.train(x, y, verbose=0).history
        assert equal(twin.get_weights(), net.get_weights())


def test_another_batch_size_and_weights_of_samples_take_the_state_on() -> None:
    """Means of gradients do not depend on either."""
    ours, theirs = model_of(optimizers.Adam(0.003)), model_of(optimizers.Adam(0.003))
    net = on_host(ours)
    x, y = some_data()
    for size, weights in ((50, np.full(N, 3.0)), (7, None), (N, np.linspace(0, 1, N))):
        net.train(x, y, batch_size=size, shuffle=False, sample_weight=weights, verbose=0)
        theirs.fit(x, y, size, shuffle=False, sample_weight=weights, verbose=0)
    assert_close(ours.get_weights(), theirs.get_weights(), 5e-4)


def test_what_is_left_out_of_weight_decay() -> None:
    def make() -> Any:
        optimizer = optimizers.SGD(0.1, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        return optimizer
    ours, theirs = model_of(make()), model_of(make())
    for model in (ours, theirs):
        model.layers[0].bias.assign(np.full(16, 0.75))
    net = on_host(ours)
    x, y = some_data()
    net.train(x, y, batch_size=BATCH, verbose=0)
    fit(theirs, net, range(1))
    assert_close(ours.get_weights(), theirs.get_weights(), 1e-4)
    assert np.all(ours.layers[0].get_weights()[1] > 0.6)


def test_another_optimiser_between_trainings() -> None:
    """Of another kind, of other numbers, and a fresh one of the same."""
    ours, theirs = model_of(optimizers.SGD(0.1, momentum=0.9)), model_of(optimizers.SGD(0.1, momentum=0.9))
    net = on_host(ours)
    x, y = some_data()
    epoch = 0

    def slower(model: Any) -> None:
        model.optimizer.momentum = 0.5
        model.make_train_function(force=True)

    def fresh(model: Any) -> None:
        model.compile(optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])

    for change in (lambda model: None, slower, fresh, fresh):
        change(ours)
        change(theirs)
        net.train(x, y, batch_size=BATCH, verbose=0)
        fit(theirs, net, range(epoch, epoch + 1))
        epoch += 1
        assert int(ours.optimizer.iterations) == int(theirs.optimizer.iterations)
    assert_close(ours.get_weights(), theirs.get_weights(), 1e-3)


def test_an_epoch_that_fails_leaves_the_state_of_the_one_before() -> None:
    model = model_of(optimizers.Adam(0.01))
    net = on_host(model, input_max=15)
    x, y = some_data()
    net.train(x, y, batch_size=BATCH, verbose=0)
    before = [np.asarray(v).copy() for v in model.optimizer.variables]
    weights = model.get_weights()
    weights[0] = np.full_like(weights[0], 6.0)
    model.set_weights(weights)
    with pytest.raises(NumberFormatOverflow):
        net.train(np.full_like(x, 15), y, batch_size=BATCH, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.optimizer.variables, strict=True))
    model.set_weights([w / 100 for w in weights])
    net.train(x, y, batch_size=BATCH, verbose=0)
    assert int(model.optimizer.iterations) == 26


def test_own_schedule_is_asked_for_every_step() -> None:
    class Own(schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return 0.1 / (1.0 + keras.ops.cast(step, "float32"))

    def make() -> Any:
        return optimizers.SGD(Own())
    ours, theirs = model_of(make()), model_of(make())
    net = on_host(ours)
    x, y = some_data()
    net.train(x, y, epochs=2, batch_size=BATCH, verbose=0)
    fit(theirs, net, range(2))
    assert_close(ours.get_weights(), theirs.get_weights(), 1e-4)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-2.0**27, 2.0**27, width=32), min_size=1, max_size=30))
def test_floats_come_back(values: list[float]) -> None:
    given_values = np.array(values, np.float32)
    for plane, sample in ((Plane.MEAN, given_values), (Plane.SQUARE, np.square(given_values)),
                          (Plane.LARGEST_SQUARE, np.abs(given_values))):
        words = plane_from_float(sample, plane, 28, "values")
        least = 2.0**-36 if plane is Plane.MEAN else 2.0**-72
        expected = np.where(np.abs(sample) < least, 0, sample)
        np.testing.assert_array_equal(plane_to_float(words, plane, 28), expected)
    small = np.clip(given_values, -1.99, 1.99)
    np.testing.assert_allclose(plane_to_float(plane_from_float(small, Plane.MOMENTUM, 28, ""), Plane.MOMENTUM, 28), small,
                               rtol=2.0**-24, atol=2.0**-31)


def test_a_state_outside_the_format_is_refused() -> None:
    for plane, value in ((Plane.MOMENTUM, 2.5), (Plane.MEAN, 1e9), (Plane.SQUARE, -1.0), (Plane.SQUARE, 1e20),
                         (Plane.MEAN, np.nan), (Plane.SQUARE, np.inf)):
        with pytest.raises(NumberFormatError, match=r"momentum of layer 'a'.*\[1\]"):
            plane_from_float(np.array([0.5, value], np.float32), plane, 28, "momentum of layer 'a'")
