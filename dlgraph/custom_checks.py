"""What the tests of a layer kind from outside ask: are machine and reference equal in every bit, is its gradient right?

The tests that ``dlgraph new-vertex`` writes call these; nothing in dlgraph itself does.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph import formats
from dlgraph.comparison import compare
from dlgraph.custom_layer import Clips, CustomLayer, CustomWeightLayer
from dlgraph.executor import Executor
from dlgraph.layer_graph import LayerGraph, Loss, Metric, Samples
from dlgraph.layers import Activation, ConvolutionLayer, DenseLayer, Int32Array, Shape
from dlgraph.machines import Machine, resolve
from dlgraph.optimisers import Optimiser, Sgd

Floats = npt.NDArray[np.float64]
#: value = f(x, weights, biases), in floating point: (batch, height, width, channels)
FloatForward = Callable[[Floats, Floats, Floats], Floats]

#: Of the value where it is the layer's own; what comes in has another, so that a layer that mixes them up is found.
_FRACTION = formats.INPUT_FRACTION
_FRACTION_IN = _FRACTION + 1


def small_network(layer: CustomLayer, shape: Shape, optimiser: Optimiser | None = None, seed: int = 1) -> LayerGraph:
    """A network around a layer: a convolution that gives it what it takes, and a dense layer on what it gives.

    :param layer: fresh, as a graph fills it in
    :param shape: (height, width, channels) of what it takes
    """
    rng = np.random.default_rng(seed)
    kernel = rng.uniform(-0.5, 0.5, (3, 3, 2, shape[2]))
    layer.inputs, layer.input_fraction = (0,), _FRACTION_IN
    n_values = int(np.prod(layer.shape_from([shape])))
    before = ConvolutionLayer("before", formats.weights_from_float(kernel, "before"), np.zeros(shape[2], np.int32), True,
                              Activation.LINEAR, padding=((1, 1), (1, 1)), input_fraction=_FRACTION)
    behind = DenseLayer("behind", formats.weights_from_float(rng.uniform(-0.3, 0.3, (n_values, 5)), "behind"),
                        np.zeros(5, np.int32), True, Activation.SOFTMAX, input_fraction=_given(layer))
    return LayerGraph([before, layer, behind], Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False, Metric.SPARSE_CATEGORICAL_ACCURACY,
                      optimiser or Sgd(0.1), seed, (shape[0], shape[1], 2))


def small_samples(graph: LayerGraph, n: int = 11, seed: int = 2) -> Samples:
    """Samples for it, of random values and classes."""
    rng = np.random.default_rng(seed)
    codes, table = formats.encode_inputs(formats.inputs_from_float(rng.normal(0, 1, (n, graph.n_inputs)), graph.input_fraction))
    return Samples(codes, table, labels=rng.integers(0, graph.n_outputs, n).astype(np.int32))


def _given(layer: CustomLayer) -> int:
    """Fraction of the layer's value."""
    return _FRACTION_IN if layer.keeps_fraction else _FRACTION


def trained_on_reference(graph: LayerGraph, samples: Samples, batch_size: int = 4) -> dict[str, npt.NDArray[Any]]:
    """Everything that two epochs give, by the class's arithmetic in NumPy."""
    from dlgraph.reference import ReferenceExecutor

    return _train(ReferenceExecutor(graph, "numpy"), samples, batch_size)


def _train(executor: Executor, samples: Samples, batch_size: int) -> dict[str, npt.NDArray[Any]]:
    found: dict[str, npt.NDArray[Any]] = {}
    for epoch in range(2):
        result = executor.train_epoch(samples, epoch, batch_size, True, executor.graph.optimiser.learning_rate)
        found[f"loss of epoch {epoch}"] = np.array(result.loss_sum)
        for name, n in result.saturations.items():
            found[f"numbers that {name} clipped in epoch {epoch}"] = np.array(n)
    for layer, (weights, biases) in zip(executor.graph.weight_layers, executor.parameters(), strict=True):
        found[f"weights of {layer.name}"], found[f"biases of {layer.name}"] = weights, biases
    for layer, (of_weights, of_biases) in zip(executor.graph.weight_layers, executor.optimiser_state().slots, strict=True):
        found[f"optimiser's state of {layer.name}"] = np.concatenate([of_weights.reshape(-1), of_biases.reshape(-1)])
    outputs = executor.forward(samples, keep_outputs=True).outputs
    assert outputs is not None
    found["outputs"] = outputs
    return found


def check_equal(layer: CustomLayer, shape: Shape, machine: Machine | None = None, optimiser: Optimiser | None = None,
                cuts: Sequence[tuple[int, int, int] | None] = (None,)) -> None:
    """Train a small network on a machine and on the host, and compare every bit.

    :param layer: fresh
    :param shape: (height, width, channels) of what it takes
    :param cuts: of the layer: (tiles down, tiles across, blocks of channels); None: as dlgraph chooses
    :raises AssertionError: naming what differs, with a table of every layer's values, errors and gradients before the first step
    """
    from dlgraph.gfe.executor import GfeExecutor       # the Graph Front End takes seconds to import

    graph = small_network(layer, shape, optimiser)
    samples = small_samples(graph)
    expected = trained_on_reference(graph, samples)
    target = resolve(machine)
    try:
        for cut in cuts:
            executor = GfeExecutor(graph, target, cuts=None if cut is None else {layer.name: cut})
            found = _train(executor, samples, batch_size=4)
            different = [what for what, wanted in expected.items() if not np.array_equal(found[what], wanted)]
            if different:
                raise AssertionError(f"Cut {cut}: machine and reference differ in {', '.join(different)}.\n"
                                     f"Before the first step: {_before_the_first_step(executor, samples)}")
            executor._close_session()
    finally:
        target.stop()


def _before_the_first_step(executor: Executor, samples: Samples) -> str:
    """What the samples give in every layer, on the machine beside the reference."""
    from dlgraph.reference import ReferenceExecutor

    fresh = ReferenceExecutor(executor.graph, "numpy")
    executor.set_parameters(fresh.parameters())
    return str(compare(executor.trace(samples, 0, training=True), fresh.trace(samples, 0, training=True), None))


def check_gradient(layer: CustomLayer, shape: Shape, forward: FloatForward, tolerance: float = 0.02, seed: int = 3) -> None:
    """Compare a layer's arithmetic with the same in floating point: values, and by differences errors and gradients.

    :param layer: fresh
    :param shape: (height, width, channels) of what it takes
    :param forward: the layer in floating point
    :param tolerance: of a difference, in units of the largest number compared
    :raises AssertionError: naming what differs
    """
    rng = np.random.default_rng(seed)
    layer.input_fraction, layer.output_fraction = _FRACTION_IN, _given(layer)
    layer.in_shape = shape
    x = rng.normal(0, 1, (3, *shape)).round(2)
    x[np.abs(x) < 0.05] = 0.05                         # many layers have a corner at zero, where there is no derivative
    weights, biases = _parameters(layer)
    real = weights / 2.0**formats.WEIGHT_FRACTION, biases / 2.0**formats.LOGIT_FRACTION
    fixed = np.rint(x * 2.0**_FRACTION_IN).astype(np.int64)
    y = forward(x, *real)
    found = layer.forward(fixed, weights, biases, Clips())
    _compare("the value", found * 2.0**-layer.output_fraction, y, tolerance)
    e = rng.normal(0, 0.1, y.shape)
    back = layer.backward(fixed, np.rint(e * 2.0**24).astype(np.int64), weights, biases, 0, Clips())
    _compare("the errors of what came in", back.errors * 2.0**-24, _differences(lambda v: forward(v, *real), x, e), tolerance)
    if isinstance(layer, CustomWeightLayer):
        assert back.weights is not None, f"{type(layer).__name__}.backward gives no gradient of the weights"
        _compare("the gradient of the weights", back.weights * 2.0**-(12 + _FRACTION_IN),
                 _differences(lambda v: forward(x, v, real[1]), real[0], e), tolerance)
    if isinstance(layer, CustomWeightLayer) and layer.use_bias:
        assert back.biases is not None, f"{type(layer).__name__}.backward gives no gradient of the biases"
        _compare("the gradient of the biases", back.biases * 2.0**-28,
                 _differences(lambda v: forward(x, real[0], v), real[1], e), tolerance)


def _parameters(layer: CustomLayer) -> tuple[Int32Array, Int32Array]:
    if isinstance(layer, CustomWeightLayer):
        return layer.weights, layer.biases
    return np.zeros(0, np.int32), np.zeros(0, np.int32)


def _differences(function: Callable[[Floats], Floats], at: Floats, e: Floats, step: float = 1e-5) -> Floats:
    """Of the sum of e times the function's values, by each number that it is given."""
    result = np.zeros(at.shape)
    for place in np.ndindex(*at.shape):
        high, low = at.copy(), at.copy()
        high[place] += step
        low[place] -= step
        result[place] = np.sum(e * (function(high) - function(low))) / (2 * step)
    return result


def _compare(what: str, found: npt.NDArray[Any], wanted: Floats, tolerance: float) -> None:
    largest = max(float(np.abs(wanted).max()), 1e-6)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * largest, err_msg=f"{what}: found (first), in floating point")
