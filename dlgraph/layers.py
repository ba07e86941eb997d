"""The kinds of layer, as integers: what a layer graph is made of.

The value that a layer gives is, for each sample, an image of shape (height, width, channels); a vector of n values is
(1, 1, n).  Flat, it is in Keras' order: channels fastest, then columns, then rows.  Number formats and the
arithmetic of every kind are in ``docs/arithmetic.rst``.
"""
from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from enum import Enum
from math import prod

import numpy as np
import numpy.typing as npt

Int32Array = npt.NDArray[np.int32]

#: (height, width, channels) of one sample.
Shape = tuple[int, int, int]
#: Rows above, rows below; columns left, columns right.
Padding = tuple[tuple[int, int], tuple[int, int]]

#: In :attr:`Layer.inputs`: the network's input.
INPUT = -1
NO_PADDING: Padding = ((0, 0), (0, 0))


class Activation(Enum):
    """What a layer does to its pre-activations; the value is the number the machine knows it by."""

    LINEAR = 0
    RELU = 1
    SIGMOID = 2
    TANH = 3
    SOFTMAX = 4
    LEAKY_RELU = 5


class Pooling(Enum):
    """What stands for a window; the value is the number the machine knows it by."""

    AVERAGE = 0
    MAXIMUM = 1


@dataclass
class Layer:
    """What every kind has.

    :param name: the Keras layer's name, used in errors and reports
    :param inputs: the layers whose values come in, by their number in the graph, or :data:`INPUT`; empty: the layer
        before this one (the network's input for the first)
    :param input_fraction: ``fx``, fraction bits of the 16-bit values that come in; -1: those of what comes in
    :param output_fraction: of those that go out; -1: what the next layer takes; of layers that only move values, as
        those that come in
    :param in_shape: filled in by the graph
    """

    name: str
    _: KW_ONLY
    inputs: tuple[int, ...] = ()
    input_fraction: int = -1
    output_fraction: int = -1
    in_shape: Shape = field(default=(0, 0, 0), init=False)

    @property
    def keeps_fraction(self) -> bool:
        """Whether what goes out has the fraction of what comes in."""
        return True

    def shape_from(self, shapes: list[Shape]) -> Shape:
        """Shape of the value, from those of the inputs.

        :raises ValueError: if they do not fit
        """
        return shapes[0]


@dataclass
class WeightLayer(Layer):
    """A layer with weights and biases.

    :param weights: int32, s3.28
    :param biases: int32 (n_units,), s8.23; zeros where the layer has no bias
    :param use_bias: whether the biases are trained
    :param activation: what follows the sum
    :param negative_slope: of a leaky ReLU, fraction 15, 0 .. 2**16 - 1
    :param gradient_shift: ``s`` of the weights' gradient, 0 .. 15; None: by the rule
    """

    weights: Int32Array
    biases: Int32Array
    use_bias: bool
    activation: Activation
    _: KW_ONLY
    negative_slope: int = 0
    gradient_shift: int | None = None

    @property
    def keeps_fraction(self) -> bool:
        return False

    @property
    def takes_activation(self) -> bool:
        """Whether an activation behind it can be made part of it."""
        return True

    @property
    def n_units(self) -> int:
        """Biases: units of a dense layer, output channels of a convolution."""
        return int(self.weights.shape[-1])

    def n_positions(self, shape: Shape) -> int:
        """How often a weight is used in one sample.

        :param shape: of the layer's value
        """
        return shape[0] * shape[1]


@dataclass
class DenseLayer(WeightLayer):
    """A fully connected layer on all values of its input, flat; weights (n_inputs, n_units)."""

    @property
    def n_inputs(self) -> int:
        """Rows of the weights."""
        return int(self.weights.shape[0])

    def shape_from(self, shapes: list[Shape]) -> Shape:
        if prod(shapes[0]) != self.n_inputs:
            raise ValueError(f"layer {self.name!r} has weights for {self.n_inputs} inputs, not {prod(shapes[0])}")
        return (1, 1, self.n_units)


@dataclass
class ConvolutionLayer(WeightLayer):
    """A convolution (cross-correlation, as in Keras); weights (kernel height, kernel width, channels in, channels out).

    :param strides: rows, columns
    :param padding: zeros around the image
    """

    _: KW_ONLY
    strides: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING

    def shape_from(self, shapes: list[Shape]) -> Shape:
        if shapes[0][2] != self.weights.shape[2]:
            raise ValueError(f"layer {self.name!r} has kernels for {self.weights.shape[2]} channels, not {shapes[0][2]}")
        return (*count_windows(self.name, shapes[0], self.weights.shape[:2], self.strides, self.padding), self.n_units)


@dataclass
class PoolingLayer(Layer):
    """The mean or the largest of each window, channel by channel; padding takes no part in either.

    :param size: of a window: rows, columns
    """

    _: KW_ONLY
    kind: Pooling
    size: tuple[int, int]
    strides: tuple[int, int]
    padding: Padding = NO_PADDING

    def shape_from(self, shapes: list[Shape]) -> Shape:
        if any(max(self.padding[axis]) >= self.size[axis] for axis in (0, 1)):
            raise ValueError(f"layer {self.name!r} has windows that lie in the padding")
        return (*count_windows(self.name, shapes[0], self.size, self.strides, self.padding), shapes[0][2])


@dataclass
class ActivationLayer(Layer):
    """An activation by itself, on 16-bit values; see :class:`WeightLayer`."""

    _: KW_ONLY
    activation: Activation
    negative_slope: int = 0

    @property
    def keeps_fraction(self) -> bool:
        return False


@dataclass
class DropoutLayer(Layer):
    """In training, each value is 0 with probability ``rate``, else multiplied by 1 / (1 - rate)."""

    _: KW_ONLY
    rate: float


@dataclass
class PaddingLayer(Layer):
    """Zeros around an image."""

    _: KW_ONLY
    padding: Padding

    def shape_from(self, shapes: list[Shape]) -> Shape:
        (top, bottom), (left, right) = self.padding
        height, width, channels = shapes[0]
        return (height + top + bottom, width + left + right, channels)


@dataclass
class ReshapeLayer(Layer):
    """The same values in another shape."""

    _: KW_ONLY
    shape: Shape

    def shape_from(self, shapes: list[Shape]) -> Shape:
        if prod(shapes[0]) != prod(self.shape):
            raise ValueError(f"layer {self.name!r} cannot give {shapes[0]} the shape {self.shape}")
        return self.shape


@dataclass
class AddLayer(Layer):
    """The sum of values of one shape and fraction."""

    def shape_from(self, shapes: list[Shape]) -> Shape:
        if len(set(shapes)) != 1:
            raise ValueError(f"layer {self.name!r} adds values of the shapes {shapes}")
        return shapes[0]


@dataclass
class ConcatenateLayer(Layer):
    """Values of one height, width and fraction, channels after channels."""

    def shape_from(self, shapes: list[Shape]) -> Shape:
        if len({shape[:2] for shape in shapes}) != 1:
            raise ValueError(f"layer {self.name!r} joins values of the shapes {shapes}")
        return (*shapes[0][:2], sum(shape[2] for shape in shapes))


def count_windows(name: str, shape: Shape, size: tuple[int, ...], strides: tuple[int, int],
             padding: Padding) -> tuple[int, int]:
    """Positions of a window down and across."""
    counts = []
    for axis in (0, 1):
        room = shape[axis] + sum(padding[axis]) - size[axis]
        if room < 0:
            raise ValueError(f"layer {name!r} has windows of {size[0]} x {size[1]}, larger than its padded input "
                             f"{shape[0]} x {shape[1]}")
        counts.append(room // strides[axis] + 1)
    return counts[0], counts[1]
