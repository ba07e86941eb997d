"""How each kind of layer is computed: one :class:`LayerRule` per kind, found by the layer's type.

A kind of layer from outside registers its own::

    @register(MyLayer)
    class MyRule(LayerRule[MyLayer]):
        def forward(self, batch, inputs): ...
        def backward(self, batch, kept, e): ...
"""
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Callable, Generic, TypeVar

from dlgraph.errors import NumberFormatOverflow, UnsupportedError
from dlgraph.formats import Int16Array, Int64Array
from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import INPUT, Activation, Int32Array, Layer, Shape, WeightLayer
from dlgraph.reference.backend import Backend, Slopes

AnyLayer = TypeVar("AnyLayer", bound=Layer)
AnyWeightLayer = TypeVar("AnyWeightLayer", bound=WeightLayer)
Parameters = tuple[Int32Array, Int32Array]

_ADVICE = {
    "sum": "lower the fraction of the activations that come in (it is {fx}), or start from smaller weights",
    "partial error": "lower the learning rate, or scale the targets down",
    "gradient": "lower the learning rate, or scale the targets down",
}


@dataclass
class Batch:
    """What the rules share while a batch passes.

    :param samples: int64 (batch,): each sample's index in the data
    :param parameters: (weights, biases) of the layers that have any, by the layer's number
    :param clips: numbers clipped so far, by the layer's number
    """

    backend: Backend
    samples: Int64Array
    training: bool
    seed: int
    epoch: int
    parameters: dict[int, Parameters]
    clips: list[int]


class LayerRule(ABC, Generic[AnyLayer]):
    """One layer of a graph, computed.  Values are images int16 (batch, height, width, channels), errors int64 alike.

    :param graph: that the layer is in
    :param number: of the layer in it
    """

    def __init__(self, graph: LayerGraph, number: int) -> None:
        assert graph.input_shape is not None
        self.layer: AnyLayer = graph.layers[number]  # type: ignore[assignment]
        self.number = number
        self.in_shapes: list[Shape] = [graph.input_shape if i == INPUT else graph.shapes[i] for i in self.layer.inputs]
        self.shape = graph.shapes[number]

    @abstractmethod
    def forward(self, batch: Batch, inputs: list[Int16Array]) -> tuple[Int16Array, Any]:
        """The layer's value, and what :meth:`backward` will need."""

    @abstractmethod
    def backward(self, batch: Batch, kept: Any, e: Int64Array) -> list[Int64Array]:
        """What the layer adds to the error of each value that it takes, s7.24.

        :param e: error of the layer's value, s7.24: a complete sum that fits 32 bits
        """

    def clipped(self, batch: Batch, n: int) -> None:
        """Count clips."""
        batch.clips[self.number] += n

    def check(self, backend: Backend, sums: Int64Array, quantity: str) -> None:
        """:raises NumberFormatOverflow: if a checked sum does not fit 32 bits"""
        if not backend.fits(sums):
            raise NumberFormatOverflow(self.layer.name, quantity,
                                       _ADVICE[quantity].format(fx=self.layer.input_fraction))


class WeightRule(LayerRule[AnyWeightLayer]):
    """A layer with weights: its kind says how sums are made, the rest is common to all.

    The executor takes the steps one by one: the last layer of a network has a loss in the place of an activation.
    """

    def __init__(self, graph: LayerGraph, number: int) -> None:
        super().__init__(graph, number)
        self.n_positions = self.layer.n_positions(self.shape)
        if number + 1 < len(graph.layers):
            refuse_softmax(self.layer.name, self.layer.activation)

    @abstractmethod
    def sums(self, backend: Backend, x: Int16Array, weights: Int32Array) -> Int64Array:
        """``acc``, one for each of the layer's values."""

    @abstractmethod
    def partial_errors(self, backend: Backend, d: Int32Array, weights: Int32Array) -> Int64Array:
        """What the layer adds to the error of the value that it takes."""

    @abstractmethod
    def weight_gradients(self, backend: Backend, x: Int16Array, d: Int32Array, shift: int) -> Int64Array:
        """``G``, in the shape of the weights."""

    @abstractmethod
    def bias_gradients(self, backend: Backend, d: Int32Array, shift: int) -> Int64Array:
        """``Gb``."""

    def pre_activations(self, batch: Batch, x: Int16Array) -> Int32Array:
        """``a``, in the shape of the layer's value."""
        weights, biases = batch.parameters[self.number]
        sums = self.sums(batch.backend, x, weights)
        self.check(batch.backend, sums, "sum")
        a, clips = batch.backend.pre_activation(sums, self.layer.input_fraction, biases)
        self.clipped(batch, clips)
        return a

    def forward(self, batch: Batch, inputs: list[Int16Array]) -> tuple[Int16Array, tuple[Int16Array, Slopes]]:
        layer = self.layer
        x, slopes, clips = batch.backend.activate(self.pre_activations(batch, inputs[0]), layer.activation,
                                                  layer.output_fraction, layer.negative_slope)
        self.clipped(batch, clips)
        return x, (inputs[0], slopes)

    def unit_errors(self, batch: Batch, slopes: Slopes, e: Int64Array) -> Int32Array:
        """``d`` of a hidden layer."""
        d, clips = batch.backend.hidden_error(e, slopes, self.layer.activation)
        self.clipped(batch, clips)
        return d

    def backward(self, batch: Batch, kept: tuple[Int16Array, Slopes], e: Int64Array) -> list[Int64Array]:
        weights, _ = batch.parameters[self.number]
        return [self.partial_errors(batch.backend, self.unit_errors(batch, kept[1], e), weights)]


Rule = TypeVar("Rule", bound=type[LayerRule[Any]])
_rules: dict[type[Layer], type[LayerRule[Any]]] = {}


def register(kind: type[Layer]) -> Callable[[Rule], Rule]:
    """Decorator: the class computes layers of this kind, and of kinds made from it that have no rule of their own."""
    def registered(rule: Rule) -> Rule:
        _rules[kind] = rule
        return rule
    return registered


def rule_for(graph: LayerGraph, number: int) -> LayerRule[Any]:
    """The rule of a layer.

    :raises UnsupportedError: if its kind has none
    """
    layer = graph.layers[number]
    for kind in type(layer).__mro__:
        if kind in _rules:
            return _rules[kind](graph, number)
    raise UnsupportedError(f"layer {layer.name!r}: the reference cannot compute layers of the kind {type(layer).__name__}")


def refuse_softmax(name: str, activation: Activation) -> None:
    """:raises UnsupportedError: where a softmax is not the network's output"""
    if activation is Activation.SOFTMAX:
        raise UnsupportedError(f"layer {name!r}: softmax is for the output layer only")
