"""Weights of samples: the rule in NumPy, compiled and as ARM code; against Keras; and as users give them."""
from __future__ import annotations

import ctypes
from dataclasses import replace

import arm_kernels
import host_kernels
import numpy as np
import pytest
import tensorflow as tf
import test_gradients_keras as gradients
from host_kernels import address
from keras_models import data, equal, mlp, on_host
from small_nets import PAIRS, pair_name, random_graph, random_samples

from dlgraph import formats
from dlgraph.errors import DataError
from dlgraph.layer_graph import Activation, LayerGraph, Samples
from dlgraph.reference import ReferenceExecutor
from dlgraph.reference.losses import OutputRule, evaluate

pairs = pytest.mark.parametrize("pair", PAIRS, ids=pair_name)
ONE = 1 << 30


def weighted(samples: Samples, weights: np.ndarray) -> Samples:
    return replace(samples, **dict(zip(("weights", "weight_exponent"), formats.sample_weights_from_float(weights),
                                       strict=True)))


def train(graph: LayerGraph, samples: Samples, batch_size: int = 8, rate: float = 0.1, backend: str = "numpy",
          epochs: int = 2) -> tuple:
    executor = ReferenceExecutor(graph, backend)
    results = [executor.train_epoch(samples, epoch, batch_size, True, rate) for epoch in range(epochs)]
    results.append(executor.forward(samples, keep_outputs=True))
    return ([(r.loss_sum, r.n_correct, r.saturations) for r in results],
            [array for pair in executor.parameters() for array in pair])


def same(a: tuple, b: tuple) -> bool:
    return a[0] == b[0] and equal(a[1], b[1])


# ---------------------------------------------------------------------- the rule

@pytest.mark.parametrize("weights, fixed, exponent", [
    ([1.0, 1.0], [ONE, ONE], 0), ([0.0, 0.0], [0, 0], 0), ([0.5, 0.25], [ONE, ONE // 2], -1),
    ([1.0, 1.5], [ONE // 2, 3 * ONE // 4], 1), ([2.0**20, 1.0], [ONE, 1024], 20), ([0.5, 289.44], [1 << 20, 607, 9][:0], 9),
    ([2.0**-30], [1 << 20], -20), ([2.0**-51], [0], -20), ([], [], 0),
])
def test_formats(weights, fixed, exponent) -> None:
    made, found = formats.sample_weights_from_float(weights)
    assert made.dtype == np.uint32 and found == exponent
    if fixed:
        assert made.tolist() == fixed
    assert np.allclose(made * 2.0 ** (found - 30), weights, rtol=0, atol=2.0 ** (found - 31))
    assert made.max(initial=0) <= ONE


@pytest.mark.parametrize("weight", [-1e-9, np.nan, np.inf, 2.0**20 + 1])
def test_formats_refuse(weight) -> None:
    with pytest.raises(formats.NumberFormatError):
        formats.sample_weights_from_float([1.0, weight])


def corners(rng: np.random.Generator) -> list[tuple[int, int]]:
    """(weight, loss)"""
    weights = [0, 1, 2, ONE - 1, ONE, ONE // 3, *rng.integers(0, ONE, 20).tolist()]
    losses = [0, 1, -1, 2**32 - 1, 2**32, -2**32, 2**62, 2**63 - 1, -2**63, *rng.integers(-2**40, 2**40, 20).tolist()]
    return [(w, loss) for w in weights for loss in losses]


def test_losses_and_errors_are_weighed_in_c_on_the_host() -> None:
    host = host_kernels.shared()
    host.loss_weigh.argtypes = [ctypes.c_uint32, ctypes.c_int64, ctypes.c_uint32, ctypes.c_void_p]
    host.loss_weigh.restype = ctypes.c_int64
    rng = np.random.default_rng(1)
    for weight, loss in corners(rng):
        errors = np.array([-2**31, 2**31 - 1, 0, 1, -1, *rng.integers(-2**28, 2**28, 4)], np.int32)
        expected = [(int(d) * weight + 2**29) >> 30 for d in errors]
        assert host.loss_weigh(weight, loss, len(errors), address(errors)) == (loss * weight) >> 30
        assert errors.tolist() == expected
    assert host.loss_weigh(ONE // 2, 7, 3, None) == 3


def test_losses_and_errors_are_weighed_on_arm() -> None:
    arm = arm_kernels.ArmKernels(arm_kernels.shared_elf())
    rng = np.random.default_rng(2)
    for weight, loss in corners(rng):
        arm.reset()
        errors = rng.integers(-2**31, 2**31, 5).astype(np.int32)
        at = arm.put(errors)
        arm.call("loss_weigh", weight, 0, loss & 0xffffffff, loss >> 32, len(errors), at)
        assert arm.result_64 == (loss * weight) >> 30
        assert arm.get(at, errors).tolist() == [(int(d) * weight + 2**29) >> 30 for d in errors]
    arm.reset()
    arm.call("loss_weigh", ONE // 2, 0, 7, 0, 3, 0)
    assert arm.result_64 == 3


@pairs
def test_the_reference_weighs_each_sample(pair) -> None:
    """Sample by sample, from what the same sample gives without a weight, in plain integers."""
    rng = np.random.default_rng(3)
    graph = random_graph(rng, [4, 3], [Activation.RELU], pair)
    samples = random_samples(rng, graph, 12)
    rule, a = OutputRule.of(graph), rng.integers(-2**26, 2**26, (12, 3)).astype(np.int32)
    weights = rng.integers(0, ONE + 1, 12).astype(np.uint32)
    got = evaluate(rule, a, samples.labels, samples.targets, True, weights)
    loss, clips = 0, 0
    for i in range(12):
        one = [None if array is None else array[i:i + 1] for array in (samples.labels, samples.targets)]
        plain = evaluate(rule, a[i:i + 1], *one, True)
        assert got.errors[i].tolist() == [(int(d) * int(weights[i]) + 2**29) >> 30 for d in plain.errors[0]]
        loss += (plain.loss_sum * int(weights[i])) >> 30
        clips += plain.clips
    assert (got.loss_sum, got.clips) == (loss, clips)
    assert got.n_correct == evaluate(rule, a, samples.labels, samples.targets, True).n_correct


@pairs
def test_numpy_and_native_are_the_same(pair) -> None:
    rng = np.random.default_rng(4)
    graph = random_graph(rng, [6, 5, 3], [Activation.TANH], pair)
    samples = weighted(random_samples(rng, graph, 21), rng.uniform(0, 30, 21))
    assert same(train(graph, samples), train(graph, samples, backend="native"))


@pairs
def test_weights_of_one_change_nothing(pair) -> None:
    rng = np.random.default_rng(5)
    graph = random_graph(rng, [6, 5, 3], [Activation.SIGMOID], pair)
    samples = random_samples(rng, graph, 21)
    assert same(train(graph, samples), train(graph, weighted(samples, np.ones(21))))


@pytest.mark.parametrize("weight", [2.0**-20, 0.125, 4.0])
def test_a_weight_for_all_is_a_learning_rate(weight) -> None:
    rng = np.random.default_rng(6)
    graph = random_graph(rng, [6, 5, 3], [Activation.RELU], PAIRS[0])
    samples = random_samples(rng, graph, 21)
    assert same(train(graph, samples, rate=0.1 * weight), train(graph, weighted(samples, np.full(21, weight))))


def test_samples_of_weight_zero_only_fill_their_batch() -> None:
    rng = np.random.default_rng(7)
    graph = random_graph(rng, [6, 5, 3], [Activation.RELU], PAIRS[0])
    samples = random_samples(rng, graph, 16)
    weights = np.repeat([1.0, 0.0], 8)
    with_zeros, without = ReferenceExecutor(graph), ReferenceExecutor(graph)
    first = Samples(samples.codes[:8], samples.table, samples.labels[:8])
    a = with_zeros.train_epoch(weighted(samples, weights), 0, 16, False, 0.2)
    b = without.train_epoch(first, 0, 16, False, 0.1)                  # 8 of 16 samples: half the mean
    assert a.loss_sum == b.loss_sum
    for (w, _), (v, _) in zip(with_zeros.parameters(), without.parameters(), strict=True):
        assert np.abs(w - v).max() <= 1
    nothing = ReferenceExecutor(graph)
    nothing.train_epoch(weighted(samples, np.zeros(16)), 0, 16, False, 0.2)
    assert equal(nothing.parameters()[0], [graph.layers[0].weights, graph.layers[0].biases])


# ---------------------------------------------------------------------- against Keras

@pairs
@pytest.mark.parametrize("largest", [1.0, 6.0])
def test_gradients_against_keras(pair, largest, monkeypatch) -> None:
    """The tolerance is that of test_gradients_keras, with every sample's errors weighed, and all in units of 2**k."""
    rng = np.random.default_rng(list(pair[0].name.encode()) + [pair[1].value])
    graph = random_graph(rng, [12, 9, 7, 5], [Activation.RELU], pair)
    for layer in graph.layers:
        layer.weights &= -2**8
        layer.biases &= -2**4
    n = gradients.BATCH
    weights = rng.uniform(0, largest, n).astype(np.float32)
    samples = weighted(random_samples(rng, graph, n, sparsity=0.3), weights)
    x = samples.activations * 2.0**-graph.input_fraction
    if samples.labels is not None:
        given, y = samples.labels, np.eye(graph.n_outputs)[samples.labels]
    else:
        given = y = samples.targets * 2.0**-formats.target_fraction(graph.loss)

    model = gradients.keras_model(graph)
    with tf.GradientTape() as tape:
        loss = gradients.keras_loss(graph)(given, model(tf.constant(x, tf.float32)), sample_weight=weights)
    wanted = [g.numpy() for g in tape.gradient(loss, model.trainable_weights)]

    in_float = gradients.output_error
    monkeypatch.setattr(gradients, "output_error", lambda *arguments: tuple(
        each * weights[:, None] for each in in_float(*arguments)))
    executor = ReferenceExecutor(graph)
    result = executor.train_epoch(samples, 0, n, False, gradients.RATE)
    got_loss = formats.mean_loss(result.loss_sum, n, graph) * samples.weight_unit
    assert got_loss == pytest.approx(float(loss), rel=3e-3, abs=3e-3)
    assert sum(result.saturations.values()) == 0
    for layer, (w, b), tolerance, keras_w, keras_b in zip(
            graph.layers, executor.parameters(), gradients.tolerances(graph, x, y), wanted[::2], wanted[1::2], strict=True):
        got = ((layer.weights.astype(np.int64) - w) * 2.0**-28, (layer.biases.astype(np.int64) - b) * 2.0**-23)
        for each, in_keras, off in zip(got, (keras_w, keras_b), tolerance, strict=True):
            limit = (off + 2.0**-23 / gradients.RATE + gradients.FLOAT32_ERROR * (1 + np.abs(in_keras))) * samples.weight_unit
            assert np.all(np.abs(each / gradients.RATE - in_keras) <= limit)


# ---------------------------------------------------------------------- as users give them

LOSSES = ["sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy", "mean_squared_error"]
X, Y = data(50)
W = np.random.default_rng(8).uniform(0, 3, 50)


def twins(loss: str = LOSSES[0], **options) -> tuple:
    """A network on the host, and the same model for Keras itself."""
    n = {"binary_crossentropy": 1}.get(loss, 3)
    metrics = None if loss == "mean_squared_error" else ["accuracy"]
    return (on_host(mlp(4, 8, n, loss=loss, metrics=metrics, **options)), mlp(4, 8, n, loss=loss, metrics=metrics, **options))


def close(ours: dict[str, list[float]], theirs: dict[str, list[float]], tolerance: float = 2e-3) -> bool:
    return sorted(ours) == sorted(theirs) and all(np.allclose(ours[key], theirs[key], rtol=tolerance, atol=tolerance)
                                                  for key in ours)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shape", [(50,), (50, 1)])
def test_sample_weights_are_keras_own(loss, shape) -> None:
    """Two epochs in the order given, the last batch with 2 samples; the curve, the weights, evaluate."""
    x, y = data(50, n_outputs={"binary_crossentropy": 1}.get(loss, 3), loss=loss)
    net, model = twins(loss)
    arguments = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0, "sample_weight": W.reshape(shape),
                 "validation_data": (x[:20], y[:20], W[:20])}
    assert close(net.train(x, y, **arguments).history, model.fit(x, y, **arguments).history)
    for ours, theirs in zip(net.get_weights(), model.get_weights(), strict=True):
        assert np.abs(ours - theirs).max() < 2e-3
    assert np.allclose(net.evaluate(x, y, sample_weight=W, verbose=0), model.evaluate(x, y, sample_weight=W, verbose=0), atol=2e-3)
    assert np.allclose(net.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0), atol=2e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_class_weights_are_keras_own(loss) -> None:
    """Also for classes that are not named, and not in the validation."""
    x, y = data(50, n_outputs={"binary_crossentropy": 1}.get(loss, 3), loss=loss)
    if loss == "mean_squared_error":
        y = np.eye(3)[y.argmax(axis=1)]
    net, model = twins(loss)
    arguments = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0, "class_weight": {1: 5.0, 0: 0.25},
                 "validation_split": 0.3}
    assert close(net.train(x, y, **arguments).history, model.fit(x, y, **arguments).history)
    for ours, theirs in zip(net.get_weights(), model.get_weights(), strict=True):
        assert np.abs(ours - theirs).max() < 2e-3


def test_class_weights_are_their_samples_weights() -> None:
    a, b = twins()[0], twins()[0]
    weights = {0: 0.5, 1: 289.44, 2: 1}
    first = a.train(X, Y, class_weight={np.int64(key): np.float32(w) for key, w in weights.items()}, verbose=0)
    second = b.train(X, Y, sample_weight=np.array([np.float32(weights[int(label)]) for label in Y]), verbose=0)
    assert first.history == second.history and equal(a.get_weights(), b.get_weights())
    assert first.saturations == [{}]


def test_a_split_takes_the_weights_along() -> None:
    a, b = twins()[0], twins()[0]
    first = a.train(X, Y, sample_weight=W, validation_split=0.25, verbose=0)
    n = 37                                                            # floor(50 * 0.75)
    second = b.train(X[:n], Y[:n], sample_weight=W[:n], validation_data=(X[n:], Y[n:], W[n:]), verbose=0)
    assert first.history == second.history and equal(a.get_weights(), b.get_weights())


def test_weights_given_in_any_form() -> None:
    histories = []
    for weights in (W, W.tolist(), W[:, None], tf.constant(W), W.astype(np.float64)):
        net = twins()[0]
        histories.append(net.train(X, Y, sample_weight=weights, verbose=0).history)
    assert all(history == histories[0] for history in histories)
    booleans = Y != 1
    one, other = (twins()[0].train(X, Y, sample_weight=each, verbose=0).history for each in (booleans, booleans.astype(float)))
    assert one == other


def test_a_twin_computes_the_same() -> None:
    net = twins()[0]
    twin = net.reference()
    arguments = {"epochs": 2, "class_weight": {2: 40}, "validation_data": (X, Y, W), "verbose": 0}
    assert net.train(X, Y, **arguments).history == twin.train(X, Y, **arguments).history
    assert equal(net.get_weights(), twin.get_weights())


def test_weights_that_would_not_show_in_a_fixed_fraction() -> None:
    """Weights that sum to 1 over many samples, with the learning rate to match, train as well as weights of 1."""
    plain, tiny = twins()[0], twins(rate=0.1 * 2**17)[0]
    plain.train(X, Y, epochs=3, verbose=0)
    tiny.train(X, Y, epochs=3, sample_weight=np.full(50, 2.0**-17), verbose=0)
    assert equal(plain.get_weights(), tiny.get_weights())


@pytest.mark.parametrize("loss, y, words", [
    ("binary_crossentropy", np.full((50, 1), 0.5), ["whole numbers", "one-hot", "sample_weight"]),
    ("mean_squared_error", np.full((50, 3), 0.5), ["one-hot"]),
    ("mean_squared_error", np.ones((50, 3)), ["one-hot"]),
])
def test_class_weights_of_what_is_no_class_are_refused(loss, y, words) -> None:
    net = twins(loss)[0]
    with pytest.raises(DataError) as refusal:
        net.train(X, y, class_weight={0: 2.0}, verbose=0)
    for word in words:
        assert word in str(refusal.value)


def test_a_learning_rate_and_weights_that_are_too_large_together() -> None:
    net = twins(rate=2.0**18)[0]
    with pytest.raises(DataError, match="learning rate"):
        net.train(X, Y, sample_weight=np.full(50, 2.0**20), verbose=0)
