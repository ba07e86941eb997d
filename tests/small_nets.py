"""Small random networks in integers, for tests."""
from __future__ import annotations

import numpy as np

from dlgraph import formats
from dlgraph.layer_graph import Activation, DenseLayer, LayerGraph, Loss, Metric, Samples, Sgd

HIDDEN = (Activation.LINEAR, Activation.RELU, Activation.SIGMOID, Activation.TANH)

#: (output activation, loss, from_logits): every pair that is supported
PAIRS = [
    (Activation.SOFTMAX, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False),
    (Activation.LINEAR, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, True),
    (Activation.SOFTMAX, Loss.CATEGORICAL_CROSSENTROPY, False),
    (Activation.LINEAR, Loss.CATEGORICAL_CROSSENTROPY, True),
    (Activation.SIGMOID, Loss.BINARY_CROSSENTROPY, False),
    (Activation.LINEAR, Loss.BINARY_CROSSENTROPY, True),
    *((activation, Loss.MEAN_SQUARED_ERROR, False) for activation in Activation
      if activation is not Activation.LEAKY_RELU),
]


def pair_name(pair) -> str:
    activation, loss, from_logits = pair
    return f"{activation.name.lower()}-{loss.name.lower()}" + ("-logits" if from_logits else "")


def random_graph(rng, sizes, hidden, pair, fractions=None, scale=1.0, use_bias=True, seed=5,
                 metric=None) -> LayerGraph:
    """A chain of layers with random weights; ``hidden`` cycles through activations."""
    activation, loss, from_logits = pair
    kinds = [hidden[i % len(hidden)] for i in range(len(sizes) - 2)] + [activation]
    if fractions is None:
        fractions = [11] + [formats.activation_fraction(kind) for kind in kinds[:-1]]
    layers = []
    for i, kind in enumerate(kinds):
        weights = rng.normal(0, scale / np.sqrt(sizes[i]), sizes[i:i + 2])
        biases = rng.normal(0, 0.3 * scale, sizes[i + 1]) if use_bias else np.zeros(sizes[i + 1])
        name = f"layer{i}"
        layers.append(DenseLayer(name, formats.weights_from_float(weights, name),
                                 formats.biases_from_float(biases, name), use_bias, kind, input_fraction=fractions[i]))
    if metric is None:
        metric = {Loss.SPARSE_CATEGORICAL_CROSSENTROPY: Metric.SPARSE_CATEGORICAL_ACCURACY,
                  Loss.CATEGORICAL_CROSSENTROPY: Metric.CATEGORICAL_ACCURACY}.get(loss, Metric.BINARY_ACCURACY)
    return LayerGraph(layers, loss, from_logits, metric, Sgd(0.1), seed)


def random_samples(rng, graph: LayerGraph, n: int, sparsity=0.4, amplitude=1.0) -> Samples:
    """Random inputs with zeros among them, and labels or targets for the graph's loss."""
    x = rng.normal(0, amplitude, (n, graph.n_inputs)) * (rng.random((n, graph.n_inputs)) >= sparsity)
    codes = formats.inputs_from_float(np.clip(x, -15, 15), graph.layers[0].input_fraction)
    outputs = (n, graph.n_outputs)
    if graph.loss is Loss.SPARSE_CATEGORICAL_CROSSENTROPY:
        return Samples(codes, labels=rng.integers(0, graph.n_outputs, n).astype(np.int32))
    if graph.loss is Loss.CATEGORICAL_CROSSENTROPY:
        y = rng.dirichlet(np.ones(graph.n_outputs), n)
    elif graph.loss is Loss.BINARY_CROSSENTROPY:
        y = rng.integers(0, 2, outputs).astype(float)
    else:
        y = rng.normal(0, 1, outputs)
    return Samples(codes, targets=formats.targets_from_float(y, graph.loss))
