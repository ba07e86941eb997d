"""Gradients of one batch against Keras in float, for every supported activation and loss.

The tolerance is not a guess: it is carried through the network from the formats (what rounding an activation, cutting a
product and cutting a weight to its upper half can change at most), sample by sample, in :func:`tolerances`.
"""
from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402
from small_nets import HIDDEN, PAIRS, pair_name, random_graph, random_samples  # noqa: E402

from dlgraph import formats  # noqa: E402
from dlgraph.layer_graph import Activation, Loss  # noqa: E402
from dlgraph.reference import ReferenceExecutor  # noqa: E402

FLOAT32_ERROR = 1e-5        # of Keras itself
SLOPE_CHANGE = {Activation.LINEAR: 0.0, Activation.RELU: 0.0, Activation.SIGMOID: 0.1, Activation.TANH: 0.77}
FUNCTION_ERROR = 2.0**-22   # exp, sigma, tanh, softmax: tests/test_kernels_host.py
BATCH, RATE = 20, 0.5


def keras_model(graph):
    model = keras.Sequential([keras.layers.Input((graph.n_inputs,))])
    for layer in graph.layers:
        model.add(keras.layers.Dense(layer.n_units, activation=layer.activation.name.lower()))
        model.layers[-1].set_weights([formats.weights_to_float(layer.weights), formats.biases_to_float(layer.biases)])
    return model


def keras_loss(graph):
    if graph.loss is Loss.MEAN_SQUARED_ERROR:
        return keras.losses.MeanSquaredError()
    made = {Loss.SPARSE_CATEGORICAL_CROSSENTROPY: keras.losses.SparseCategoricalCrossentropy,
            Loss.CATEGORICAL_CROSSENTROPY: keras.losses.CategoricalCrossentropy,
            Loss.BINARY_CROSSENTROPY: keras.losses.BinaryCrossentropy}[graph.loss]
    return made(from_logits=graph.from_logits)


def derivative(kind, a):
    if kind is Activation.LINEAR:
        return np.ones_like(a)
    if kind is Activation.RELU:
        return (a > 0).astype(float)
    s = 1 / (1 + np.exp(-a))
    return s * (1 - s) if kind is Activation.SIGMOID else 1 - np.tanh(a) ** 2


def value(kind, a):
    return {Activation.LINEAR: lambda: a, Activation.RELU: lambda: np.maximum(a, 0),
            Activation.SIGMOID: lambda: 1 / (1 + np.exp(-a)), Activation.TANH: lambda: np.tanh(a),
            Activation.SOFTMAX: lambda: np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)}[kind]()


def slope_error(kind, a, a_error):
    flips = np.where(np.abs(a) <= a_error, 1.0, 0.0) if kind is Activation.RELU else 0.0
    return SLOPE_CHANGE[kind] * a_error + 2.0**-16 + FUNCTION_ERROR + flips


def output_error(graph, a, a_error, y):
    """(|d|, how wrong d can be), (batch, n_outputs)."""
    kind = graph.layers[-1].activation
    n = a.shape[1]
    if graph.loss is not Loss.MEAN_SQUARED_ERROR:
        categorical = graph.loss is not Loss.BINARY_CROSSENTROPY
        p = value(Activation.SOFTMAX if categorical else Activation.SIGMOID, a)
        p_error = (0.5 * a_error.max(axis=1, keepdims=True) if categorical else 0.25 * a_error) + FUNCTION_ERROR
        share = 1 if categorical else 1 / n
        return np.abs(p - y) * share, p_error * share * np.ones_like(a) + 2.0**-27
    p = value(kind, a)
    g = 2 / n * (p - y)
    if kind is Activation.SOFTMAX:
        p_error = 0.5 * a_error.max(axis=1, keepdims=True) + FUNCTION_ERROR
        g_error = 2 / n * p_error + 2.0**-27
        common = (g * p).sum(axis=1, keepdims=True)
        common_error = (np.abs(g) * p_error + p * g_error).sum(axis=1, keepdims=True) + n * 2.0**-28
        return np.abs((g - common) * p), p * (g_error + common_error) + np.abs(g - common) * p_error + 2.0**-27
    slope = derivative(kind, a)
    p_error = a_error + FUNCTION_ERROR
    d_error = (2 / n * p_error + 2.0**-27) * slope + np.abs(g) * slope_error(kind, a, a_error) + 2.0**-27
    return np.abs(g * slope), d_error


def tolerances(graph, x, y):
    """For every layer, how far the weights' and the biases' gradients can be from those in real numbers."""
    real = [(la.weights * 2.0**-28, la.biases * 2.0**-23) for la in graph.layers]
    inputs, input_errors, sums, sum_errors = [x], [np.zeros_like(x)], [], []
    for n, (layer, (weights, biases)) in enumerate(zip(graph.layers, real, strict=True)):
        a = inputs[-1] @ weights + biases
        a_error = (input_errors[-1] @ np.abs(weights) + layer.n_inputs * 2.0**-(12 + layer.input_fraction) + 2.0**-23)
        sums.append(a)
        sum_errors.append(a_error)
        if n + 1 < len(graph.layers):
            inputs.append(value(layer.activation, a))
            rounding = 2.0**-(graph.layers[n + 1].input_fraction + 1)
            input_errors.append(a_error + rounding + FUNCTION_ERROR)

    s, sb = formats.weight_gradient_shift(BATCH), formats.bias_gradient_shift(BATCH)
    d, d_error = output_error(graph, sums[-1], sum_errors[-1], y)
    results = []
    for n in range(len(graph.layers) - 1, -1, -1):
        layer, weights = graph.layers[n], np.abs(real[n][0])
        size = np.abs(inputs[n])
        weight_error = ((size.T @ d_error + input_errors[n].T @ (d + d_error)) / BATCH
                        + 2.0**-(12 + layer.input_fraction - s) + 2.0**-(28 - s) * size.max())
        bias_error = d_error.mean(axis=0) + 2.0**-(28 - sb)
        results.append((weight_error, bias_error))
        if n:
            e_error = d_error @ weights.T + d.sum(axis=1, keepdims=True) * 2.0**-12 + layer.n_units * 2.0**-24
            before = graph.layers[n - 1].activation
            slope = derivative(before, sums[n - 1])
            e = d @ weights.T                          # no smaller than the real one's size
            d_error = slope * e_error + (e + e_error) * slope_error(before, sums[n - 1], sum_errors[n - 1]) + 2.0**-27
            d = e * slope
    return results[::-1]


@pytest.mark.parametrize("hidden", HIDDEN, ids=lambda k: k.name.lower())
@pytest.mark.parametrize("pair", PAIRS, ids=pair_name)
def test_gradients(pair, hidden):
    rng = np.random.default_rng(list(pair[0].name.encode()) + [pair[1].value, hidden.value])
    graph = random_graph(rng, [12, 9, 7, 5], [hidden], pair)
    for layer in graph.layers:                         # numbers that a float32 holds exactly
        layer.weights &= -2**8
        layer.biases &= -2**4
    samples = random_samples(rng, graph, BATCH, sparsity=0.3)
    x = samples.activations * 2.0**-graph.layers[0].input_fraction
    if samples.labels is not None:
        given = samples.labels
        y = np.eye(graph.n_outputs)[samples.labels]
    else:
        given = y = samples.targets * 2.0**-formats.target_fraction(graph.loss)

    model = keras_model(graph)
    with tf.GradientTape() as tape:
        outputs = model(tf.constant(x, tf.float32))
        loss = keras_loss(graph)(given, outputs)
    wanted = [g.numpy() for g in tape.gradient(loss, model.trainable_weights)]

    executor = ReferenceExecutor(graph)
    result = executor.train_epoch(samples, 0, BATCH, False, RATE)
    assert formats.mean_loss(result.loss_sum, BATCH, graph) == pytest.approx(float(loss), rel=3e-3, abs=3e-3)
    assert sum(result.saturations.values()) == 0
    for layer, (weights, biases), (weight_error, bias_error), keras_weights, keras_biases in zip(
            graph.layers, executor.parameters(), tolerances(graph, x, y), wanted[::2], wanted[1::2], strict=True):
        got_weights = (layer.weights.astype(np.int64) - weights) * 2.0**-28 / RATE
        got_biases = (layer.biases.astype(np.int64) - biases) * 2.0**-23 / RATE
        close(got_weights, keras_weights, weight_error + 2.0**-28 / RATE)
        close(got_biases, keras_biases, bias_error + 2.0**-23 / RATE)


def close(got, wanted, tolerance):
    """Within the tolerance everywhere, and in the same direction."""
    off = np.abs(got - wanted)
    assert np.all(off <= tolerance + FLOAT32_ERROR * (1 + np.abs(wanted))), (off / tolerance).max()
    assert np.median(tolerance) < 0.02
    cosine = (got * wanted).sum() / np.sqrt((got**2).sum() * (wanted**2).sum())
    assert cosine > 0.9999
