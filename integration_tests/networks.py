"""Random networks and samples for the tests."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dlgraph import formats
from dlgraph.executor import Executor
from dlgraph.layer_graph import Activation, DenseLayer, LayerGraph, Loss, Metric, Optimiser, Samples, Sgd

HIDDEN = [Activation.LINEAR, Activation.RELU, Activation.SIGMOID, Activation.TANH]
#: Every pair of output activation and loss that the arithmetic has, with from_logits.
OUTPUTS = [
    (Activation.SOFTMAX, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False),
    (Activation.SOFTMAX, Loss.CATEGORICAL_CROSSENTROPY, False),
    (Activation.LINEAR, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, True),
    (Activation.LINEAR, Loss.CATEGORICAL_CROSSENTROPY, True),
    (Activation.SIGMOID, Loss.BINARY_CROSSENTROPY, False),
    (Activation.LINEAR, Loss.BINARY_CROSSENTROPY, True),
    (Activation.LINEAR, Loss.MEAN_SQUARED_ERROR, False),
    (Activation.RELU, Loss.MEAN_SQUARED_ERROR, False),
    (Activation.SIGMOID, Loss.MEAN_SQUARED_ERROR, False),
    (Activation.TANH, Loss.MEAN_SQUARED_ERROR, False),
    (Activation.SOFTMAX, Loss.MEAN_SQUARED_ERROR, False),
]
METRICS = {
    Loss.SPARSE_CATEGORICAL_CROSSENTROPY: Metric.SPARSE_CATEGORICAL_ACCURACY,
    Loss.CATEGORICAL_CROSSENTROPY: Metric.CATEGORICAL_ACCURACY,
    Loss.BINARY_CROSSENTROPY: Metric.BINARY_ACCURACY,
    Loss.MEAN_SQUARED_ERROR: Metric.NONE,
}


def make_graph(widths: list[int], hidden: list[Activation], output: tuple[Activation, Loss, bool], seed: int,
               learning_rate: float = 0.05, use_bias: bool = True, optimiser: Optimiser | None = None) -> LayerGraph:
    """A network with Glorot-like weights and small biases; without an optimiser given, plain gradient descent."""
    rng = np.random.default_rng(seed)
    activations = [*hidden, output[0]]
    layers = []
    fraction = formats.INPUT_FRACTION
    for i, (n_in, n_out) in enumerate(zip(widths, widths[1:])):
        weights = rng.uniform(-1, 1, (n_in, n_out)) * np.sqrt(6 / (n_in + n_out))
        biases = rng.uniform(-0.1, 0.1, n_out) * use_bias
        name = f"dense_{i}"
        layers.append(DenseLayer(name, formats.weights_from_float(weights, name),
                                 formats.biases_from_float(biases, name), use_bias, activations[i],
                                 input_fraction=fraction))
        if i < len(hidden):
            fraction = formats.activation_fraction(activations[i])
    return LayerGraph(layers, output[1], output[2], METRICS[output[1]], optimiser or Sgd(learning_rate), seed)


def make_samples(graph: LayerGraph, n: int, seed: int, sparse: bool = True) -> Samples:
    """Random samples with the targets that the graph's loss wants; ``sparse`` ones have few distinct values."""
    rng = np.random.default_rng(seed)
    if sparse:
        x = rng.integers(0, 17, (n, graph.n_inputs)) / 16 * (rng.random((n, graph.n_inputs)) < 0.5)
    else:
        x = rng.normal(0, 1, (n, graph.n_inputs))
    activations = formats.inputs_from_float(x, graph.layers[0].input_fraction)
    codes, table = formats.encode_inputs(activations)
    samples = Samples(codes, table)
    if graph.loss is Loss.SPARSE_CATEGORICAL_CROSSENTROPY:
        samples.labels = rng.integers(0, graph.n_outputs, n).astype(np.int32)
    else:
        if graph.loss is Loss.CATEGORICAL_CROSSENTROPY:
            y = np.eye(graph.n_outputs)[rng.integers(0, graph.n_outputs, n)]
        elif graph.loss is Loss.BINARY_CROSSENTROPY:
            y = rng.integers(0, 2, (n, graph.n_outputs))
        else:
            y = rng.normal(0, 1, (n, graph.n_outputs))
        samples.targets = formats.targets_from_float(y, graph.loss)
    return samples


@dataclass
class Trained:
    """Everything that a training gives, to be compared for equality."""

    iterations: int
    losses: list[int]
    correct: list[int]
    saturations: list[dict[str, int]]
    weights: list[np.ndarray]


def train(executor: Executor, samples: Samples, epochs: int, batch_size: int, shuffle: bool = True) -> Trained:
    """Some epochs, and the loss and correct answers of a forward pass at the end."""
    results = [executor.train_epoch(samples, epoch, batch_size, shuffle, executor.graph.optimiser.learning_rate)
               for epoch in range(epochs)]
    results.append(executor.forward(samples, keep_outputs=True))
    state = executor.optimiser_state()
    arrays = [array for pair in (*executor.parameters(), *state.slots) for array in pair]
    assert results[-1].outputs is not None
    return Trained(state.iterations, [r.loss_sum for r in results], [r.n_correct for r in results],
                   [r.saturations for r in results], [*arrays, results[-1].outputs])


def assert_equal(a: Trained, b: Trained) -> None:
    """Equality, bit for bit."""
    for i, (x, y) in enumerate(zip(a.weights, b.weights, strict=True)):
        np.testing.assert_array_equal(x, y, err_msg=f"array {i}")
    assert a.iterations == b.iterations
    assert a.losses == b.losses
    assert a.correct == b.correct
    assert a.saturations == b.saturations
