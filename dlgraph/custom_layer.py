"""Layer kinds from outside the package: one class says everything that dlgraph must know of a kind.

A kind is a subclass of :class:`CustomLayer`, or of :class:`CustomWeightLayer` where it has parameters to train.  The class has
the kind's shapes, how its value may be cut, what it costs, and the arithmetic in NumPy; its C file (``c_models/layers/
custom_layer.h``) has the same arithmetic for the cores.  Machine and reference must agree in every bit: formats and rounding are
those of ``docs/arithmetic.rst``.  :mod:`dlgraph.custom` registers kinds; the tutorial is ``docs/own_layer.rst``.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from dlgraph.errors import ModelError, UnsupportedError
from dlgraph.layers import NO_PADDING, Activation, Int32Array, Layer, Padding, Shape, WeightLayer, count_windows

Int64Array = npt.NDArray[np.int64]

#: Axes along which a value may be cut into tiles.
ROWS, COLUMNS, CHANNELS = "rows", "columns", "channels"
#: Cycles of an element, forward and backward, where a kind says nothing: a few multiplications in C.
ELEMENT_CYCLES = 60.0


class Clips:
    """Clips numbers and counts how many: the C side's ``layer_clip16``, ``layer_clip32`` and ``layer_unit_error``.

    :ivar count: clipped so far
    """

    def __init__(self) -> None:
        self.count = 0

    def to16(self, values: Int64Array) -> Int64Array:
        """Within 16 bits."""
        return self._to(values, 16)

    def to32(self, values: Int64Array) -> Int64Array:
        """Within 32 bits."""
        return self._to(values, 32)

    def unit_errors(self, e: Int64Array) -> Int64Array:
        """Errors s7.24 as s3.28, the format in which errors enter gradients."""
        return self.to32(e << 4)

    def _to(self, values: Int64Array, bits: int) -> Int64Array:
        clipped = np.clip(values, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        self.count += int(np.count_nonzero(clipped != values))
        return clipped


@dataclass
class Back:
    """What a layer gives on the way back, of a batch.

    :param errors: of what came in, s7.24: int64 (batch, height, width, channels)
    :param weights: gradient in the shape of the weights, summed over batch and positions; None without parameters
    :param biases: sums of errors s3.28, (n_units,); None where the biases are not trained
    """

    errors: Int64Array
    weights: Int64Array | None = None
    biases: Int64Array | None = None


@dataclass
class Windows:
    """Which of what comes in a value needs: all of a window, as of pooling or of a convolution.

    :param size: rows, columns
    :param strides: rows, columns
    :param padding: zeros around the image
    """

    size: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING


class CustomLayer(Layer):
    """A layer kind from outside, without parameters.

    It takes one value and gives one.  :func:`dlgraph.custom.layer_kind` registers a kind and names its C file.
    """

    #: The C file with the kind's ``layer_prepare``, ``layer_forward`` and ``layer_backward``.
    program: ClassVar[Path]
    #: Keras options that change what the layer computes, each with the values under which it is what this kind computes.
    keras_options: ClassVar[dict[str, tuple[Any, ...]]] = {}
    #: Axes of the value along which it may be cut into tiles.
    cuts: ClassVar[tuple[str, ...]] = (ROWS, COLUMNS, CHANNELS)
    #: Whether channel k of the value needs channel k of what comes in alone; False: all channels.
    per_channel: ClassVar[bool] = True

    @property
    def keeps_fraction(self) -> bool:
        """Whether the value has the fraction of what comes in; if not, it has that of a linear layer, or as the user says."""
        return True

    @property
    def windows(self) -> Windows:
        """What of the image a value needs: by default the pixel at its place."""
        return Windows()

    @property
    def options(self) -> Sequence[int]:
        """32-bit words for the C side's ``options``."""
        return ()

    def kept_bytes(self, taken: Shape, given: Shape) -> int:
        """Bytes of a sample that the C side keeps from ``layer_forward`` to ``layer_backward``, beside what came in.

        :param taken: box of a tile's input
        :param given: box of its value
        """
        return 0

    def cycles(self, taken: Shape, given: Shape) -> float:
        """Cycles of 200 MHz for a sample of a tile, forward and backward.  Decides how the layer is cut, never what it computes.

        :param taken: box of a tile's input
        :param given: box of its value
        """
        return ELEMENT_CYCLES * prod(given) * prod(self.windows.size)

    def shape_from(self, shapes: list[Shape]) -> Shape:
        """Shape of the value: by default a value for each window, with as many channels as come in.

        Rows and columns that are left over below and to the right belong to no window.
        """
        windows = self.windows
        if min(*windows.size, *windows.strides) < 1:
            raise ValueError(f"layer {self.name!r} has windows of {windows.size[0]} x {windows.size[1]} with strides of "
                             f"{windows.strides[0]} x {windows.strides[1]}; neither can be less than 1")
        return (*count_windows(self.name, shapes[0], windows.size, windows.strides, windows.padding), shapes[0][2])

    def forward(self, x: Int64Array, weights: Int32Array, biases: Int32Array, clips: Clips) -> Int64Array:
        """The layer's value: 16-bit numbers of fraction ``output_fraction``.

        :param x: 16-bit values that come in, of fraction ``input_fraction``: (batch, height, width, channels)
        :param weights: s3.28; empty where the layer has no parameters, like biases
        :param biases: s8.23
        :param clips: counts what is clipped
        :return: (batch, height, width, channels)
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward: write the layer's arithmetic in NumPy there.")

    def backward(self, x: Int64Array, e: Int64Array, weights: Int32Array, biases: Int32Array, shift: int, clips: Clips) -> Back:
        """The way back of the same batch.

        :param x: as of :meth:`forward`, like weights, biases and clips
        :param e: errors of the value, s7.24, each within 32 bits
        :param shift: ``s``: errors s3.28 are shifted right by it before they enter the gradient of the weights
        """
        raise NotImplementedError(f"{type(self).__name__} has no backward: write the layer's arithmetic in NumPy there.")

    @classmethod
    def from_keras(cls, use: Any) -> CustomLayer:
        """The layer that a Keras layer stands for.

        :param use: :class:`dlgraph.custom.Use`: its name, the Keras layer, ``config`` and the values that it takes
        :raises ModelError: for options that this kind does not compute
        """
        raise NotImplementedError(f"{cls.__name__} has no from_keras: say there which layer a Keras layer stands for.")


def _no_biases() -> Int32Array:
    return np.zeros(0, np.int32)


@dataclass
class CustomWeightLayer(CustomLayer, WeightLayer):
    """A layer kind from outside with parameters: weights, and biases where it uses them.

    Kinds whose value may be cut by channels have a column of weights and a bias for each channel of it; others what they like.

    :param weights: int32 s3.28, (..., n_units); ``dlgraph.custom.no_weights(..., n_units)`` where their numbers come from elsewhere
    :param biases: int32 s8.23, (n_units,); by default zeros
    :param use_bias: whether the biases are trained
    :param activation: stays as it is: an activation behind the layer is a layer of its own
    :raises ModelError: for weights or biases that are not int32
    """

    weights: Int32Array
    biases: Int32Array = field(default_factory=_no_biases)
    use_bias: bool = False
    activation: Activation = Activation.LINEAR

    def __post_init__(self) -> None:
        for what, numbers, fraction in (("weights", self.weights, 28), ("biases", self.biases, 23)):
            given = getattr(numbers, "dtype", type(numbers).__name__)
            if given != np.int32:
                raise ModelError(f"Layer {self.name!r} was given {what} of the type {given}. A {type(self).__name__} is made with "
                                 f"int32 numbers of {fraction} fraction bits. Make it with dlgraph.custom.no_weights(...) of their "
                                 f"shape, and give Graph.custom({what}=...) real numbers.")
        if not self.biases.size and self.n_units:
            self.biases = np.zeros(self.n_units, np.int32)
        if self.biases.shape != (self.n_units,):
            raise ValueError(f"layer {self.name!r} has biases of the shape {self.biases.shape}, its weights ask for "
                             f"({self.n_units},)")

    @property
    def takes_activation(self) -> bool:
        return False

    def shape_from(self, shapes: list[Shape]) -> Shape:
        shape = super().shape_from(shapes)
        self.check_columns(shape[2])
        return shape

    def check_columns(self, n_channels: int) -> None:
        """Whether there is a column of weights for each channel, where there has to be one.

        :param n_channels: of the layer's value
        :raises UnsupportedError: if not
        """
        if CHANNELS in self.cuts and self.n_units != n_channels:
            raise UnsupportedError(f"Layer {self.name!r} has {self.n_units} columns of weights and gives {n_channels} channels. A "
                                   f"{type(self).__name__} is cut by channels, so it needs a column for each; leave "
                                   f"{CHANNELS!r} out of its cuts otherwise.")

    @property
    def n_weight_rows(self) -> int:
        """Weights in a column."""
        return prod(self.weights.shape[:-1])


def layer_gradient(d: Int64Array, x: Int64Array, shift: int) -> Int64Array:
    """What errors ``d`` (s3.28) and values ``x`` add to the gradient of a weight: the C side's ``layer_gradient``."""
    return ((d >> shift) * x) >> 16


def layer_round(values: Int64Array, shift: int) -> Int64Array:
    """``values / 2**shift`` to the nearest, halves upward; shift 1 .. 62: the C side's ``layer_round``."""
    return (values + (1 << (shift - 1))) >> shift
