"""Trains a layer graph on the host: the same bits as the machine."""
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph import formats
from dlgraph.custom_layer import CustomLayer
from dlgraph.errors import UnsupportedError
from dlgraph.executor import Executor, LearningRate, Progress, rates_of_batches
from dlgraph.formats import Int16Array, Int64Array
from dlgraph.layer_graph import LayerGraph, PassResult, Samples
from dlgraph.layers import INPUT, Int32Array, WeightLayer
from dlgraph.optimisers import BIASES, WEIGHTS, OptimiserState, fresh_state
from dlgraph.order import order
from dlgraph.reference import custom, elementwise, joins, moves, native  # noqa: F401  (their rules are registered)
from dlgraph.reference.backend import Backend
from dlgraph.reference.losses import CATEGORICAL, OutputRule
from dlgraph.reference.numpy_backend import NumpyBackend
from dlgraph.reference.rules import Batch, LayerRule, Parameters, WeightRule, rule_for
from dlgraph.trace import Trace, TraceMaker
from dlgraph.update_words import Step, array_of, constants, gradient_shift, step

_PROGRESS_SECONDS = 0.3
_FORWARD_BATCH = 256


#: What becomes of a layer's weights and biases, from its inputs and errors in a batch.
_Update = Callable[[WeightRule[Any], Int16Array, Int32Array], Parameters]


@dataclass
class _Totals:
    """What a pass adds up."""

    loss_sum: int = 0
    n_correct: int = 0


@dataclass
class _Updates:
    """The optimiser on its way through an epoch.

    :param batch_size: the nominal one
    :param unit: what gradients are to be multiplied by
    :param rates: learning rate of every batch
    :param iteration: updates before the epoch
    :param slots: what it keeps of (weights, biases), by the number of the layer in the graph
    :param batch: number of the batch in the epoch
    """

    batch_size: int
    unit: float
    rates: list[float]
    iteration: int
    slots: dict[int, tuple[Int32Array, Int32Array]]
    batch: int = 0


class ReferenceExecutor(Executor):
    """Trains and evaluates a :class:`~dlgraph.layer_graph.LayerGraph` in integers on the host.

    :param backend: who computes: ``"numpy"``, ``"native"`` (an error where it cannot be built), or ``"auto"``: compiled
        code where there is a compiler or a built extension, else NumPy.  The results are the same in every bit.
    :raises UnsupportedError: if the arithmetic has no rule for a layer or for the output
    """

    def __init__(self, graph: LayerGraph, backend: str = "auto") -> None:
        super().__init__(graph)
        self._output_rule = OutputRule.of(graph)
        self._rules = [rule_for(graph, number) for number in range(len(graph.layers))]
        last = self._rules[-1]
        assert isinstance(last, WeightRule)
        if last.n_positions > 1 and graph.loss in CATEGORICAL:
            raise UnsupportedError(f"layer {last.layer.name!r}: a categorical loss needs one position, not {last.n_positions}")
        self._last = last
        self._learns = _learns(self._rules)
        self.backend: Backend = _backend(backend)
        self._parameters: list[Parameters] = []
        self.set_parameters([(layer.weights, layer.biases) for layer in graph.weight_layers])
        self._state = fresh_state(graph.optimiser, self._parameters)

    def parameters(self) -> list[Parameters]:
        return [(weights.copy(), biases.copy()) for weights, biases in self._parameters]

    def set_parameters(self, parameters: list[Parameters]) -> None:
        self._parameters = [(np.array(weights, np.int32, order="C"), np.array(biases, np.int32, order="C"))
                            for weights, biases in parameters]

    def optimiser_state(self) -> OptimiserState:
        return self._state.copy()

    def set_optimiser_state(self, state: OptimiserState) -> None:
        self._state = state.copy()

    def train_epoch(self, samples: Samples, epoch: int, batch_size: int, shuffle: bool,
                    learning_rate: LearningRate, progress: Progress | None = None) -> PassResult:
        n = len(samples)
        if samples.labels is None and samples.targets is None:
            raise ValueError("training needs labels or targets")
        positions = order(n, self.graph.seed, epoch) if shuffle else np.arange(n)
        batch = self._first_batch(training=True, epoch=epoch)
        totals = _Totals()
        reporter = _Reporter(progress)
        rates = rates_of_batches(learning_rate, -(-n // batch_size))
        updates = _Updates(batch_size, samples.weight_unit, rates, self._state.iterations,
                           dict(zip(batch.parameters, self._state.slots, strict=True)))
        for updates.batch, start in enumerate(range(0, n, batch_size)):
            batch.samples = positions[start:start + batch_size]
            d, kept = self._forward_batch(batch, samples, totals)
            self._backward_batch(batch, d, kept, lambda rule, x, d: self._update_layer(batch, rule, x, d, updates))
            reporter.tell(start + len(batch.samples), totals)
        self._parameters = list(batch.parameters.values())     # an epoch that ends with an error changes nothing
        self._state = OptimiserState(updates.iteration + len(rates), tuple(updates.slots.values()))
        return self._result(batch, totals, n, None)

    def forward(self, samples: Samples, keep_outputs: bool, progress: Progress | None = None) -> PassResult:
        n = len(samples)
        outputs = np.empty((n, self.graph.n_outputs), np.int32) if keep_outputs else None
        batch = self._first_batch(training=False, epoch=0)
        totals = _Totals()
        reporter = _Reporter(progress)
        for start in range(0, n, _FORWARD_BATCH):
            batch.samples = np.arange(start, min(start + _FORWARD_BATCH, n))
            self._forward_batch(batch, samples, totals, outputs)
            reporter.tell(start + len(batch.samples), totals)
        return self._result(batch, totals, n, outputs)

    def trace(self, samples: Samples, epoch: int, training: bool) -> Trace:
        n = len(samples)
        maker, totals = TraceMaker(self.graph, samples, training), _Totals()
        batch = self._first_batch(training, epoch)
        batch.samples = np.arange(n)
        outputs = np.empty((n, self.graph.n_outputs), np.int32)
        values: dict[int, Int16Array] = {}
        d, kept = self._forward_batch(batch, samples, totals, outputs, values)
        for number, value in values.items():
            maker.activations(number, value)
        maker.activations(len(self._rules) - 1, outputs)

        def gradients(rule: WeightRule[Any], x: Int16Array, d: Int32Array) -> Parameters:
            if not isinstance(rule.layer, CustomLayer):        # whose errors never are of pre-activations
                maker.unit_errors(rule.number, d)
            maker.gradients(rule.number, *self._gradients(rule, x, d, n))
            return batch.parameters[rule.number]

        if training:
            self._backward_batch(batch, d, kept, gradients, maker.errors)
        return maker.trace("reference on this computer", self._result(batch, totals, n, outputs).saturations)

    def _first_batch(self, training: bool, epoch: int) -> Batch:
        numbers = [rule.number for rule in self._rules if isinstance(rule, WeightRule)]
        return Batch(self.backend, np.arange(0), training, self.graph.seed, epoch,
                     dict(zip(numbers, self._parameters, strict=True)), [0] * len(self._rules))

    def _result(self, batch: Batch, totals: _Totals, n_samples: int, outputs: Int32Array | None) -> PassResult:
        saturations = {layer.name: clips for layer, clips in zip(self.graph.layers, batch.clips, strict=True)}
        return PassResult(totals.loss_sum, totals.n_correct, n_samples, outputs, saturations)

    def _forward_batch(self, batch: Batch, samples: Samples, totals: _Totals,
                       outputs: Int32Array | None = None,
                       values: dict[int, Int16Array] | None = None) -> tuple[Int32Array | None, list[Any]]:
        """Errors of the output layer in training, and what the layers kept for the way back.

        :param values: filled with every value but the outputs, by the number of its layer
        """
        chosen = batch.samples
        codes = samples.codes[chosen]
        x: Int16Array = codes if samples.table is None else samples.table[codes]  # type: ignore[assignment]
        assert self.graph.input_shape is not None
        values = {} if values is None else values
        values[INPUT] = x.reshape(-1, *self.graph.input_shape)
        kept: list[Any] = []
        for rule in self._rules[:-1]:
            values[rule.number], needed = rule.forward(batch, [values[i] for i in rule.layer.inputs])
            kept.append(needed)
        into_last = values[self._last.layer.inputs[0]]
        kept.append((into_last, None))
        a = self._last.pre_activations(batch, into_last)

        result = self.backend.evaluate(self._output_rule, a.reshape(len(chosen), -1), *_wanted(samples, chosen),
                                       want_errors=batch.training, weights=samples.weights_of(chosen))
        totals.loss_sum += result.loss_sum
        totals.n_correct += result.n_correct
        batch.clips[-1] += result.clips
        if outputs is not None:
            outputs[chosen] = result.outputs
        return None if result.errors is None else result.errors.reshape(a.shape), kept

    def _backward_batch(self, batch: Batch, output_errors: Int32Array | None, kept: list[Any], update: _Update,
                        tell: Callable[[int, Int64Array], None] | None = None) -> None:
        """Errors from the last layer to the first, and the update of every layer with weights.

        :param tell: is called with the number of a layer and the errors of its value
        """
        errors: dict[int, Int64Array] = {}               # of values, as far as their takers have been there
        for rule in reversed(self._rules):
            number = rule.number
            if not self._learns[number]:
                continue
            if number in errors:
                self._rules[self.graph.takers(number)[0]].check(self.backend, errors[number], "partial error")
                if tell is not None:
                    tell(number, errors[number])
            if isinstance(rule, WeightRule):
                x, slopes = kept[number]
                d = output_errors if rule is self._last else rule.unit_errors(batch, slopes, errors.pop(number))
                assert d is not None
                new = update(rule, x, d)
                # the errors below are made with the weights of this batch
                parts = [rule.partial_errors(self.backend, d, batch.parameters[number][0])] if self._sends(rule, 0) else []
                batch.parameters[number] = new
            else:
                parts = rule.backward(batch, kept[number], errors.pop(number))
            kept[number] = None
            for place, part in enumerate(parts):
                i = rule.layer.inputs[place]
                if self._sends(rule, place):
                    errors[i] = errors[i] + part if i in errors else part

    def _sends(self, rule: LayerRule[Any], place: int) -> bool:
        """Whether somebody needs the error of a value that the layer takes."""
        i = rule.layer.inputs[place]
        return i != INPUT and self._learns[i]

    def _update_layer(self, batch: Batch, rule: WeightRule[Any], x: Int16Array, d: Int32Array, updates: _Updates) -> Parameters:
        """New weights and biases from the layer's inputs and errors in this batch."""
        layer: WeightLayer = rule.layer
        weights, biases = batch.parameters[rule.number]
        of_weights, of_biases = updates.slots[rule.number]
        held = constants(self.graph.optimiser)
        gradients, bias_gradients = self._gradients(rule, x, d, updates.batch_size)
        now = self._step(batch, rule, WEIGHTS, updates)
        weights, of_weights, clips = self.backend.update(held, now, weights, gradients, of_weights)
        rule.clipped(batch, clips)
        if layer.use_bias:
            now = self._step(batch, rule, BIASES, updates)
            biases, of_biases, clips = self.backend.update(held, now, biases, bias_gradients, of_biases)
            rule.clipped(batch, clips)
        updates.slots[rule.number] = (of_weights, of_biases)
        return weights, biases

    def _gradients(self, rule: WeightRule[Any], x: Int16Array, d: Int32Array, size: int) -> tuple[Int64Array, Int64Array]:
        """Sums over a batch, of the weights and of the biases.

        :param size: nominal, of the batch
        """
        layer: WeightLayer = rule.layer
        gradients = rule.weight_gradients(self.backend, x, d, gradient_shift(layer, size, rule.n_positions))
        rule.check(self.backend, gradients, "gradient")
        if not layer.use_bias:
            return gradients, np.zeros(layer.n_units, np.int64)
        return gradients, rule.bias_gradients(self.backend, d, formats.bias_gradient_shift(size, rule.n_positions))

    def _step(self, batch: Batch, rule: WeightRule[Any], part: int, updates: _Updates) -> Step:
        """The optimiser's numbers for the weights or biases of a layer in this batch."""
        number = list(batch.parameters).index(rule.number)
        array = array_of(number, part, rule.layer, updates.batch_size, rule.n_positions)
        return step(self.graph.optimiser, updates.rates[updates.batch], updates.iteration + updates.batch,
                    len(batch.samples), updates.unit, array)


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


def _learns(rules: list[LayerRule[Any]]) -> list[bool]:
    """Which layers have weights, or take the value of one that learns: errors go back no further."""
    learns: list[bool] = []
    for rule in rules:
        learns.append(isinstance(rule, WeightRule) or any(i != INPUT and learns[i] for i in rule.layer.inputs))
    return learns


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
