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

    def forward(self, x: Int16Array, weights: Int32Array) -> Int64Array: ...

    def backward(self, d: Int32Array, weights: Int32Array) -> Int64Array: ...

    def gradient(self, x: Int16Array, d: Int32Array, shift: int) -> Int64Array: ...

    def convolution_forward(self, x: Int16Array, weights: Int32Array, windows: Windows) -> Int64Array: ...

    def convolution_backward(self, d: Int32Array, weights: Int32Array, windows: Windows) -> Int64Array: ...

    def convolution_gradient(self, x: Int16Array, d: Int32Array, shift: int, windows: Windows) -> Int64Array: ...

    def convolution_bias_gradient(self, d: Int32Array) -> Int64Array: ...

    def fits(self, sums: Int64Array) -> bool:
        """Whether checked sums are within their 32 bits."""

    def average(self, x: Int16Array, windows: Windows) -> tuple[Int16Array, int]: ...

    def average_backward(self, e: Int64Array, windows: Windows) -> Int64Array: ...

    def maximum(self, x: Int16Array, windows: Windows) -> tuple[Int16Array, Winners]: ...

    def maximum_backward(self, e: Int64Array, winners: Winners, windows: Windows) -> Int64Array: ...

    def dropout(self, start: int, samples: Int64Array, n_units: int, threshold: int) -> Kept: ...

    def update(self, constants: Constants, step: Step, parameters: Int32Array, gradients: Int64Array,
               state: Int32Array) -> Updated: ...

    def pre_activation(self, sums: Int64Array, fraction: int, biases: Int32Array) -> tuple[Int32Array, int]: ...

    def activate(self, a: Int32Array, activation: Activation, fraction: int,
                 negative_slope: int = 0) -> tuple[Int16Array, Slopes, int]: ...

    def hidden_error(self, e: Int64Array, slope: Slopes, activation: Activation) -> tuple[Int32Array, int]: ...

    def evaluate(self, rule: OutputRule, a: Int32Array, labels: Int32Array | None, targets: Int32Array | None,
                 want_errors: bool, weights: SampleWeights | None = None) -> OutputResult: ...
