"""The reference against an independent implementation in plain Python integers, and its promises."""
from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import slow_arithmetic as slow
from small_nets import HIDDEN, PAIRS, pair_name, random_graph, random_samples

from dlgraph import formats
from dlgraph.errors import NumberFormatOverflow, UnsupportedError
from dlgraph.layer_graph import Activation, Loss, Metric, Samples
from dlgraph.reference import ReferenceExecutor

LOSS = {Loss.SPARSE_CATEGORICAL_CROSSENTROPY: "scce", Loss.CATEGORICAL_CROSSENTROPY: "cce",
        Loss.BINARY_CROSSENTROPY: "bce", Loss.MEAN_SQUARED_ERROR: "mse"}
METRIC = {Metric.NONE: "none", Metric.BINARY_ACCURACY: "binary", Metric.CATEGORICAL_ACCURACY: "argmax",
          Metric.SPARSE_CATEGORICAL_ACCURACY: "argmax"}


def slow_net(graph):
    layers = [slow.Layer(la.weights.tolist(), la.biases.tolist(), la.use_bias, la.activation.name.lower(),
                         la.input_fraction) for la in graph.layers]
    return slow.Net(layers, LOSS[graph.loss], graph.from_logits, METRIC[graph.metric], graph.seed)


def slow_targets(graph, samples):
    if samples.labels is not None:
        return [[2**28 if j == label else 0 for j in range(graph.n_outputs)] for label in samples.labels]
    return samples.targets.tolist()


def compare(graph, samples, backend, n_epochs=2, batch_size=5, shuffle=True, lr=0.1):
    """Train and evaluate both ways; where a checked sum overflows, both must say so in the same epoch."""
    lr = formats.float32_value(lr)
    executor = ReferenceExecutor(graph, backend)
    net = slow_net(graph)
    xs, ys = samples.activations.tolist(), slow_targets(graph, samples)

    def forget_clips():
        for layer in net.layers:
            layer.clips.n = 0

    for epoch in range(n_epochs):
        forget_clips()
        try:
            result = executor.train_epoch(samples, epoch, batch_size, shuffle, lr)
        except NumberFormatOverflow:
            with pytest.raises(AssertionError, match="checked sum"):
                net.train_epoch(xs, ys, epoch, batch_size, shuffle, lr)
            return executor
        assert (result.loss_sum, result.n_correct) == net.train_epoch(xs, ys, epoch, batch_size, shuffle, lr)
        assert list(result.saturations.values()) == [layer.clips.n for layer in net.layers]
        for (weights, biases), layer in zip(executor.parameters(), net.layers, strict=True):
            assert weights.dtype == biases.dtype == np.int32
            assert weights.tolist() == layer.weights
            assert biases.tolist() == layer.biases
    forget_clips()
    try:
        result = executor.forward(samples, keep_outputs=True)
    except NumberFormatOverflow:
        with pytest.raises(AssertionError, match="checked sum"):
            net.evaluate(xs, ys)
        return executor
    outputs, loss, n_correct = net.evaluate(xs, ys)
    assert result.outputs.tolist() == outputs
    assert (result.loss_sum, result.n_correct, result.n_samples) == (loss, n_correct, len(samples))
    assert list(result.saturations.values()) == [layer.clips.n for layer in net.layers]
    return executor


@pytest.fixture(params=["numpy", "native"])
def backend(request):
    if request.param == "native":
        from dlgraph.reference import native
        assert native.load() is not None, native.why_not()
    return request.param


@pytest.mark.parametrize("pair", PAIRS, ids=pair_name)
def test_every_loss(pair, backend):
    rng = np.random.default_rng(1)
    graph = random_graph(rng, [6, 5, 4, 3], HIDDEN[1:3], pair)
    compare(graph, random_samples(rng, graph, 13), backend)


@pytest.mark.parametrize("kind", HIDDEN, ids=lambda k: k.name.lower())
@pytest.mark.parametrize("batch_size, shuffle", [(1, False), (7, True), (40, False)])
def test_every_hidden_activation_and_batch_size(kind, batch_size, shuffle, backend):
    rng = np.random.default_rng(2)
    graph = random_graph(rng, [5, 6, 4], [kind], PAIRS[0])
    compare(graph, random_samples(rng, graph, 33), backend, batch_size=batch_size, shuffle=shuffle)


@pytest.mark.parametrize("scale, target_scale", [(2.0, 5), (4.0, 20)])
@pytest.mark.parametrize("pair", PAIRS, ids=pair_name)
def test_large_numbers_saturate_alike(pair, scale, target_scale, backend):
    rng = np.random.default_rng(3)
    graph = random_graph(rng, [4, 4, 3], [HIDDEN[1]], pair, scale=scale, fractions=[10, 12])
    samples = random_samples(rng, graph, 12, amplitude=4.0)
    if graph.loss is Loss.MEAN_SQUARED_ERROR:
        samples.targets = (samples.targets.astype(np.int64) * target_scale).clip(-2**31, 2**31 - 1).astype(np.int32)
    compare(graph, samples, backend, batch_size=4, lr=0.5)


@pytest.mark.parametrize("fractions", [[0, 0], [5, 14], [12, 11], [15, 13]])
def test_fractions(fractions, backend):
    rng = np.random.default_rng(4)
    graph = random_graph(rng, [4, 5, 3], [HIDDEN[3]], PAIRS[4], fractions=fractions)
    samples = random_samples(rng, graph, 9, amplitude=0.2)
    compare(graph, samples, backend)


@pytest.mark.parametrize("pair", PAIRS, ids=pair_name)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_numbers_of_outputs(pair, n, backend):
    rng = np.random.default_rng(5)
    graph = random_graph(rng, [3, n], [], pair, use_bias=False)
    compare(graph, random_samples(rng, graph, 6), backend, n_epochs=1)


def test_no_bias_stays(backend):
    rng = np.random.default_rng(6)
    graph = random_graph(rng, [3, 4, 2], HIDDEN, PAIRS[0], use_bias=False)
    executor = compare(graph, random_samples(rng, graph, 8), backend)
    assert not any(biases.any() for _, biases in executor.parameters())


def test_wide_layers(backend):
    """Layers large enough for NumPy's path that skips zeros."""
    rng = np.random.default_rng(7)
    graph = random_graph(rng, [90, 70, 10], [Activation.RELU], PAIRS[0])
    samples = random_samples(rng, graph, 70)
    compare(graph, samples, backend, n_epochs=1, batch_size=32)


def test_codes_and_table_are_activations(backend):
    rng = np.random.default_rng(8)
    graph = random_graph(rng, [6, 3], [], PAIRS[0])
    table = np.zeros(256, np.int16)
    table[:200] = rng.integers(0, 2048, 200)
    codes = rng.integers(0, 200, (20, 6)).astype(np.uint8)
    labels = rng.integers(0, 3, 20).astype(np.int32)
    results = []
    for samples in (Samples(codes, table, labels=labels), Samples(table[codes], labels=labels)):
        executor = ReferenceExecutor(graph, backend)
        results.append((executor.train_epoch(samples, 0, 4, True, 0.1).loss_sum, executor.parameters()[0][0].tolist()))
    assert results[0] == results[1]


def test_graph_is_not_written_to_and_parameters_can_be_set(backend):
    rng = np.random.default_rng(9)
    graph = random_graph(rng, [6, 5, 3], HIDDEN, PAIRS[0])
    before = [layer.weights.copy() for layer in graph.layers]
    samples = random_samples(rng, graph, 16)
    executor = ReferenceExecutor(graph, backend)
    start = executor.parameters()
    first = executor.train_epoch(samples, 0, 4, True, 0.25)
    assert all(np.array_equal(w, la.weights) for w, la in zip(before, graph.layers, strict=True))
    after = executor.parameters()
    after[0][0][:] = 0
    assert executor.parameters()[0][0].any()
    executor.set_parameters(start)
    assert executor.train_epoch(samples, 0, 4, True, 0.25).loss_sum == first.loss_sum


def test_forward_without_targets(backend):
    rng = np.random.default_rng(10)
    graph = random_graph(rng, [6, 5, 3], HIDDEN, PAIRS[0])
    samples = random_samples(rng, graph, 600)
    executor = ReferenceExecutor(graph, backend)
    known = executor.forward(samples, keep_outputs=True)
    blind = executor.forward(Samples(samples.codes), keep_outputs=True)
    assert np.array_equal(known.outputs, blind.outputs)
    assert (blind.loss_sum, blind.n_correct, blind.n_samples) == (0, 0, 600)
    assert executor.forward(samples, keep_outputs=False).outputs is None
    with pytest.raises(ValueError, match="labels or targets"):
        executor.train_epoch(Samples(samples.codes), 0, 8, True, 0.1)


def test_overflowing_sum_names_the_layer_and_changes_nothing(backend):
    rng = np.random.default_rng(11)
    graph = random_graph(rng, [64, 4, 3], [Activation.LINEAR], PAIRS[6])
    samples = random_samples(rng, graph, 40)
    samples.codes[39] = 32000
    graph.layers[0].weights[:] = 2**29
    executor = ReferenceExecutor(graph, backend)
    before = executor.parameters()
    with pytest.raises(NumberFormatOverflow, match="'layer0': the sum .* fraction .* 11") as caught:
        executor.train_epoch(samples, 0, 8, False, 0.01)
    assert caught.value.layer == "layer0"
    assert np.array_equal(before[0][0], executor.parameters()[0][0])
    with pytest.raises(NumberFormatOverflow):
        executor.forward(samples, keep_outputs=False)


def test_overflowing_gradient(backend):
    rng = np.random.default_rng(12)
    graph = random_graph(rng, [3, 1], [], PAIRS[6], scale=0.0)
    samples = random_samples(rng, graph, 16)
    samples.codes[:] = 32000
    samples.targets[:] = -2**30
    with pytest.raises(NumberFormatOverflow, match="the gradient"):
        ReferenceExecutor(graph, backend).train_epoch(samples, 0, 16, False, 0.01)


def test_overflowing_partial_error(backend):
    rng = np.random.default_rng(13)
    graph = random_graph(rng, [3, 2, 40], [Activation.LINEAR], PAIRS[1], scale=0.0)
    graph = dataclasses.replace(graph, loss=Loss.MEAN_SQUARED_ERROR, from_logits=False, metric=Metric.NONE)
    graph.layers[1].weights[:] = 2**31 - 1
    samples = Samples(np.zeros((1, 3), np.int16), targets=np.full((1, 40), -2**31, np.int32))
    executor = ReferenceExecutor(graph, backend)
    # the mean over the outputs keeps d within 2 * 256 / n: sums of 40 errors of 8.0 come from nowhere else
    executor.backend = Unscaled(executor.backend)
    with pytest.raises(NumberFormatOverflow, match="'layer1': the partial error"):
        executor.train_epoch(samples, 0, 1, False, 0.01)


class Unscaled:
    """A backend whose losses give the largest errors."""

    def __init__(self, backend):
        self.backend = backend

    def __getattr__(self, name):
        return getattr(self.backend, name)

    def evaluate(self, *args, **kwargs):
        result = self.backend.evaluate(*args, **kwargs)
        result.errors[:] = 2**31 - 1
        return result


@pytest.mark.parametrize("activation, loss, logits", [
    (Activation.RELU, Loss.BINARY_CROSSENTROPY, False), (Activation.SOFTMAX, Loss.BINARY_CROSSENTROPY, False),
    (Activation.SIGMOID, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False),
    (Activation.SOFTMAX, Loss.CATEGORICAL_CROSSENTROPY, True), (Activation.LINEAR, Loss.MEAN_SQUARED_ERROR, True),
    (Activation.LINEAR, Loss.CATEGORICAL_CROSSENTROPY, False)])
def test_unsupported_pairs(activation, loss, logits):
    graph = random_graph(np.random.default_rng(0), [2, 3], [], (activation, loss, logits))
    with pytest.raises(UnsupportedError):
        ReferenceExecutor(graph, "numpy")


def test_without_a_compiler_numpy_computes(monkeypatch):
    from dlgraph.reference import native
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr(native, "_EXTENSION", "dlgraph.reference._no_such_extension")
    native.load.cache_clear()
    try:
        graph = random_graph(np.random.default_rng(0), [2, 3], [], PAIRS[0])
        assert ReferenceExecutor(graph).backend.name == "numpy"
        with pytest.raises(RuntimeError, match="no C compiler"):
            ReferenceExecutor(graph, "native")
    finally:
        native.load.cache_clear()


def test_progress_is_called(monkeypatch):
    rng = np.random.default_rng(12)
    graph = random_graph(rng, [4, 3], [], PAIRS[0])
    monkeypatch.setattr("dlgraph.reference.executor._PROGRESS_SECONDS", 0.0)
    calls = []
    ReferenceExecutor(graph, "numpy").train_epoch(random_samples(rng, graph, 10), 0, 4, True, 0.1,
                                                  lambda *args: calls.append(args))
    assert [call[0] for call in calls] == [4, 8, 10]


def test_a_damaged_library_in_the_cache_is_made_again(tmp_path, monkeypatch):
    from dlgraph.reference.native import build

    source = tmp_path / "some.c"
    source.write_text("int some_number = 1;\n")
    monkeypatch.setattr(build, "SOURCES", (source,))
    monkeypatch.setattr(build, "_cache_folder", lambda: tmp_path)
    made = build.build()
    whole = made.read_bytes()
    for damaged in (whole[:-1], whole[:100] + b"\0" + whole[101:], b""):
        made.write_bytes(damaged)
        assert build.build() == made and made.read_bytes() == whole


def test_a_cache_that_others_may_write_to_is_not_used(tmp_path, monkeypatch):
    from dlgraph.reference.native import build

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = build._cache_folder()
    assert folder == tmp_path / "dlgraph" and folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    other = build._cache_folder()
    assert other != folder and other.stat().st_mode & 0o777 == 0o700
    other.rmdir()
