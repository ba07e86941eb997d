"""What the user calls, with the reference in place of the machine."""
from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest
from keras_models import OUTPUT, data, equal, layers, mlp, on_host

import dlgraph
from dlgraph.errors import DataError
from dlgraph.executors import make_reference
from dlgraph.formats import weights_to_float
from dlgraph.reference import ReferenceExecutor


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(x))
    x, y = x[chosen] / 16, y[chosen]
    return x[:1437], y[:1437], x[1437:], y[1437:]


def test_digits_as_well_as_keras_in_floating_point(digits) -> None:
    x, y, xv, yv = digits
    model, floating = mlp(64, 32, 10, rate=0.5), mlp(64, 32, 10, rate=0.5)
    assert equal(model.get_weights(), floating.get_weights())
    net = on_host(model, seed=3)
    history = net.train(x, y, epochs=10, validation_data=(xv, yv), verbose=0)

    for epoch in range(10):                                   # the same training in floating point, in the same order
        order = net.order(epoch)
        floating.fit(x[order], y[order], shuffle=False, verbose=0)
    loss, accuracy = net.evaluate(xv, yv, verbose=0)
    keras_loss, keras_accuracy = model.evaluate(xv, yv, verbose=0)
    _, floating_accuracy = floating.evaluate(xv, yv, verbose=0)
    assert accuracy >= 0.95 and accuracy == history.history["val_accuracy"][-1]
    assert accuracy == pytest.approx(keras_accuracy) and loss == pytest.approx(keras_loss, abs=1e-4)
    assert abs(accuracy - floating_accuracy) < 0.01
    assert np.abs(net.predict(xv, verbose=0) - model.predict(xv, verbose=0)).max() < 2e-3
    assert np.abs(model.get_weights()[0] - floating.get_weights()[0]).mean() < 0.005


@pytest.mark.parametrize("loss", OUTPUT)
def test_training_equals_the_twin(loss) -> None:
    x, y = data(70, loss=loss)
    model = mlp(4, 9, 3, loss=loss, activation="tanh")
    net = on_host(model, seed=5)
    twin = net.reference()
    first = [net.train(x, y, epochs=2, batch_size=16, verbose=0), net.train(x, y, batch_size=16, verbose=0)]
    untouched = model.get_weights()
    second = [twin.train(x, y, epochs=2, batch_size=16, verbose=0), twin.train(x, y, batch_size=16, verbose=0)]
    assert equal(net.get_weights(), twin.get_weights()) and equal(net.get_weights(), model.get_weights())
    assert equal(model.get_weights(), untouched)
    assert [h.history for h in first] == [h.history for h in second]
    assert net.evaluate(x, y, verbose=0) == twin.evaluate(x, y, verbose=0)
    assert np.array_equal(net.predict(x, verbose=0), twin.predict(x, verbose=0))
    assert np.array_equal(net.order(2), twin.order(2))


def test_the_twin_leaves_network_and_model_alone() -> None:
    x, y = data()
    model = mlp(4, 9, 3)
    net = on_host(model)
    net.train(x, y, verbose=0)
    before, state = model.get_weights(), net.get_weights()
    net.reference().train(x, y, epochs=3, verbose=0,
                          callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)])
    assert equal(model.get_weights(), before) and equal(net.get_weights(), state)
    assert model.optimizer.learning_rate == np.float32(0.1)
    with pytest.raises(DataError, match="still to come"):
        net.order(1)


def test_two_calls_are_as_one() -> None:
    x, y = data(50)
    once, twice = on_host(mlp(4, 9, 3)), on_host(mlp(4, 9, 3))
    once.train(x, y, epochs=4, verbose=0)
    twice.train(x, y, epochs=2, verbose=0)
    twice.predict(x, verbose=0)
    twice.close()                                            # takes a machine again when it needs one
    twice.evaluate(x, y, verbose=0)
    twice.train(x, y, epochs=4, initial_epoch=2, verbose=0)
    assert equal(once.get_weights(), twice.get_weights())


def test_seeds_give_other_orders_and_none_with_shuffle_off() -> None:
    x, y = data(50)
    a, b = on_host(mlp(4, 3), seed=1), on_host(mlp(4, 3), seed=2)
    a.train(x, y, epochs=2, verbose=0)
    b.train(x, y, epochs=2, verbose=0)
    assert sorted(a.order(0)) == list(range(50))
    assert not np.array_equal(a.order(0), a.order(1)) and not np.array_equal(a.order(0), b.order(0))
    assert not equal(a.get_weights(), b.get_weights())
    a.train(x, y, shuffle=False, verbose=0)
    assert np.array_equal(a.order(2), np.arange(50))
    assert np.array_equal(b.order(2, n_samples=50), on_host(mlp(4, 3), seed=2).order(2, n_samples=50))


@pytest.mark.parametrize("change", [
    lambda x, y: (x.astype(np.float64), y), lambda x, y: (x.astype(np.float32), y.astype(np.float32)),
    lambda x, y: (x.tolist(), y.tolist()), lambda x, y: (x, y[:, None].astype(np.uint8)),
    lambda x, y: (keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y)),
    lambda x, y: (x.astype(np.float16), y.astype(np.int8)), lambda x, y: (np.asfortranarray(x), y.astype(bool)),
])
def test_dtypes_and_containers(change) -> None:
    x, y = data(40, n_outputs=2)
    x = np.rint(x * 16) / 16                                 # exact in every dtype
    net, same = on_host(mlp(4, 2)), on_host(mlp(4, 2))
    net.train(x, y, verbose=0)
    same.train(*change(x, y), verbose=0)
    assert equal(net.get_weights(), same.get_weights())


def test_bytes_and_booleans_as_inputs() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (40, 6)).astype(np.uint8), rng.integers(0, 2, 40)
    net, same = on_host(mlp(6, 2, rate=1e-3)), on_host(mlp(6, 2, rate=1e-3))
    net.train(x, y, verbose=0)
    same.train(x.astype(np.float64), y, verbose=0)
    assert equal(net.get_weights(), same.get_weights())
    assert on_host(mlp(6, 2)).predict(x > 127, verbose=0).shape == (40, 2)


def test_images_are_flattened_by_the_model() -> None:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3, 2, 1)), layers.Flatten(), layers.Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = data(40, 6, 2)
    net = on_host(model)
    assert isinstance(net.evaluate(x.reshape(40, 3, 2, 1), y, verbose=0), float)       # no metrics: the loss alone
    a, b = net.predict(x.reshape(40, 3, 2, 1), verbose=0), net.predict(x.reshape(40, 3, 2), verbose=0)
    assert np.array_equal(a, b) and np.allclose(a, model.predict(x.reshape(40, 3, 2, 1), verbose=0), atol=2e-3)


def test_results_have_keras_form() -> None:
    x, y = data()
    model, other = mlp(4, 3, metrics=["acc"]), mlp(4, 3, metrics=["acc"])
    net = on_host(model)
    ours = net.train(x, y, epochs=2, validation_data=(x, y), verbose=0)
    theirs = other.fit(x, y, epochs=2, validation_data=(x, y), verbose=0)
    assert list(ours.history) == list(theirs.history) and ours.epoch == theirs.epoch and ours.params == theirs.params
    assert ours.model is model and model.history is ours
    assert list(net.evaluate(x, y, verbose=0, return_dict=True)) == list(other.evaluate(x, y, verbose=0, return_dict=True))
    assert len(net.evaluate(x, y, verbose=0)) == 2
    assert net.predict(x, verbose=0).dtype == np.float32
    assert ours.machine_seconds == [0.0, 0.0]


@pytest.mark.parametrize("loss, n, metric", [
    ("binary_crossentropy", 1, "accuracy"), ("binary_crossentropy", 3, "binary_accuracy"),
    ("binary_crossentropy", 3, "accuracy"), ("mean_squared_error", 1, "accuracy"),
    ("mean_squared_error", 3, "accuracy"), ("categorical_crossentropy", 3, "accuracy"),
    ("categorical_crossentropy", 3, "binary_accuracy"),
])
def test_loss_and_accuracy_as_keras_evaluates_them(loss, n, metric) -> None:
    x, y = data(80, n_outputs=n, loss=loss)
    if loss == "mean_squared_error":
        y = (y > 0).astype(np.float32)
    model = mlp(4, 12, n, loss=loss, metrics=[metric])
    net = on_host(model)
    net.train(x, y, epochs=2, verbose=0)
    assert net.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0), abs=0.01)


@pytest.mark.parametrize("loss, output", [
    (keras.losses.SparseCategoricalCrossentropy(from_logits=True), "sparse_categorical_crossentropy"),
    (keras.losses.BinaryCrossentropy(from_logits=True), "binary_crossentropy")])
def test_from_logits(loss, output) -> None:
    x, y = data(80, loss=output)
    metrics = [keras.metrics.BinaryAccuracy(threshold=0)] if "binary" in output else ["accuracy"]
    model = mlp(4, 12, 3, loss=loss, output="linear", metrics=metrics)
    net = on_host(model)
    net.train(x, y, epochs=2, verbose=0)
    assert net.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0), abs=0.01)
    assert np.allclose(net.predict(x, verbose=0), model.predict(x, verbose=0), atol=5e-3)


def test_validation_split_and_frequency() -> None:
    x, y = data(100)
    split, given = on_host(mlp(4, 3)), on_host(mlp(4, 3))
    a = split.train(x, y, epochs=4, validation_split=0.3, validation_freq=2, verbose=0)
    b = given.train(x[:70], y[:70], epochs=4, validation_data=[x[70:], y[70:]], validation_freq=[2, 4], verbose=0)
    assert a.history == b.history and len(a.history["val_loss"]) == 2 and len(a.history["loss"]) == 4


def test_exact_weights_are_kept_between_calls_unless_the_user_changes_them() -> None:
    x, y = data()
    model = mlp(4, 9, 3)
    net = on_host(model)
    net.train(x, y, verbose=0)
    weights, _ = net._state.parameters[0]
    assert np.any(weights_to_float(weights).astype(np.float64) * 2**28 != weights), "float32 cannot hold all of them"
    net.evaluate(x, y, verbose=0)
    assert np.array_equal(net._state.parameters[0][0], weights)
    changed = [array * np.float32(0.5) for array in model.get_weights()]
    model.set_weights(changed)
    taken = net.get_weights()
    assert all(np.allclose(a, b, rtol=0, atol=2.0**-24) for a, b in zip(taken, changed, strict=True))
    fresh = on_host(mlp(4, 9, 3))
    fresh.model.set_weights(changed)
    assert net.evaluate(x, y, verbose=0) == fresh.evaluate(x, y, verbose=0)
    model.optimizer.learning_rate = 0.0
    net.train(x, y, verbose=0)
    assert equal(net.get_weights(), taken) and equal(model.get_weights(), taken)


def test_no_bias_and_options() -> None:
    x, y = data()
    model = mlp(4, 9, 3, use_bias=False)
    name = model.layers[0].name
    net = on_host(model, activation_fractions={name: 8}, input_max=4)
    net.train(x, y, verbose=0)
    assert len(net.get_weights()) == len(model.get_weights()) == 2
    assert [layer.input_fraction for layer in net._graph().layers] == [11, 8]
    wide = on_host(mlp(4, 3), input_max=1000)
    wide.predict(x, verbose=0)
    assert wide._graph().layers[0].input_fraction == 5


def test_no_epochs_touches_nothing() -> None:
    x, y = data()
    model = mlp(4, 3)
    before = model.get_weights()

    def no_machine(graph, target, **options):
        raise AssertionError("the machine was touched")

    history = dlgraph.from_keras(model, executor_factory=no_machine).train(x, y, epochs=0)
    assert history.history == {} and history.epoch == [] and equal(before, model.get_weights())


class Interrupted(ReferenceExecutor):
    """Ctrl-C comes in the middle of the third epoch."""

    closed = 0

    def train_epoch(self, samples, epoch, *arguments, **options):
        if epoch == 2:
            raise KeyboardInterrupt
        return super().train_epoch(samples, epoch, *arguments, **options)

    def close(self) -> None:
        type(self).closed += 1


def test_ctrl_c_leaves_the_last_finished_epoch() -> None:
    x, y = data()
    model = mlp(4, 9, 3)
    net = dlgraph.from_keras(model, executor_factory=lambda graph, target, **options: Interrupted(graph))
    expected = net.reference()
    with pytest.raises(KeyboardInterrupt):
        net.train(x, y, epochs=5, verbose=0)
    expected.train(x, y, epochs=2, verbose=0)
    assert equal(model.get_weights(), expected.get_weights()) and equal(net.get_weights(), expected.get_weights())
    assert Interrupted.closed == 1 and model.history.epoch == [0, 1]
    net._factory = make_reference                            # and it goes on from there
    net.train(x, y, epochs=3, verbose=0)
    expected.train(x, y, epochs=3, verbose=0)
    assert equal(model.get_weights(), expected.get_weights())


def test_ctrl_c_while_the_weights_are_handed_over() -> None:
    x, y = data()
    model = mlp(4, 9, 3)
    net = on_host(model)
    expected = net.reference()
    write, calls = net._side.write_weights, []

    def interrupted(weights):
        calls.append(1)
        if len(calls) == 2:
            model.layers[0].set_weights(weights[0])          # half of the second epoch
            raise KeyboardInterrupt
        write(weights)

    net._side.write_weights = interrupted
    with pytest.raises(KeyboardInterrupt):
        net.train(x, y, epochs=5, verbose=0)
    expected.train(x, y, epochs=2, verbose=0)
    assert equal(model.get_weights(), expected.get_weights())


def test_fit_is_the_one_call_form() -> None:
    x, y = data()
    model, other = mlp(4, 9, 3), mlp(4, 9, 3)
    history = dlgraph.fit(model, x, y, epochs=2, batch_size=16, seed=7, verbose=0, executor_factory=make_reference)
    net = on_host(other, seed=7)
    assert history.history == net.train(x, y, epochs=2, batch_size=16, verbose=0).history
    assert equal(model.get_weights(), net.get_weights())


def test_describes_itself() -> None:
    assert repr(on_host(mlp(4, 9, 3))).endswith("4-9-3, on the emulated SpiNN-5 board>")
    assert "reference" in repr(on_host(mlp(4, 3)).reference())


BACKEND = """
    import os
    os.environ["KERAS_BACKEND"] = {backend!r}
    import keras, numpy as np
    from keras_models import data, equal, mlp, on_host
    assert keras.backend.backend() == {backend!r}
    x, y = data()
    model = mlp(4, 9, 3)
    net = on_host(model)
    stop = keras.callbacks.EarlyStopping("val_accuracy", patience=1, restore_best_weights=True)
    net.train(x, y, epochs=3, verbose=0, callbacks=[stop], validation_data=(x, y))
    assert np.allclose(net.predict(x, verbose=0), model.predict(x, verbose=0), atol=2e-3)
    assert np.allclose(net.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0), atol=2e-3)
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends(backend) -> None:
    pytest.importorskip(backend)
    here = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(BACKEND.format(backend=backend))], cwd=here.parent,
                          env={**os.environ, "PYTHONPATH": f"{here}:{here.parent}"}, check=False,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
