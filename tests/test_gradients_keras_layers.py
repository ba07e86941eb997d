"""Gradients of one batch against Keras in float, for every kind of layer.

As in test_gradients_keras.py the tolerance is carried through the network from the formats: beside every real number
stands how far the integer can be from it.
"""
from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from dataclasses import dataclass  # noqa: E402
from math import prod  # noqa: E402

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402
from test_gradients_keras import FLOAT32_ERROR, FUNCTION_ERROR, SLOPE_CHANGE, keras_loss  # noqa: E402

from dlgraph import formats  # noqa: E402
from dlgraph.layer_graph import (  # noqa: E402
    INPUT, Activation, ActivationLayer, AddLayer, ConcatenateLayer, ConvolutionLayer, DenseLayer, DropoutLayer, LayerGraph, Loss,
    Metric, PaddingLayer, Pooling, PoolingLayer, ReshapeLayer, Samples, Sgd, WeightLayer)
from dlgraph.order import hash_words  # noqa: E402
from dlgraph.reference import ReferenceExecutor  # noqa: E402
from dlgraph.reference.windows import Windows  # noqa: E402

BATCH, RATE, EPOCH = 12, 0.5, 4
LINEAR, RELU, TANH, LEAKY = Activation.LINEAR, Activation.RELU, Activation.TANH, Activation.LEAKY_RELU
SOFTMAX = (Activation.SOFTMAX, Loss.SPARSE_CATEGORICAL_CROSSENTROPY)
SQUARED = (LINEAR, Loss.MEAN_SQUARED_ERROR)
FRACTION = 13                                   # of all values: finer than usual, so that tolerances are small
SLOPE = 6554                                    # 0.2 of leaky ReLUs


# --------------------------------------------------------------------------- the nets

class Net:
    """A graph under construction; numbers that a float32 holds exactly."""

    def __init__(self, input_shape):
        self.rng = np.random.default_rng(prod(input_shape))
        self.input_shape, self.layers = input_shape, []
        self.shapes = {INPUT: input_shape}

    def add(self, layer, *inputs):
        layer.inputs = inputs or (len(self.layers) - 1,)
        self.layers.append(layer)
        number = len(self.layers) - 1
        self.shapes[number] = layer.shape_from([self.shapes[i] for i in layer.inputs])
        return number

    def parameters(self, *shape):
        weights = self.rng.normal(0, 1.3 / np.sqrt(prod(shape[:-1])), shape)
        biases = self.rng.normal(0, 0.2, shape[-1])
        return formats.weights_from_float(weights, "") & -2**8, formats.biases_from_float(biases, "") & -2**4, True

    def conv(self, units, size, activation, *inputs, strides=(1, 1), padding=((0, 0), (0, 0))):
        channels = self.shapes[(inputs or (len(self.layers) - 1,))[0]][2]
        return self.add(ConvolutionLayer(f"conv{len(self.layers)}", *self.parameters(*size, channels, units), activation,
                                         negative_slope=SLOPE, strides=strides, padding=padding), *inputs)

    def dense(self, units, activation, *inputs):
        n = prod(self.shapes[(inputs or (len(self.layers) - 1,))[0]])
        return self.add(DenseLayer(f"dense{len(self.layers)}", *self.parameters(n, units), activation, negative_slope=SLOPE),
                        *inputs)

    def pool(self, kind, size, strides, *inputs, padding=((0, 0), (0, 0))):
        return self.add(PoolingLayer(f"pool{len(self.layers)}", kind=kind, size=size, strides=strides, padding=padding), *inputs)

    def graph(self, output):
        for number, layer in enumerate(self.layers):
            layer.input_fraction = FRACTION
            if number + 1 < len(self.layers):
                layer.output_fraction = FRACTION
        metric = Metric.SPARSE_CATEGORICAL_ACCURACY if output[1] is not Loss.MEAN_SQUARED_ERROR else Metric.NONE
        return LayerGraph(self.layers, output[1], False, metric, Sgd(RATE), 9, self.input_shape)


def lenet():
    net = Net((10, 10, 1))
    net.conv(3, (3, 3), TANH, padding=((1, 1), (1, 1)))
    net.pool(Pooling.AVERAGE, (2, 2), (2, 2))
    net.conv(4, (2, 2), TANH)
    net.pool(Pooling.AVERAGE, (2, 2), (2, 2))
    net.add(ReshapeLayer("flatten", shape=(1, 1, 16)))
    net.dense(8, TANH)
    net.dense(4, SOFTMAX[0])
    return net.graph(SOFTMAX)


def maximum():
    """Windows that overlap and reach over the edge; strides; a leaky ReLU."""
    net = Net((7, 6, 2))
    net.conv(4, (3, 2), LEAKY, strides=(1, 1), padding=((1, 1), (0, 1)))
    net.pool(Pooling.MAXIMUM, (3, 3), (2, 2), padding=((1, 1), (0, 1)))
    net.conv(3, (2, 2), RELU, strides=(2, 2))
    net.dense(5, LEAKY)
    net.dense(3, SOFTMAX[0])
    return net.graph(SOFTMAX)


def averages_over_the_edge():
    net = Net((6, 5, 2))
    net.conv(3, (1, 3), Activation.SIGMOID)
    net.pool(Pooling.AVERAGE, (3, 2), (2, 2), padding=((0, 1), (0, 1)))
    net.pool(Pooling.AVERAGE, (3, 2), (1, 1))
    net.dense(4, LINEAR)
    return net.graph(SQUARED)


def residual():
    """A value taken by three, one taken twice, and the input taken by two."""
    net = Net((5, 5, 2))
    first = net.conv(3, (3, 3), TANH, INPUT, padding=((1, 1), (1, 1)))
    second = net.conv(3, (3, 3), LINEAR, first, padding=((1, 1), (1, 1)))
    total = net.add(AddLayer("add"), first, second, first)
    active = net.add(ActivationLayer("relu", activation=RELU), total)
    other = net.conv(2, (1, 1), RELU, INPUT)
    both = net.add(ConcatenateLayer("concatenate"), active, other, first)
    net.pool(Pooling.AVERAGE, (5, 5), (5, 5), both)
    net.dense(4, SOFTMAX[0])
    return net.graph(SOFTMAX)


def dropped():
    net = Net((4, 4, 2))
    net.add(PaddingLayer("pad", padding=((1, 0), (0, 2))))
    net.conv(4, (2, 2), RELU)
    net.add(DropoutLayer("drop", rate=0.3))
    net.conv(3, (2, 2), LINEAR)
    net.add(ActivationLayer("leaky", activation=LEAKY, negative_slope=SLOPE))
    net.add(PaddingLayer("pad again", padding=((0, 1), (1, 0))))
    net.dense(6, TANH)
    net.add(DropoutLayer("drop again", rate=0.5))
    net.add(ActivationLayer("tanh", activation=TANH))
    net.dense(3, LINEAR)
    return net.graph(SQUARED)


def image_out():
    net = Net((5, 4, 1))
    net.conv(3, (3, 3), RELU, padding=((1, 1), (1, 1)))
    net.conv(2, (3, 3), LINEAR, padding=((1, 1), (1, 1)))
    return net.graph(SQUARED)


# --------------------------------------------------------------------------- Keras

def masks(graph):
    """What dropout multiplies values by, by layer."""
    result = {}
    for number, layer in enumerate(graph.layers):
        if isinstance(layer, DropoutLayer):
            shape = graph.shapes[number]
            kept = [[hash_words(graph.seed, EPOCH, 2 + number, k, unit) >= round(layer.rate * 2**32) for unit in range(prod(shape))]
                    for k in range(BATCH)]
            result[number] = np.array(kept, float).reshape(-1, *shape) / (1 - layer.rate)
    return result


def keras_activation(layer):
    if layer.activation is LEAKY:
        return keras.layers.LeakyReLU(negative_slope=layer.negative_slope / 2**15)
    return keras.layers.Activation(layer.activation.name.lower())


def keras_layer(graph, number):
    """A function of the layer's inputs, and the Keras layer that has its weights."""
    layer = graph.layers[number]
    if isinstance(layer, ConvolutionLayer):
        pad = keras.layers.ZeroPadding2D(layer.padding)
        conv = keras.layers.Conv2D(layer.n_units, layer.weights.shape[:2], strides=layer.strides)
        return lambda x: keras_activation(layer)(conv(pad(x))), conv
    if isinstance(layer, DenseLayer):
        dense = keras.layers.Dense(layer.n_units)
        return lambda x: keras_activation(layer)(dense(keras.layers.Flatten()(x))), dense
    if isinstance(layer, PoolingLayer):
        kind = keras.layers.MaxPooling2D if layer.kind is Pooling.MAXIMUM else keras.layers.AveragePooling2D
        padding = "same" if any(map(any, layer.padding)) else "valid"
        return kind(layer.size, layer.strides, padding), None
    if isinstance(layer, ActivationLayer):
        return keras_activation(layer), None
    if isinstance(layer, DropoutLayer):
        mask = masks(graph)[number]
        return lambda x: keras.layers.Multiply()([x, tf.constant(mask.reshape(x.shape), tf.float32)]), None
    if isinstance(layer, PaddingLayer):
        return keras.layers.ZeroPadding2D(layer.padding), None
    if isinstance(layer, ReshapeLayer):
        return keras.layers.Reshape(layer.shape), None
    if isinstance(layer, AddLayer):
        return lambda *xs: keras.layers.Add()(list(xs)), None
    return lambda *xs: keras.layers.Concatenate()(list(xs)), None


def keras_gradients(graph, x, wanted):
    """(loss, [(weights' gradient, biases')]) of the layers with weights."""
    pairs = [keras_layer(graph, number) for number in range(len(graph.layers))]

    def outputs():
        values = {INPUT: tf.constant(x, tf.float32)}
        for number, (function, _) in enumerate(pairs):
            values[number] = function(*[values[i] for i in graph.layers[number].inputs])
        return keras.layers.Flatten()(values[len(pairs) - 1])

    outputs()                                   # builds the layers
    kept = [k for _, k in pairs if k is not None]
    for layer, k in zip(graph.weight_layers, kept, strict=True):
        k.set_weights([formats.weights_to_float(layer.weights), formats.biases_to_float(layer.biases)])
    with tf.GradientTape() as tape:
        loss = keras_loss(graph)(wanted, outputs())
    gradients = [g.numpy() for g in tape.gradient(loss, [v for k in kept for v in k.trainable_weights])]
    return float(loss), list(zip(gradients[::2], gradients[1::2], strict=True))


# --------------------------------------------------------------------------- real numbers, and how far off integers are

@dataclass
class Real:
    """Real numbers beside bounds of their integers' errors."""

    value: np.ndarray
    error: np.ndarray


def windows_of(graph, number):
    layer = graph.layers[number]
    if isinstance(layer, DenseLayer):
        return Windows((1, 1, layer.n_inputs), (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1))
    size = layer.size if isinstance(layer, PoolingLayer) else layer.weights.shape[:2]
    return Windows(layer.in_shape, size, layer.strides, layer.padding, graph.shapes[number][:2])


def convolve(x, weights, windows):
    sums = np.zeros((len(x), *windows.positions, weights.shape[-1]))
    for cell in windows.cells:
        sums[cell.outside] += x[cell.inside] @ weights[cell.row, cell.column]
    return sums


def convolve_back(d, weights, windows):
    sums = np.zeros((len(d), *windows.image))
    for cell in windows.cells:
        sums[cell.inside] += d[cell.outside] @ weights[cell.row, cell.column].T
    return sums


def convolution_gradient(x, d, windows):
    sums = np.zeros((*windows.size, x.shape[3], d.shape[3]))
    for cell in windows.cells:
        sums[cell.row, cell.column] = np.tensordot(x[cell.inside], d[cell.outside], ([0, 1, 2],) * 2)
    return sums


def activated(layer, a):
    """Value, slope, and how far off the slope can be."""
    kind, v = layer.activation, a.value
    below = {RELU: 0.0, LEAKY: layer.negative_slope / 2**15, LINEAR: 1.0}.get(kind)
    if below is not None:
        slope = np.where(v > 0, 1.0, below)
        x, off = v * slope, np.where(np.abs(v) <= a.error, 1 - below, 0.0)
    elif kind is TANH:
        x = np.tanh(v)
        slope, off = 1 - x**2, SLOPE_CHANGE[kind] * a.error + FUNCTION_ERROR
    else:
        x = 1 / (1 + np.exp(-v))
        slope, off = x * (1 - x), SLOPE_CHANGE[kind] * a.error + FUNCTION_ERROR
    return Real(x, a.error + FUNCTION_ERROR + 2.0**-(layer.output_fraction + 1)), Real(slope, off + 2.0**-16)


class Tolerances:
    """Carries real numbers through a graph, forward and back."""

    def __init__(self, graph, x, y):
        self.graph = graph
        self.values = {INPUT: Real(x, np.zeros_like(x))}
        self.kept = {}
        self.masks = masks(graph)
        for number, layer in enumerate(graph.layers):
            xs = [self.values[i] for i in layer.inputs]
            self.values[number] = self.forward(number, layer, xs)
        self.errors = [Real(np.zeros((BATCH, *shape)), np.zeros((BATCH, *shape))) for shape in graph.shapes]
        self.gradients = []
        self.backward(y)

    def weights(self, layer):
        w = layer.weights * 2.0**-28
        return w if isinstance(layer, ConvolutionLayer) else w[np.newaxis, np.newaxis]

    def forward(self, number, layer, xs):
        x, fx = xs[0], layer.input_fraction
        if isinstance(layer, WeightLayer):
            windows, w = windows_of(self.graph, number), self.weights(layer)
            shape = (BATCH, *windows.image)
            a = Real(convolve(x.value.reshape(shape), w, windows) + layer.biases * 2.0**-23,
                     convolve(x.error.reshape(shape), np.abs(w), windows) + prod(w.shape[:3]) * 2.0**-(12 + fx) + 2.0**-23)
            if number + 1 == len(self.graph.layers):
                return a
            result, self.kept[number] = activated(layer, a)
            return result
        if isinstance(layer, ActivationLayer):
            result, self.kept[number] = activated(layer, x)
            return result
        if isinstance(layer, PoolingLayer):
            windows = windows_of(self.graph, number)
            sums = Real(*(np.zeros((BATCH, *self.graph.shapes[number])) for _ in range(2)))
            if layer.kind is Pooling.AVERAGE:
                for cell in windows.cells:
                    sums.value[cell.outside] += x.value[cell.inside]
                    sums.error[cell.outside] += x.error[cell.inside]
                return Real(sums.value / windows.counts, sums.error / windows.counts + 2.0**-(fx + 1))
            sums.value[:] = -np.inf
            for cell in windows.cells:
                sums.value[cell.outside] = np.maximum(sums.value[cell.outside], x.value[cell.inside])
                sums.error[cell.outside] = np.maximum(sums.error[cell.outside], x.error[cell.inside])
            return sums
        if isinstance(layer, DropoutLayer):
            mask = self.masks[number]
            return Real(x.value * mask, x.error * mask + 2.0**-(fx + 1) * (mask > 0))
        if isinstance(layer, PaddingLayer):
            return Real(*(np.pad(v, ((0, 0), *layer.padding, (0, 0))) for v in (x.value, x.error)))
        if isinstance(layer, ReshapeLayer):
            return Real(*(v.reshape(BATCH, *layer.shape) for v in (x.value, x.error)))
        if isinstance(layer, AddLayer):
            return Real(sum(v.value for v in xs), sum(v.error for v in xs))
        return Real(np.concatenate([v.value for v in xs], 3), np.concatenate([v.error for v in xs], 3))

    def send(self, i, value, error):
        if i != INPUT:
            shape = self.errors[i].value.shape
            self.errors[i].value += value.reshape(shape)
            self.errors[i].error += error.reshape(shape)

    def output_errors(self, a, y):
        if self.graph.loss is Loss.MEAN_SQUARED_ERROR:
            n = y.shape[1]
            return Real(2 / n * (a.value - y.reshape(a.value.shape)), 2 / n * a.error + 2.0**-26)
        p = np.exp(a.value)
        p /= p.sum(axis=3, keepdims=True)
        spread = np.broadcast_to(0.5 * a.error.max(axis=3, keepdims=True), p.shape)
        return Real(p - y.reshape(p.shape), spread + FUNCTION_ERROR + 2.0**-27)

    def backward(self, y):
        layers = self.graph.layers
        for number in range(len(layers) - 1, -1, -1):
            layer, e, i = layers[number], self.errors[number], layers[number].inputs[0]
            if number in self.kept:
                slope = self.kept[number]
                e = Real(e.value * slope.value,
                         np.abs(slope.value) * e.error + (np.abs(e.value) + e.error) * slope.error + 2.0**-24)
            if isinstance(layer, WeightLayer):
                d = self.output_errors(self.values[number], y) if number + 1 == len(layers) else e
                self.weight_layer(number, layer, d)
            elif isinstance(layer, ActivationLayer):
                self.send(i, e.value, e.error)
            elif isinstance(layer, PoolingLayer):
                self.pooling(number, layer, e)
            elif isinstance(layer, DropoutLayer):
                self.send(i, e.value * self.masks[number], e.error * self.masks[number] + 2.0**-24)
            elif isinstance(layer, PaddingLayer):
                (top, _), (left, _) = layer.padding
                inside = (slice(None), slice(top, top + layer.in_shape[0]), slice(left, left + layer.in_shape[1]))
                self.send(i, e.value[inside], e.error[inside])
            elif isinstance(layer, ConcatenateLayer):
                start = 0
                for j in layer.inputs:
                    end = start + self.values[j].value.shape[3]
                    self.send(j, e.value[..., start:end], e.error[..., start:end])
                    start = end
            else:
                for j in layer.inputs:
                    self.send(j, e.value, e.error)
        self.gradients.reverse()

    def weight_layer(self, number, layer, d):
        windows, w, fx = windows_of(self.graph, number), self.weights(layer), layer.input_fraction
        x = self.values[layer.inputs[0]]
        x = Real(*(v.reshape(BATCH, *windows.image) for v in (x.value, x.error)))
        positions = prod(windows.positions)
        s, sb = formats.weight_gradient_shift(BATCH, positions), formats.bias_gradient_shift(BATCH, positions)
        gradient = convolution_gradient(x.value, d.value, windows) / BATCH
        off = (convolution_gradient(np.abs(x.value), d.error, windows)
               + convolution_gradient(x.error, np.abs(d.value) + d.error, windows)) / BATCH
        cut = convolution_gradient(np.abs(x.value) + x.error, np.ones_like(d.value), windows) / BATCH
        off += positions * 2.0**-(12 + fx - s) + 2.0**-(28 - s) * cut
        shift_cut = 2.0**-(28 - sb) * (1 / BATCH if isinstance(layer, ConvolutionLayer) else 1)
        self.gradients.append((gradient.reshape(layer.weights.shape), off.reshape(layer.weights.shape),
                               d.value.sum(axis=(0, 1, 2)) / BATCH, d.error.sum(axis=(0, 1, 2)) / BATCH + shift_cut))
        e_error = convolve_back(d.error, np.abs(w), windows) + convolve_back(np.abs(d.value) + d.error, np.full_like(w, 2.0**-12),
                                                                             windows)
        terms = convolve_back(np.ones_like(d.value), np.ones_like(w), windows)
        self.send(layer.inputs[0], convolve_back(d.value, w, windows), e_error + terms * 2.0**-24)

    def pooling(self, number, layer, e):
        windows = windows_of(self.graph, number)
        x, best = self.values[layer.inputs[0]], self.values[number]
        result = Real(*(np.zeros((BATCH, *windows.image)) for _ in range(2)))
        if layer.kind is Pooling.AVERAGE:
            for cell in windows.cells:
                result.value[cell.inside] += (e.value / windows.counts)[cell.outside]
                result.error[cell.inside] += (e.error / windows.counts)[cell.outside] + 2.0**-25
        else:
            taken = np.zeros(e.value.shape, bool)
            rivals = np.zeros(e.value.shape)                   # cells that could be the largest of the integers
            near = {}
            for cell in windows.cells:
                gap = best.value[cell.outside] - x.value[cell.inside]
                near[cell[:2]] = gap <= best.error[cell.outside] + x.error[cell.inside]
                rivals[cell.outside] += near[cell[:2]]
            for cell in windows.cells:
                won = (x.value[cell.inside] == best.value[cell.outside]) & ~taken[cell.outside]
                taken[cell.outside] |= won
                result.value[cell.inside] += np.where(won, e.value[cell.outside], 0)
                result.error[cell.inside] += np.where(won, e.error[cell.outside], 0)
                unsure = near[cell[:2]] & (rivals[cell.outside] > 1)
                result.error[cell.inside] += np.where(unsure, np.abs(e.value[cell.outside]) + e.error[cell.outside], 0)
        self.send(layer.inputs[0], result.value, result.error)


# --------------------------------------------------------------------------- the comparison

@pytest.mark.parametrize("make", [lenet, maximum, averages_over_the_edge, residual, dropped, image_out], ids=lambda f: f.__name__)
def test_gradients(make):
    graph = make()
    rng = np.random.default_rng(7)
    codes = formats.inputs_from_float(rng.normal(0, 0.5, (BATCH, graph.n_inputs)), FRACTION)
    x = (codes * 2.0**-FRACTION).reshape(-1, *graph.input_shape)
    if graph.loss is Loss.MEAN_SQUARED_ERROR:
        given = y = np.round(rng.normal(0, 1, (BATCH, graph.n_outputs)) * 2**15) * 2.0**-15
        samples = Samples(codes, targets=formats.targets_from_float(y, graph.loss))
    else:
        given = rng.integers(0, graph.n_outputs, BATCH).astype(np.int32)
        y = np.eye(graph.n_outputs)[given]
        samples = Samples(codes, labels=given)

    loss, wanted = keras_gradients(graph, x, given)
    executor = ReferenceExecutor(graph)
    result = executor.train_epoch(samples, EPOCH, BATCH, False, RATE)
    assert formats.mean_loss(result.loss_sum, BATCH, graph) == pytest.approx(loss, rel=3e-3, abs=3e-3)
    assert sum(result.saturations.values()) == 0
    tolerances = Tolerances(graph, x, y).gradients
    for layer, (weights, biases), (kernel, bias), (real, off, real_bias, bias_off) in zip(
            graph.weight_layers, executor.parameters(), wanted, tolerances, strict=True):
        for a, b in ((kernel, real), (bias, real_bias)):
            assert np.all(np.abs(a - b) <= FLOAT32_ERROR * (1 + 10 * np.abs(b))), layer.name
        close((layer.weights.astype(np.int64) - weights) * 2.0**-28 / RATE, kernel, off + 2.0**-28 / RATE)
        close((layer.biases.astype(np.int64) - biases) * 2.0**-23 / RATE, bias, bias_off + 2.0**-23 / RATE)


def close(got, wanted, tolerance):
    """Within the tolerance everywhere; and as a whole much closer than that: roundings do not all go one way."""
    off = np.abs(got - wanted)
    assert np.all(off <= tolerance + FLOAT32_ERROR * (1 + np.abs(wanted))), (off / tolerance).max()
    assert np.median(tolerance) < 0.15
    assert np.linalg.norm(got - wanted) < 0.003 * np.linalg.norm(wanted)
