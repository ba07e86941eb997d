"""The network as integers: what a translator makes, what every executor trains.

A :class:`LayerGraph` is layers (:mod:`dlgraph.layers`) with integer parameters in the formats of ``docs/arithmetic.rst``,
one loss and one optimiser.  It knows nothing of Keras (above it) or of machines (below it).
"""
from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from math import prod

import numpy as np
import numpy.typing as npt

from dlgraph.layers import (
    INPUT, Activation, ActivationLayer, AddLayer, ConcatenateLayer, ConvolutionLayer, DenseLayer, DropoutLayer, Int32Array, Layer,
    PaddingLayer, Pooling, PoolingLayer, ReshapeLayer, Shape, WeightLayer)
from dlgraph.optimisers import Adam, Optimiser, RmsProp, Sgd

__all__ = ["INPUT", "Activation", "ActivationLayer", "Adam", "AddLayer", "ConcatenateLayer", "ConvolutionLayer", "DenseLayer",
           "DropoutLayer", "Int32Array", "Layer", "LayerGraph", "Loss", "Metric", "Optimiser", "PaddingLayer", "PassResult",
           "Pooling", "PoolingLayer", "ReshapeLayer", "RmsProp", "Samples", "Sgd", "Shape", "WeightLayer"]


class Loss(Enum):
    """How a sample's error is counted; the value is the number the machine knows it by."""

    SPARSE_CATEGORICAL_CROSSENTROPY = 0
    CATEGORICAL_CROSSENTROPY = 1
    BINARY_CROSSENTROPY = 2
    MEAN_SQUARED_ERROR = 3


class Metric(Enum):
    """How "accuracy" is counted; the value is the number the machine knows it by."""

    NONE = 0
    SPARSE_CATEGORICAL_ACCURACY = 1
    CATEGORICAL_ACCURACY = 2
    BINARY_ACCURACY = 3


@dataclass
class LayerGraph:
    """Layers in an order in which each comes after those whose values it takes; the last one gives the outputs.

    Filling in what was left open (see :class:`~dlgraph.layers.Layer`) writes to the layers given.

    :param from_logits: the loss applies the softmax or sigmoid that the linear output layer lacks
    :param seed: unsigned 32-bit seed of every random choice
    :param input_shape: of one sample; None: flat, as many values as the first layer takes
    :raises ValueError: if shapes or fractions do not fit together, or a value is used by nobody
    """

    layers: list[Layer]
    loss: Loss
    from_logits: bool
    metric: Metric
    optimiser: Optimiser
    seed: int = 0
    input_shape: Shape | None = None
    #: Of every layer's value.
    shapes: list[Shape] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if self.input_shape is None:
            first = self.layers[0]
            if not isinstance(first, DenseLayer):
                raise ValueError("input_shape is needed where the first layer is not dense")
            self.input_shape = (1, 1, first.n_inputs)
        for number, layer in enumerate(self.layers):
            layer.inputs = layer.inputs or (number - 1,)
            if not all(INPUT <= i < number for i in layer.inputs):
                raise ValueError(f"layer {layer.name!r} takes values of layers that come after it")
        self._fill_fractions()
        for layer in self.layers:
            shapes = [self.input_shape if i == INPUT else self.shapes[i] for i in layer.inputs]
            layer.in_shape = shapes[0]
            self.shapes.append(layer.shape_from(shapes))
        used = {i for layer in self.layers for i in layer.inputs}
        for number in range(len(self.layers) - 1):
            if number not in used:
                raise ValueError(f"nobody takes the value of layer {self.layers[number].name!r}")

    def _fill_fractions(self) -> None:
        for layer in self.layers:
            for i in layer.inputs:
                before = None if i == INPUT else self.layers[i]
                if before is not None and before.output_fraction < 0:
                    before.output_fraction = layer.input_fraction
                fraction = self.input_fraction if before is None else before.output_fraction
                if layer.input_fraction < 0:
                    layer.input_fraction = fraction
                if fraction != layer.input_fraction:
                    raise ValueError(f"layer {layer.name!r} takes values of {layer.input_fraction} fraction bits, and "
                                     f"{'the input' if before is None else repr(before.name)} has {fraction}")
            if layer.keeps_fraction:
                layer.output_fraction = layer.input_fraction

    @property
    def input_fraction(self) -> int:
        """Fraction bits of the network's inputs."""
        return next(layer.input_fraction for layer in self.layers if INPUT in layer.inputs)

    @property
    def n_inputs(self) -> int:
        """Values in a sample."""
        assert self.input_shape is not None
        return prod(self.input_shape)

    @property
    def n_outputs(self) -> int:
        """Values in an output."""
        return prod(self.shapes[-1])

    @property
    def output_layer(self) -> WeightLayer:
        """The last layer."""
        layer = self.layers[-1]
        assert isinstance(layer, WeightLayer)
        return layer

    @property
    def weight_layers(self) -> list[WeightLayer]:
        """Those with parameters, in order: what an executor's parameters belong to, one by one."""
        return [layer for layer in self.layers if isinstance(layer, WeightLayer)]

    def takers(self, number: int) -> list[int]:
        """The layers that take the value of a layer, or of :data:`~dlgraph.layers.INPUT`."""
        return [i for i, layer in enumerate(self.layers) if number in layer.inputs]


@dataclass
class Samples:
    """Samples in the machine's form: what goes to SDRAM.

    :param codes: (n_samples, n_inputs), uint8 indices into ``table`` (where X has at most 256 distinct
        values) or int16 activations of fraction ``input_fraction`` of the graph (then ``table`` is None)
    :param table: int16 (256,) or None
    :param labels: int32 (n_samples,) class numbers, for sparse categorical cross-entropy, else None
    :param targets: int32 (n_samples, n_outputs) of fraction 28 (cross-entropies) or 23 (mean squared error), else None
    :param weights: uint32 (n_samples,), 0 to 2**30: how much each sample counts, in units of ``weight_unit * 2**-30``;
        None: all the same
    :param weight_exponent: of the weights; what a pass says of losses is in units of :attr:`weight_unit`

    Neither labels nor targets: samples for ``predict``.
    """

    codes: npt.NDArray[np.uint8] | npt.NDArray[np.int16]
    table: npt.NDArray[np.int16] | None = None
    labels: Int32Array | None = None
    targets: Int32Array | None = None
    weights: npt.NDArray[np.uint32] | None = None
    weight_exponent: int = 0

    def __len__(self) -> int:
        return int(self.codes.shape[0])

    @property
    def weight_unit(self) -> float:
        """The weight that is written as 1.0: the power of two that no weight exceeds.  1.0 without weights."""
        return 2.0**self.weight_exponent

    def weights_of(self, chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32] | None:
        """The weights of some samples, where there are weights."""
        return None if self.weights is None else self.weights[chosen]

    @property
    def activations(self) -> npt.NDArray[np.int16]:
        """int16 (n_samples, n_inputs): the activations that the input vertices send."""
        if self.table is None:
            return self.codes  # type: ignore[return-value]
        return self.table[self.codes]


@dataclass
class PassResult:
    """What one pass over samples (a training epoch, or forward only) gave.

    :param loss_sum: sum of the samples' losses, fraction 23, exact (0 without targets); with weights in units of
        :attr:`Samples.weight_unit`
    :param n_correct: samples (binary accuracy: outputs) counted right
    :param n_samples: samples in the pass
    :param outputs: int32 (n_samples, n_outputs), fraction by :func:`dlgraph.formats.output_fraction`, where asked for
    :param saturations: layer name -> number of clipped values, where counted
    :param machine_cycles: cycles of 200 MHz from the first sample to the last update, 0 on the host
    """

    loss_sum: int
    n_correct: int
    n_samples: int
    outputs: Int32Array | None = None
    saturations: dict[str, int] = field(default_factory=dict)
    machine_cycles: int = 0
