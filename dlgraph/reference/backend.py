"""What the rules of layers ask of whoever computes: NumPy (:mod:`dlgraph.reference.numpy_backend`) or compiled code
(:mod:`dlgraph.reference.native`).

Values are int16, errors and pre-activations int32, sums int64, batch first.  Dense layers take and give (batch, n), all
others images (batch, height, width, channels).  Formats are those of ``docs/arithmetic.rst``.
"""
from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from dlgraph.formats import Int16Array, Int64Array
from dlgraph.layers import Activation, Int32Array
from dlgraph.reference.losses import OutputResult, OutputRule, SampleWeights
from dlgraph.reference.optimisers import Updated
from dlgraph.reference.windows import Windows
from dlgraph.update_words import Constants, Step

Slopes = npt.NDArray[np.uint16]      #: f', fraction 15
Kept = npt.NDArray[np.bool_]
Winners = npt.NDArray[np.int32]      #: cell of a window, row-major


class Backend(Protocol):
    """One step of each kind, for a batch; numbers of clips come last."""

    name: str

    def forward(self, x: Int16Array, weights: Int32Array) -> Int64Array:
        """Sums of a dense layer: (batch, n_units), fraction 12 + that of x."""

    def backward(self, d: Int32Array, weights: Int32Array) -> Int64Array:
        """Partial errors of a dense layer: (batch, n_inputs), fraction 24."""

    def gradient(self, x: Int16Array, d: Int32Array, shift: int) -> Int64Array:
        """Gradient of a dense layer's weights over the batch, errors shifted right by ``shift`` first: (n_inputs, n_units)."""

    def convolution_forward(self, x: Int16Array, weights: Int32Array, windows: Windows) -> Int64Array:
        """Sums of a convolution: images of its channels."""

    def convolution_backward(self, d: Int32Array, weights: Int32Array, windows: Windows) -> Int64Array:
        """Partial errors of a convolution: images as they came in."""

    def convolution_gradient(self, x: Int16Array, d: Int32Array, shift: int, windows: Windows) -> Int64Array:
        """Gradient of a convolution's kernels over batch and positions: (rows, columns, channels in, channels out)."""

    def convolution_bias_gradient(self, d: Int32Array) -> Int64Array:
        """Sum of the errors over batch and positions: (channels,)."""

    def fits(self, sums: Int64Array) -> bool:
        """Whether checked sums are within their 32 bits."""

    def average(self, x: Int16Array, windows: Windows) -> tuple[Int16Array, int]:
        """Means of windows, and how many clipped."""

    def average_backward(self, e: Int64Array, windows: Windows) -> Int64Array:
        """Partial errors behind :meth:`average`: each shared out over its window."""

    def maximum(self, x: Int16Array, windows: Windows) -> tuple[Int16Array, Winners]:
        """The largest of each window, and which cell it was in."""

    def maximum_backward(self, e: Int64Array, winners: Winners, windows: Windows) -> Int64Array:
        """Partial errors behind :meth:`maximum`: each to the cell that won."""

    def dropout(self, start: int, samples: Int64Array, n_units: int, threshold: int) -> Kept:
        """Which values are kept: (samples, n_units); ``start`` is the hash of seed, epoch and layer."""

    def update(self, constants: Constants, step: Step, parameters: Int32Array, gradients: Int64Array,
               state: Int32Array) -> Updated:
        """New parameters and state from the gradients of a batch, by the optimiser that the constants are of."""

    def pre_activation(self, sums: Int64Array, fraction: int, biases: Int32Array) -> tuple[Int32Array, int]:
        """Sums of fraction 12 + ``fraction`` with biases added, s8.23, and how many clipped."""

    def activate(self, a: Int32Array, activation: Activation, fraction: int,
                 negative_slope: int = 0) -> tuple[Int16Array, Slopes, int]:
        """Activations of the fraction asked for, their slopes, and how many clipped."""

    def hidden_error(self, e: Int64Array, slope: Slopes, activation: Activation) -> tuple[Int32Array, int]:
        """Errors, s3.28, from partial errors and slopes, and how many clipped."""

    def evaluate(self, rule: OutputRule, a: Int32Array, labels: Int32Array | None, targets: Int32Array | None,
                 want_errors: bool, weights: SampleWeights | None = None) -> OutputResult:
        """Outputs, loss, correct ones and, where wanted, errors of the output layer."""
