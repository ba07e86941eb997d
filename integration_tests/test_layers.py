"""Networks of every kind of layer: what the machine trains is what the reference trains, bit for bit, however cut and placed."""
from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dlgraph import formats
from dlgraph.errors import NumberFormatOverflow
from dlgraph.gfe.executor import GfeExecutor
from dlgraph.layer_graph import (
    Activation, ActivationLayer, Adam, ConvolutionLayer, DenseLayer, DropoutLayer, Layer, LayerGraph, Loss, Metric, Optimiser,
    Pooling, PoolingLayer, ReshapeLayer, RmsProp, Samples, Sgd, WeightLayer)
from dlgraph.mapping.cuts import stages_to_share
from dlgraph.mapping.stages import StageKind, find_stages
from dlgraph.reference import ReferenceExecutor
from dlgraph.targets import MachineTarget
from integration_tests.networks import Trained, assert_equal, make_samples, train
from integration_tests.test_weights import weighted

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import random_graphs  # noqa: E402

#: The machine's output vertices are those of dense layers.
LIMITS = random_graphs.Limits(convolution_output=False, max_side=7, max_channels=5, max_values=200)
OPTIMISERS: list[Optimiser] = [
    Sgd(0.1), Sgd(0.05, momentum=0.9), Sgd(0.05, momentum=0.8, nesterov=True, weight_decay=0.01), Adam(0.01),
    Adam(0.003, amsgrad=True), RmsProp(0.003), RmsProp(0.003, momentum=0.5)]


def on_machine(graph: LayerGraph, samples: Samples, target: MachineTarget, batch_size: int, **options: Any) -> Trained:
    executor = GfeExecutor(graph, target, **options)
    try:
        trained = train(executor, samples, 2, batch_size)
        assert sum(result.packets_foreign for result in executor.results.values()) == 0
        return trained
    finally:
        executor.close()


def check(graph: LayerGraph, samples: Samples, target: MachineTarget, batch_size: int, **options: Any) -> None:
    assert_equal(on_machine(graph, samples, target, batch_size, **options),
                 train(ReferenceExecutor(graph), samples, 2, batch_size))


# --------------------------------------------------------------------------- random networks

def random_case(seed: int, by_hand: bool) -> tuple[LayerGraph, Samples, dict[str, Any]]:
    """A network, samples, and what the executor is told of the mapping."""
    choice = random.Random(seed)
    graph = random_graphs.random_layer_graph(choice, LIMITS)
    graph.optimiser = choice.choice(OPTIMISERS)
    samples = random_graphs.random_samples(choice, graph, 11)
    options: dict[str, Any] = {}
    if by_hand:
        cuts = {stage.name: tuple(choice.randint(1, 3) for _ in range(2 if stage.kind is StageKind.DENSE else 3))
                for stage in find_stages(graph)[1:]}
        replicas = choice.choice((1, 1, 2, 3))
        options = {"cuts": cuts, "n_sources": choice.randint(1, 3), "window": choice.randint(1, 6), "replicas": replicas,
                   "share_dense": replicas > 1 and bool(stages_to_share(find_stages(graph))),
                   "placement_seed": choice.choice((None, choice.randint(0, 99)))}
        if replicas > 1:
            options["cuts"] = {name: (1,) * len(blocks) for name, blocks in cuts.items()}
    return graph, samples, options


def check_random_graph(target: MachineTarget, seed: int, by_hand: bool) -> None:
    graph, samples, options = random_case(seed, by_hand)
    try:
        expected = train(ReferenceExecutor(graph), samples, 2, 4)
    except NumberFormatOverflow:
        assume(False)
    assert_equal(on_machine(graph, samples, target, 4, **options), expected)


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1), by_hand=st.booleans())
def test_random_graphs(spinn3: MachineTarget, seed: int, by_hand: bool) -> None:
    check_random_graph(spinn3, seed, by_hand)


@pytest.mark.wide
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1), by_hand=st.booleans())
def test_many_random_graphs(spinn3: MachineTarget, seed: int, by_hand: bool) -> None:
    check_random_graph(spinn3, seed, by_hand)


# --------------------------------------------------------------------------- networks made by hand

class Net:
    """A network made layer by layer."""

    def __init__(self, shape: tuple[int, int, int], seed: int, scale: float = 1.0) -> None:
        self.rng = np.random.default_rng(seed)
        self.input_shape = self.shape = shape
        self.scale, self.seed = scale, seed
        self.fraction = formats.INPUT_FRACTION
        self.layers: list[Layer] = []

    def add(self, layer: Layer) -> Net:
        """At the end."""
        layer.inputs = (len(self.layers) - 1,)
        layer.input_fraction = self.fraction
        self.shape = layer.shape_from([self.shape])
        self.layers.append(layer)
        if isinstance(layer, (WeightLayer, ActivationLayer)) and layer.activation is not Activation.SOFTMAX:
            self.fraction = layer.output_fraction = formats.activation_fraction(layer.activation)
        return self

    def _parameters(self, name: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
        weights = self.scale * self.rng.uniform(-1, 1, shape) * np.sqrt(3 / np.prod(shape[:-1]))
        return (formats.weights_from_float(weights.clip(-7.9, 7.9), name),
                formats.biases_from_float(self.rng.uniform(-0.1, 0.1, shape[-1]), name))

    def convolution(self, size: int, channels: int, activation: Activation, padding: int = 0) -> Net:
        name = f"convolution{len(self.layers)}"
        return self.add(ConvolutionLayer(name, *self._parameters(name, (size, size, self.shape[2], channels)), True, activation,
                                         padding=((padding, padding), (padding, padding))))

    def dense(self, units: int, activation: Activation) -> Net:
        name = f"dense{len(self.layers)}"
        return self.add(DenseLayer(name, *self._parameters(name, (int(np.prod(self.shape)), units)), True, activation))

    def pooling(self, kind: Pooling, size: int, stride: int) -> Net:
        return self.add(PoolingLayer(f"pooling{len(self.layers)}", kind=kind, size=(size, size), strides=(stride, stride),
                                     padding=((0, 0), (0, 0))))

    def dropout(self, rate: float) -> Net:
        return self.add(DropoutLayer(f"dropout{len(self.layers)}", rate=rate))

    def activation(self, activation: Activation) -> Net:
        return self.add(ActivationLayer(f"activation{len(self.layers)}", activation=activation))

    def flat(self) -> Net:
        return self.add(ReshapeLayer(f"flat{len(self.layers)}", shape=(1, 1, int(np.prod(self.shape)))))

    def graph(self, optimiser: Optimiser, loss: Loss = Loss.SPARSE_CATEGORICAL_CROSSENTROPY) -> LayerGraph:
        metric = Metric.SPARSE_CATEGORICAL_ACCURACY if loss is Loss.SPARSE_CATEGORICAL_CROSSENTROPY else Metric.NONE
        return LayerGraph(self.layers, loss, False, metric, optimiser, self.seed, input_shape=self.input_shape)


def lenet(optimiser: Optimiser | None = None) -> LayerGraph:
    """Like LeNet-5 on 16 x 16 pixels, with maximum pooling that overlaps and dropout."""
    net = Net((16, 16, 1), seed=21).convolution(5, 4, Activation.TANH, padding=2).pooling(Pooling.AVERAGE, 2, 2)
    net.convolution(3, 6, Activation.RELU).pooling(Pooling.MAXIMUM, 3, 1).dropout(0.25).flat()
    return net.dense(20, Activation.RELU).dropout(0.5).dense(7, Activation.SOFTMAX).graph(optimiser or Sgd(0.05))


@pytest.mark.parametrize("options", [
    {},
    {"cuts": {}, "window": 1},
    {"cuts": {"convolution0": (2, 2, 1), "convolution2": (1, 1, 2), "pooling3": (2, 1, 1), "dense6": (3, 2), "dense8": (2, 1)},
     "n_sources": 2, "window": 4, "placement_seed": 3},
    {"cuts": {"convolution0": (8, 2, 1), "convolution2": (3, 1, 2), "pooling3": (2, 2, 3), "dense6": (5, 3, 2), "dense8": (1, 1)},
     "n_sources": 3, "window": 6, "placement_seed": 4},
], ids=["as chosen", "whole", "tiles", "many tiles"])
def test_convolutional_network(spinn3: MachineTarget, options: dict[str, Any]) -> None:
    graph = lenet()
    assert {stage.name for stage in find_stages(graph)[1:]} == {"convolution0", "convolution2", "pooling3", "dense6", "dense8"}
    check(graph, make_samples(graph, 30, seed=22), spinn3, 8, **options)


@pytest.mark.wide
def test_convolutional_network_on_48_chips(spinn5: MachineTarget) -> None:
    graph = lenet(Adam(0.003))
    check(graph, make_samples(graph, 20, seed=23), spinn5, 8)


def test_fills_and_weights(spinn3: MachineTarget) -> None:
    """More samples than the room in SDRAM, shuffled, with dropout and weights: each keeps its masks and its weight."""
    graph = lenet(Sgd(0.02, momentum=0.9))
    samples = weighted(make_samples(graph, 50, seed=24, sparse=False), 5.0, seed=25)
    check(graph, samples, spinn3, 8, max_region_bytes=2 * 16 * 16 * 20)


def test_shifts_given_by_hand(spinn3: MachineTarget) -> None:
    graph = lenet()
    layers = graph.weight_layers
    usual = train(ReferenceExecutor(graph), make_samples(graph, 16, seed=26), 2, 8)
    for layer, shift in zip(layers, (9, 0, 7, 6), strict=True):
        layer.gradient_shift = shift
    samples = make_samples(graph, 16, seed=26)
    trained = on_machine(graph, samples, spinn3, 8)
    assert_equal(trained, train(ReferenceExecutor(graph), samples, 2, 8))
    assert any((a != b).any() for a, b in zip(trained.weights, usual.weights, strict=True))


def large_errors(pooled: bool, depends: bool) -> tuple[LayerGraph, Samples]:
    """Errors that are too large for what comes before the dense layer: pooling, where they overflow, or dropout, where they clip.

    :param depends: whether there are weights before that
    """
    net = Net((6, 6, 2), seed=31, scale=0.5)         # too small for values to clip
    if depends:
        net.convolution(1, 2, Activation.LINEAR)
    net.scale = 12.0
    if pooled:
        net.pooling(Pooling.MAXIMUM, 4, 1)
    graph = net.dropout(0.75 if pooled else 0.9).flat().dense(1, Activation.LINEAR).graph(Sgd(1e-6), Loss.MEAN_SQUARED_ERROR)
    samples = make_samples(graph, 12, seed=32)
    assert samples.targets is not None
    samples.targets = np.full_like(samples.targets, 2**31 - 1)
    return graph, samples


@pytest.mark.parametrize("pooled", [False, True], ids=["dropout", "pooling"])
def test_no_errors_where_no_weights_are(spinn3: MachineTarget, pooled: bool) -> None:
    """Of values that depend on no weights nothing is computed, checked or counted on the way back."""
    graph, samples = large_errors(pooled, depends=True)
    if pooled:
        with pytest.raises(NumberFormatOverflow):
            train(ReferenceExecutor(graph), samples, 2, 4)
    else:
        assert train(ReferenceExecutor(graph), samples, 2, 4).saturations[0]["dropout1"] > 0
    graph, samples = large_errors(pooled, depends=False)
    assert any(stage.kind is StageKind.UNITS and not stage.learns for stage in find_stages(graph))
    check(graph, samples, spinn3, 4)
