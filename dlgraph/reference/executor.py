"""Trains a layer graph on the host: the same bits as the machine."""
from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dlgraph import formats
from dlgraph.errors import NumberFormatOverflow, UnsupportedError
from dlgraph.executor import Executor, Progress
from dlgraph.formats import Int16Array, Int64Array
from dlgraph.layer_graph import Activation, DenseLayer, Int32Array, LayerGraph, PassResult, Samples
from dlgraph.order import order
from dlgraph.reference import dense, native
from dlgraph.reference.backend import Backend, NumpyBackend, Slopes
from dlgraph.reference.losses import OutputRule

_PROGRESS_SECONDS = 0.3
_FORWARD_BATCH = 256

_ADVICE = {
    "sum": "lower the fraction of the activations that come in (it is {fx}), or start from smaller weights",
    "partial error": "lower the learning rate, or scale the targets down",
    "gradient": "lower the learning rate, or scale the targets down",
}


@dataclass
class _Trace:
    """What the forward pass of a batch leaves for the backward pass, layer by layer."""

    inputs: list[Int16Array] = field(default_factory=list)
    slopes: list[Slopes] = field(default_factory=list)


@dataclass
class _Totals:
    """What a pass adds up."""

    loss_sum: int = 0
    n_correct: int = 0
    clips: list[int] = field(default_factory=list)


class ReferenceExecutor(Executor):
    """Trains and evaluates a :class:`~dlgraph.layer_graph.LayerGraph` in integers on the host.

    :param backend: who computes: ``"numpy"``, ``"native"`` (an error where it cannot be built), or ``"auto"``: compiled
        code where there is a compiler or a built extension, else NumPy.  The results are the same in every bit.
    """

    def __init__(self, graph: LayerGraph, backend: str = "auto") -> None:
        super().__init__(graph)
        self._rule = OutputRule.of(graph)
        for layer in graph.layers[:-1]:
            if layer.activation is Activation.SOFTMAX:
                raise UnsupportedError(f"layer {layer.name!r}: softmax is for the output layer only")
        self.backend: Backend = _backend(backend)
        self._parameters: list[tuple[Int32Array, Int32Array]] = []
        self.set_parameters([(layer.weights, layer.biases) for layer in graph.layers])

    def parameters(self) -> list[tuple[Int32Array, Int32Array]]:
        return [(weights.copy(), biases.copy()) for weights, biases in self._parameters]

    def set_parameters(self, parameters: list[tuple[Int32Array, Int32Array]]) -> None:
        self._parameters = [(np.array(weights, np.int32, order="C"), np.array(biases, np.int32, order="C"))
                            for weights, biases in parameters]

    def train_epoch(self, samples: Samples, epoch: int, batch_size: int, shuffle: bool,
                    learning_rate: float, progress: Progress | None = None) -> PassResult:
        n = len(samples)
        if samples.labels is None and samples.targets is None:
            raise ValueError("training needs labels or targets")
        positions = order(n, self.graph.seed, epoch) if shuffle else np.arange(n)
        parameters = list(self._parameters)            # an epoch that ends with an error changes nothing
        totals = _Totals(clips=[0] * len(parameters))
        reporter = _Reporter(progress)
        for start in range(0, n, batch_size):
            chosen = positions[start:start + batch_size]
            self._train_batch(parameters, samples, chosen, batch_size, learning_rate, totals)
            reporter.tell(start + len(chosen), totals)
        self._parameters = parameters
        return self._result(totals, n, None)

    def forward(self, samples: Samples, keep_outputs: bool, progress: Progress | None = None) -> PassResult:
        n = len(samples)
        outputs = np.empty((n, self.graph.n_outputs), np.int32) if keep_outputs else None
        totals = _Totals(clips=[0] * len(self._parameters))
        reporter = _Reporter(progress)
        for start in range(0, n, _FORWARD_BATCH):
            chosen = np.arange(start, min(start + _FORWARD_BATCH, n))
            a, _ = self._forward_batch(self._parameters, samples, chosen, totals)
            result = self.backend.evaluate(self._rule, a, *_wanted(samples, chosen), want_errors=False)
            totals.loss_sum += result.loss_sum
            totals.n_correct += result.n_correct
            totals.clips[-1] += result.clips
            if outputs is not None:
                outputs[chosen] = result.outputs
            reporter.tell(start + len(chosen), totals)
        return self._result(totals, n, outputs)

    def _result(self, totals: _Totals, n_samples: int, outputs: Int32Array | None) -> PassResult:
        saturations = {layer.name: clips for layer, clips in zip(self.graph.layers, totals.clips, strict=True)}
        return PassResult(totals.loss_sum, totals.n_correct, n_samples, outputs, saturations)

    def _forward_batch(self, parameters: list[tuple[Int32Array, Int32Array]], samples: Samples,
                       chosen: npt.NDArray[np.int64], totals: _Totals) -> tuple[Int32Array, _Trace]:
        """Pre-activations of the output layer, and what the layers saw."""
        codes = samples.codes[chosen]
        x: Int16Array = codes if samples.table is None else samples.table[codes]  # type: ignore[assignment]
        trace = _Trace()
        layers = self.graph.layers
        for index, (layer, (weights, biases)) in enumerate(zip(layers, parameters, strict=True)):
            trace.inputs.append(x)
            sums = self.backend.forward(x, weights)
            _check(sums, layer, "sum")
            a, clips = self.backend.pre_activation(sums, layer.input_fraction, biases)
            totals.clips[index] += clips
            if index + 1 < len(layers):
                x, slopes, clips = self.backend.activate(a, layer.activation, layers[index + 1].input_fraction)
                trace.slopes.append(slopes)
                totals.clips[index] += clips
        return a, trace

    def _train_batch(self, parameters: list[tuple[Int32Array, Int32Array]], samples: Samples,
                     chosen: npt.NDArray[np.int64], batch_size: int, learning_rate: float, totals: _Totals) -> None:
        a, trace = self._forward_batch(parameters, samples, chosen, totals)
        result = self.backend.evaluate(self._rule, a, *_wanted(samples, chosen), want_errors=True)
        totals.loss_sum += result.loss_sum
        totals.n_correct += result.n_correct
        totals.clips[-1] += result.clips
        assert result.errors is not None
        d = result.errors

        shift = formats.weight_gradient_shift(batch_size)
        bias_shift = formats.bias_gradient_shift(batch_size)
        for index in range(len(parameters) - 1, -1, -1):
            layer = self.graph.layers[index]
            weights, biases = parameters[index]
            gradients = self.backend.gradient(trace.inputs[index], d, shift)
            _check(gradients, layer, "gradient")
            rate = formats.weight_rate(learning_rate, len(chosen), layer.input_fraction, batch_size)
            new_weights, clips = self.backend.update(weights, gradients, rate)
            totals.clips[index] += clips
            if layer.use_bias:
                bias_rate = formats.bias_rate(learning_rate, len(chosen), batch_size)
                biases, clips = self.backend.update(biases, dense.bias_gradient(d, bias_shift), bias_rate)
                totals.clips[index] += clips
            if index > 0:
                e = self.backend.backward(d, weights)
                _check(e, layer, "partial error")
                d, clips = self.backend.hidden_error(e, trace.slopes[index - 1],
                                                     self.graph.layers[index - 1].activation)
                totals.clips[index - 1] += clips
            parameters[index] = (new_weights, biases)


class _Reporter:
    """Calls the progress function at most a few times per second."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._next = time.monotonic() + _PROGRESS_SECONDS

    def tell(self, n_done: int, totals: _Totals) -> None:
        if self._progress is not None and time.monotonic() >= self._next:
            self._progress(n_done, totals.loss_sum, totals.n_correct)
            self._next = time.monotonic() + _PROGRESS_SECONDS


def _wanted(samples: Samples, chosen: npt.NDArray[np.int64]) -> tuple[Int32Array | None, Int32Array | None]:
    return (None if samples.labels is None else samples.labels[chosen],
            None if samples.targets is None else samples.targets[chosen])


def _check(sums: Int64Array, layer: DenseLayer, quantity: str) -> None:
    if not dense.fits_int32(sums):
        raise NumberFormatOverflow(layer.name, quantity, _ADVICE[quantity].format(fx=layer.input_fraction))


def _backend(name: str) -> Backend:
    if name == "numpy":
        return NumpyBackend()
    if name not in ("native", "auto"):
        raise ValueError(f"backend must be 'auto', 'native' or 'numpy', not {name!r}")
    library = native.load()
    if library is not None:
        return native.NativeBackend(library)
    if name == "native":
        raise RuntimeError(f"the compiled reference is not available: {native.why_not()}")
    return NumpyBackend()
