"""Graphs of every kind of layer: NumPy, compiled code and plain Python integers agree in every bit."""
from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import KINDS, Limits, random_layer_graph, random_samples
from slow_graphs import GraphNet, Node
from test_reference import LOSS, METRIC, slow_targets

from dlgraph import formats
from dlgraph.errors import NumberFormatOverflow
from dlgraph.layer_graph import (
    INPUT, ActivationLayer, AddLayer, ConcatenateLayer, ConvolutionLayer, DenseLayer, DropoutLayer, PaddingLayer, PoolingLayer,
    ReshapeLayer, WeightLayer)
from dlgraph.reference import ReferenceExecutor

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
