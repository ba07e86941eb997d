"""Random layer graphs of every kind of layer, for tests on the host and on the machine.

``random`` is a :class:`random.Random`, or what hypothesis gives as ``st.randoms(use_true_random=False)``: then a failing
graph is made smaller.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
import small_nets

from dlgraph import formats
from dlgraph.layer_graph import (
    INPUT, Activation, ActivationLayer, AddLayer, ConcatenateLayer, ConvolutionLayer, DenseLayer, DropoutLayer, Layer, LayerGraph,
    Loss, Metric, PaddingLayer, Pooling, PoolingLayer, ReshapeLayer, Samples, Sgd)

KINDS = ("dense", "convolution", "average", "maximum", "activation", "dropout", "padding", "reshape", "add", "concatenate")
HIDDEN = (Activation.LINEAR, Activation.RELU, Activation.SIGMOID, Activation.TANH, Activation.LEAKY_RELU)


@dataclass(frozen=True)
class Limits:
    """What random graphs may have.

    :param kinds: of hidden layers; branches need "concatenate" and "reshape" to come together again
    :param activations: of hidden layers
    :param pairs: (output activation, loss, from_logits)
    :param n_layers: fewest and most hidden layers, without those that bring branches together
    :param max_side, max_channels: of images; a dense layer has at most twice as many units as an image has channels
    :param max_kernel, max_stride: of convolutions and pooling
    :param max_values: of a layer's value
    :param branches: whether a value may be taken more than once
    :param random_fractions: whether layers may have other fractions than the usual ones
    :param convolution_output: whether a convolution may be the output layer (with a loss that allows it)
    :param scale: of the weights: from about 3 on numbers clip, sums overflow
    """

    kinds: tuple[str, ...] = KINDS
    activations: tuple[Activation, ...] = HIDDEN
    pairs: tuple[tuple[Activation, Loss, bool], ...] = tuple(small_nets.PAIRS)
    n_layers: tuple[int, int] = (1, 6)
    max_side: int = 6
    max_channels: int = 3
    max_kernel: int = 3
    max_stride: int = 3
    max_values: int = 120
    branches: bool = True
    random_fractions: bool = False
    convolution_output: bool = True
    scale: float = 1.0

    def but(self, **changes) -> Limits:
        return replace(self, **changes)


class _Builder:
    """Layers one after another; values are known by the number of their layer."""

    def __init__(self, random, limits: Limits) -> None:
        self.random, self.limits = random, limits
        self.rng = np.random.default_rng(random.getrandbits(32))
        self.layers: list[Layer] = []
        side = limits.max_side
        image = (self.whole(1, side), self.whole(1, side), self.whole(1, limits.max_channels))
        flat = (1, 1, self.whole(1, 2 * limits.max_channels))
        self.shapes = {INPUT: flat if not set(limits.kinds) - {"dense", "activation", "dropout"} else image}
        self.input_shape = self.shapes[INPUT]
        self.untaken = [INPUT]

    def whole(self, low, high):
        return self.random.randint(low, high)

    def add(self, layer: Layer, *inputs: int) -> int:
        number = len(self.layers)
        layer.inputs = inputs
        self.shapes[number] = layer.shape_from([self.shapes[i] for i in inputs])
        self.layers.append(layer)
        self.untaken = [i for i in self.untaken if i not in inputs] + [number]
        return number

    def pick(self) -> int:
        """A value to go on from: mostly one that nobody takes yet."""
        branch = self.limits.branches and {"concatenate", "reshape"} <= set(self.limits.kinds)
        if branch and self.random.random() < 0.3:
            return self.random.choice(sorted(self.shapes))
        return self.random.choice(self.untaken)

    def window(self, shape, padded_by_less_than_size: bool):
        """Size, strides and padding of a window that fits the image."""
        size, strides, padding = [], [], []
        for axis in (0, 1):
            size.append(self.whole(1, min(self.limits.max_kernel, shape[axis] + 1)))
            strides.append(self.whole(1, self.limits.max_stride))
            most = size[-1] - 1 if padded_by_less_than_size else self.limits.max_kernel - 1
            before, after = self.whole(0, most), self.whole(0, most)
            if shape[axis] + before + after < size[-1]:
                size[-1] = shape[axis]
                before = after = 0
            padding.append((before, after))
        return tuple(size), tuple(strides), tuple(padding)

    def parameters(self, name, shape, scale=None):
        scale = self.limits.scale if scale is None else scale
        weights = self.rng.normal(0, scale / np.sqrt(prod(shape[:-1])), shape)
        use_bias = self.random.random() < 0.8
        biases = self.rng.normal(0, 0.3 * scale, shape[-1]) * use_bias
        return (formats.weights_from_float(weights.clip(-7.9, 7.9), name), formats.biases_from_float(biases, name), use_bias)

    def slope(self):
        return self.random.choice([0, 1, 6554, 9830, 32768, 65535])

    def dense(self, source, units=None, activation=None):
        name = f"dense{len(self.layers)}"
        units = units or self.whole(1, 2 * self.limits.max_channels)
        weights = self.parameters(name, (prod(self.shapes[source]), units))
        return self.add(DenseLayer(name, *weights, activation or self.random.choice(self.limits.activations),
                                   negative_slope=self.slope()), source)

    def convolution(self, source, activation=None):
        name = f"convolution{len(self.layers)}"
        shape = self.shapes[source]
        size, strides, padding = self.window(shape, padded_by_less_than_size=False)
        weights = self.parameters(name, (*size, shape[2], self.whole(1, self.limits.max_channels)))
        return self.add(ConvolutionLayer(name, *weights, activation or self.random.choice(self.limits.activations),
                                         negative_slope=self.slope(), strides=strides, padding=padding), source)

    def pooling(self, source, kind):
        size, strides, padding = self.window(self.shapes[source], padded_by_less_than_size=True)
        name = f"{kind.name.lower()}{len(self.layers)}"
        return self.add(PoolingLayer(name, kind=kind, size=size, strides=strides, padding=padding), source)

    def reshape(self, source, shape=None):
        height, width, channels = self.shapes[source]
        shape = shape or self.random.choice([(1, 1, height * width * channels), (1, height * width, channels),
                                             (width, height, channels), (height, channels, width)])
        return self.add(ReshapeLayer(f"reshape{len(self.layers)}", shape=shape), source)

    def hidden(self, kind):
        source = self.pick()
        name = f"{kind}{len(self.layers)}"
        if kind == "dense":
            self.dense(source)
        elif kind == "convolution":
            self.convolution(source)
        elif kind in ("average", "maximum"):
            self.pooling(source, Pooling[kind.upper()])
        elif kind == "activation":
            self.add(ActivationLayer(name, activation=self.random.choice(self.limits.activations), negative_slope=self.slope()),
                     source)
        elif kind == "dropout":
            self.add(DropoutLayer(name, rate=self.random.choice([0.0, 0.1, 0.25, 0.5, 0.9])), source)
        elif kind == "padding":
            self.add(PaddingLayer(name, padding=tuple((self.whole(0, 2), self.whole(0, 2)) for _ in range(2))), source)
        elif kind == "reshape":
            self.reshape(source)
        elif kind == "add":
            alike = [i for i in sorted(self.shapes) if self.shapes[i] == self.shapes[source]]
            others = [self.random.choice(alike) if self.limits.branches else source for _ in range(self.whole(1, 2))]
            self.add(AddLayer(name), source, *others)
        else:
            alike = [i for i in sorted(self.shapes) if self.shapes[i][:2] == self.shapes[source][:2]]
            others = [self.random.choice(alike) if self.limits.branches else source for _ in range(self.whole(1, 2))]
            self.add(ConcatenateLayer(name), source, *others)

    def undo(self, state):
        n_layers, self.untaken = state
        del self.layers[n_layers:]
        self.shapes = {i: shape for i, shape in self.shapes.items() if i < n_layers}

    def build(self) -> LayerGraph:
        limits = self.limits
        for _ in range(self.whole(*limits.n_layers)):
            state = len(self.layers), list(self.untaken)
            self.hidden(self.random.choice(limits.kinds))
            largest = max(self.shapes.values(), key=prod)
            if prod(largest) > limits.max_values:
                self.undo(state)
        activation, loss, from_logits = self.random.choice(limits.pairs)
        while len(self.untaken) > 1:
            flat = [i if self.shapes[i][:2] == (1, 1) else self.reshape(i, (1, 1, prod(self.shapes[i]))) for i in self.untaken]
            self.add(ConcatenateLayer(f"concatenate{len(self.layers)}"), *flat)
        one_position = loss in (Loss.SPARSE_CATEGORICAL_CROSSENTROPY, Loss.CATEGORICAL_CROSSENTROPY)
        convolution = limits.convolution_output and "convolution" in limits.kinds and self.random.random() < 0.3
        if convolution and not one_position and activation is not Activation.SOFTMAX:
            self.convolution(self.untaken[0], activation)
        else:
            self.dense(self.untaken[0], self.whole(1, 5), activation)
        self.fill_fractions()
        metric = {Loss.SPARSE_CATEGORICAL_CROSSENTROPY: Metric.SPARSE_CATEGORICAL_ACCURACY,
                  Loss.CATEGORICAL_CROSSENTROPY: Metric.CATEGORICAL_ACCURACY}.get(loss, Metric.BINARY_ACCURACY)
        return LayerGraph(self.layers, loss, from_logits, metric, Sgd(0.1), self.random.getrandbits(32), self.input_shape)

    def fill_fractions(self):
        """One fraction, the smallest, for values that meet and those linked to them by layers that keep it."""
        group = {i: i for i in self.shapes}

        def root(i):
            while group[i] != i:
                i = group[i]
            return i

        alone = {INPUT: self.whole(8, 12) if self.limits.random_fractions else 11}
        for number, layer in enumerate(self.layers):
            for other in layer.inputs[1:]:
                group[root(other)] = root(layer.inputs[0])
            if layer.keeps_fraction:
                group[root(number)] = root(layer.inputs[0])
            elif number + 1 < len(self.layers):
                usual = formats.activation_fraction(layer.activation)
                alone[number] = self.whole(usual - 4, usual + 1) if self.limits.random_fractions else usual
        smallest: dict[int, int] = {}
        for i, fraction in alone.items():
            smallest[root(i)] = min(fraction, smallest.get(root(i), 99))
        for number, layer in enumerate(self.layers):
            layer.input_fraction = smallest[root(layer.inputs[0])]
            if number + 1 < len(self.layers):
                layer.output_fraction = smallest[root(number)]


def random_layer_graph(random, limits: Limits | None = None) -> LayerGraph:
    """A graph of random layers with random weights, within the limits."""
    return _Builder(random, limits or Limits()).build()


def random_samples(random, graph: LayerGraph, n: int, amplitude=1.0) -> Samples:
    """Random inputs with zeros among them, and labels or targets for the graph's loss."""
    return small_nets.random_samples(np.random.default_rng(random.getrandbits(32)), graph, n, amplitude=amplitude)
