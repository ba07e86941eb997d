"""Graphs of every kind of layer: NumPy, compiled code and plain Python integers agree in every bit."""
from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import KINDS, Limits, random_layer_graph, random_samples
from slow_graphs import GraphNet, Node
from test_reference import LOSS, METRIC, slow_targets

from dlgraph import formats
from dlgraph.errors import NumberFormatOverflow, UnsupportedError
from dlgraph.layer_graph import (
    INPUT, Activation, ActivationLayer, AddLayer, ConcatenateLayer, ConvolutionLayer, DenseLayer, DropoutLayer, Layer, LayerGraph,
    Loss, Metric, PaddingLayer, Pooling, PoolingLayer, ReshapeLayer, Samples, Sgd, WeightLayer)
from dlgraph.reference import ReferenceExecutor, rules
from dlgraph.reference.numpy_backend import NumpyBackend
from dlgraph.reference.windows import Windows

NODE_KINDS = {DenseLayer: "dense", ConvolutionLayer: "convolution", ActivationLayer: "activation", DropoutLayer: "dropout",
              PaddingLayer: "padding", ReshapeLayer: "reshape", AddLayer: "add", ConcatenateLayer: "concatenate"}


def keyed(layer, in_shape):
    """A layer's weights by (cell of the kernel, or of the input..., unit)."""
    weights = layer.weights if isinstance(layer, ConvolutionLayer) else layer.weights.reshape(*in_shape, layer.n_units)
    return {tuple(map(int, index)): int(weights[tuple(index)]) for index in np.ndindex(weights.shape)}


def slow_net(graph):
    nodes = []
    for number, layer in enumerate(graph.layers):
        in_shapes = [graph.input_shape if i == INPUT else graph.shapes[i] for i in layer.inputs]
        kind = layer.kind.name.lower() if isinstance(layer, PoolingLayer) else NODE_KINDS[type(layer)]
        node = Node(kind, list(layer.inputs), graph.shapes[number], in_shapes, layer.input_fraction, layer.output_fraction)
        if isinstance(layer, WeightLayer):
            node.weights, node.biases = keyed(layer, in_shapes[0]), layer.biases.tolist()
            node.use_bias = layer.use_bias
        if isinstance(layer, (WeightLayer, ActivationLayer)):
            node.activation, node.slope = layer.activation.name.lower(), layer.negative_slope
        if isinstance(layer, ConvolutionLayer):
            node.size = layer.weights.shape[:2]
        if isinstance(layer, PoolingLayer):
            node.size = layer.size
        for name in ("strides", "padding", "rate"):
            if hasattr(layer, name):
                setattr(node, name, getattr(layer, name))
        nodes.append(node)
    return GraphNet(nodes, graph.input_shape, LOSS[graph.loss], graph.from_logits, METRIC[graph.metric], graph.seed)


def passes(graph, samples, backend, n_epochs, batch_size, shuffle, lr):
    """Everything that training and evaluation give, or where they ended with an overflow."""
    executor = ReferenceExecutor(graph, backend)
    told = []
    try:
        for epoch in range(n_epochs):
            told.append(executor.train_epoch(samples, epoch + 3, batch_size, shuffle, lr))
            told.append([(w.tolist(), b.tolist()) for w, b in executor.parameters()])
        result = executor.forward(samples, keep_outputs=True)
        told += [result.outputs.tolist(), (result.loss_sum, result.n_correct, result.saturations)]
    except NumberFormatOverflow as error:
        told.append(str(error))
    return told


def compare(graph, samples, backends=("numpy", "native"), n_epochs=2, batch_size=3, shuffle=True, lr=0.1):
    """Train and evaluate in all ways."""
    lr = formats.float32_value(lr)
    first, *others = [passes(graph, samples, backend, n_epochs, batch_size, shuffle, lr) for backend in backends]
    for other in others:
        assert other == first
    net = slow_net(graph)
    names = [layer.name for layer in graph.layers]
    xs, ys = samples.activations.tolist(), slow_targets(graph, samples)

    def clips():
        counts = dict(zip(names, [node.clips.n for node in net.nodes], strict=True))
        for node in net.nodes:
            node.clips.n = 0
        return counts

    for epoch in range(n_epochs):
        clips()
        result = first.pop(0)
        if isinstance(result, str):
            with pytest.raises(AssertionError, match="checked sum"):
                net.train_epoch(xs, ys, epoch + 3, batch_size, shuffle, lr)
            return
        assert (result.loss_sum, result.n_correct) == net.train_epoch(xs, ys, epoch + 3, batch_size, shuffle, lr)
        assert result.saturations == clips()
        nodes = [node for node in net.nodes if node.weights]
        for (weights, biases), node, layer in zip(first.pop(0), nodes, graph.weight_layers, strict=True):
            assert np.array(weights).reshape(-1).tolist() == list(node.weights.values())
            assert biases == node.biases
            assert layer.weights.size == len(node.weights)
    if isinstance(first[0], str):
        with pytest.raises(AssertionError, match="checked sum"):
            net.evaluate(xs, ys)
        return
    outputs, loss, n_correct = net.evaluate(xs, ys)
    assert first == [outputs, (loss, n_correct, clips())]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.sampled_from([0.5, 1.0, 1.0, 4.0]), st.booleans())
def test_random_graphs(rnd, scale, random_fractions):
    graph = random_layer_graph(rnd, Limits(scale=scale, random_fractions=random_fractions))
    compare(graph, random_samples(rnd, graph, rnd.randint(1, 7)), batch_size=rnd.randint(1, 5), shuffle=rnd.random() < 0.5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_one_kind_at_a_time(kind, seed):
    rnd = random.Random(f"{kind} {seed}")
    kinds = (kind, "convolution") if kind != "dense" else ("dense",)
    graph = random_layer_graph(rnd, Limits(kinds=kinds, n_layers=(3, 4), branches=False))
    compare(graph, random_samples(rnd, graph, 8))


@pytest.fixture
def native():
    from dlgraph.reference import native
    assert native.load() is not None, native.why_not()
    return native.NativeBackend(native.load())


def values(rng, shape, bits, share_of_extremes):
    """Signed numbers, some of them the largest and smallest there are."""
    limit = 2**(bits - 1)
    result = np.rint(rng.normal(0, limit / 40, shape)).clip(-limit, limit - 1)
    extreme = rng.random(shape) < share_of_extremes
    return np.where(extreme, rng.choice([-limit, limit - 1, -limit // 2, limit // 2], shape), result).astype(f"int{bits}")


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.0, 0.01, 0.5]), st.integers(1, 6), st.integers(1, 40), st.integers(1, 40))
def test_convolution_compiled(seed, share, batch, channels, units):
    """Sums of every size, in 32 bits where they surely fit and in 64 where not."""
    from dlgraph.reference import native
    assert native.load() is not None, native.why_not()
    compiled, plain, rng = native.NativeBackend(native.load()), NumpyBackend(), np.random.default_rng(seed)
    image = (*rng.integers(1, 7, 2).tolist(), channels)
    padding = tuple(map(tuple, rng.integers(0, 4, (2, 2)).tolist()))
    size = tuple(int(rng.integers(1, min(5, image[axis] + sum(padding[axis])) + 1)) for axis in (0, 1))
    strides = tuple(rng.integers(1, 4, 2).tolist())
    positions = tuple((image[axis] + sum(padding[axis]) - size[axis]) // strides[axis] + 1 for axis in (0, 1))
    windows = Windows(image, size, strides, padding, positions)
    x = values(rng, (batch, *image), 16, share)
    weights, d = values(rng, (*size, channels, units), 32, share), values(rng, (batch, *positions, units), 32, share)
    shift = int(rng.integers(0, 6))
    for name, arguments in (("convolution_forward", (x, weights, windows)), ("convolution_backward", (d, weights, windows)),
                            ("convolution_gradient", (x, d, shift, windows)), ("convolution_bias_gradient", (d,))):
        result, expected = getattr(compiled, name)(*arguments), getattr(plain, name)(*arguments)
        assert result.shape == expected.shape
        assert np.array_equal(result, expected), name


@pytest.mark.parametrize("activation", [a for a in Activation if a is not Activation.SOFTMAX], ids=lambda a: a.name.lower())
def test_activations_compiled(activation, native):
    rng = np.random.default_rng(5)
    spread = 2.0**rng.uniform(0, 31, 20000) * rng.choice([-1, 1], 20000)
    corners = [-2**31, 2**31 - 1, 2**30, -2**30, 2**30 - 1, -2**30 - 1, 0, 1, -1]
    a = np.concatenate([spread, np.arange(-500, 500), corners]).astype(np.int32)
    e = rng.permutation(a).astype(np.int64)
    for fraction in (0, 7, 11, 13, 14):
        for slope in (0, 6554, 65535):
            x, slopes, clips = native.activate(a, activation, fraction, slope)
            expected = NumpyBackend().activate(a, activation, fraction, slope)
            assert np.array_equal(x, expected[0]) and np.array_equal(slopes, expected[1]) and clips == expected[2]
            d, clips = native.hidden_error(e, slopes, activation)
            expected = NumpyBackend().hidden_error(e, slopes, activation)
            assert np.array_equal(d, expected[0]) and clips == expected[1]


def test_dropout_compiled(native):
    samples = np.array([0, 5, 2**32 - 1])
    for threshold in (0, 2**30, 2**32 - 1):
        kept = native.dropout(0xdeadbeef, samples, 1001, threshold)
        assert np.array_equal(kept, NumpyBackend().dropout(0xdeadbeef, samples, 1001, threshold))
        assert kept.mean() == pytest.approx(1 - threshold / 2**32, abs=0.03)


def small_graph(*middle, activation=Activation.SOFTMAX, loss=Loss.SPARSE_CATEGORICAL_CROSSENTROPY, n_outputs=3):
    """An image of 4 x 4 x 2, layers, a dense layer."""
    rng = np.random.default_rng(3)
    shape = (4, 4, 2)
    for layer in middle:
        shape = layer.shape_from([shape])
    weights = formats.weights_from_float(rng.normal(0, 0.3, (int(np.prod(shape)), n_outputs)), "")
    for layer in middle:
        layer.input_fraction = layer.output_fraction = 11
    last = DenseLayer("out", weights, np.zeros(n_outputs, np.int32), True, activation, input_fraction=11)
    return LayerGraph([*middle, last], loss, False, Metric.NONE, Sgd(0.1), 7, (4, 4, 2))


def small_convolution(name="conv", activation=Activation.RELU, units=2, value=0.25):
    weights = np.full((2, 2, 2, units), round(value * 2**28), np.int32)
    return ConvolutionLayer(name, weights, np.zeros(units, np.int32), True, activation)


def test_evaluation_does_not_drop():
    drop = DropoutLayer("drop", rate=0.5)
    graph = small_graph(small_convolution(), drop)
    without = small_graph(small_convolution())
    samples = random_samples(random.Random(1), graph, 9)
    outputs = [ReferenceExecutor(g).forward(samples, keep_outputs=True).outputs.tolist() for g in (graph, without)]
    assert outputs[0] == outputs[1]
    losses = [ReferenceExecutor(graph).train_epoch(samples, epoch, 4, False, 0.0).loss_sum for epoch in (0, 1, 0)]
    assert losses[0] == losses[2] != losses[1]


@pytest.mark.parametrize("layer, words", [
    (DropoutLayer("drop", rate=1.0), "rate of a dropout"), (ActivationLayer("soft", activation=Activation.SOFTMAX), "softmax"),
    (small_convolution("soft", Activation.SOFTMAX), "softmax")])
def test_layers_without_a_rule(layer, words):
    with pytest.raises(UnsupportedError, match=words):
        ReferenceExecutor(small_graph(layer))


def test_outputs_without_a_rule():
    with pytest.raises(UnsupportedError, match="leaky_relu"):
        ReferenceExecutor(small_graph(activation=Activation.LEAKY_RELU, loss=Loss.MEAN_SQUARED_ERROR))
    graph = small_graph()
    last = small_convolution(activation=Activation.SOFTMAX)
    last.input_fraction = 11
    with pytest.raises(UnsupportedError, match="one position, not 9"):
        ReferenceExecutor(LayerGraph([last], graph.loss, False, Metric.NONE, Sgd(0.1), 0, (4, 4, 2)))


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_overflow_names_the_layer(backend):
    graph = small_graph(small_convolution("one"), small_convolution("two", value=7.9))
    samples = random_samples(random.Random(1), graph, 4)
    samples.codes[:] = 2**14
    with pytest.raises(NumberFormatOverflow, match="'two': the sum"):
        ReferenceExecutor(graph, backend).train_epoch(samples, 0, 4, False, 0.1)


@dataclasses.dataclass
class Twice(Layer):
    """A kind of layer from outside: every value times two."""


def test_kinds_from_outside():
    graph = small_graph(small_convolution(), Twice("twice"))
    samples = random_samples(random.Random(1), graph, 6)
    with pytest.raises(UnsupportedError, match="'twice': .* Twice"):
        ReferenceExecutor(graph)

    @rules.register(Twice)
    class TwiceRule(rules.LayerRule[Twice]):
        def forward(self, batch, inputs):
            doubled = inputs[0].astype(np.int64) * 2
            value = doubled.clip(-2**15, 2**15 - 1)
            self.clipped(batch, int((value != doubled).sum()))
            return value.astype(np.int16), None

        def backward(self, batch, kept, e):
            return [2 * e]

    try:
        add = AddLayer("twice")
        same = small_graph(small_convolution(), add)
        add.inputs = (0, 0)
        assert passes(graph, samples, "numpy", 2, 3, True, 0.1) == passes(same, samples, "native", 2, 3, True, 0.1)
    finally:
        del rules._rules[Twice]


def test_samples_are_images_in_keras_order():
    """Channels fastest, then columns, then rows: a pooling window of one row and all columns."""
    graph = small_graph(PoolingLayer("pool", kind=Pooling.MAXIMUM, size=(1, 4), strides=(1, 4)), n_outputs=8,
                        activation=Activation.LINEAR, loss=Loss.MEAN_SQUARED_ERROR)
    graph.layers[-1].weights[:] = np.eye(8, dtype=np.int32) * 2**28
    x = np.random.default_rng(2).integers(-3000, 3000, (5, 4, 4, 2)).astype(np.int16)
    outputs = ReferenceExecutor(graph).forward(Samples(x.reshape(5, -1)), keep_outputs=True).outputs
    assert np.array_equal(outputs, x.max(axis=2).reshape(5, -1).astype(np.int32) * 2**12)
