"""The arithmetic in NumPy: what every other implementation is compared with."""
from __future__ import annotations

import numpy as np

from dlgraph.formats import Int16Array, Int64Array, round_shift, saturate32
from dlgraph.layers import Activation, Int32Array
from dlgraph.reference import convolution, dense, elementwise, functions, losses, optimisers, pooling
from dlgraph.reference.backend import Backend, Kept, Slopes, Winners
from dlgraph.reference.losses import OutputResult, OutputRule, SampleWeights
from dlgraph.reference.optimisers import Updated
from dlgraph.reference.windows import Windows
from dlgraph.update_words import Constants, Step


class NumpyBackend(Backend):
    """:class:`~dlgraph.reference.backend.Backend` in NumPy."""

    name = "numpy"

    def forward(self, x: Int16Array, weights: Int32Array) -> Int64Array:
        return dense.forward(x, weights)

    def backward(self, d: Int32Array, weights: Int32Array) -> Int64Array:
        return dense.backward(d, weights)

    def gradient(self, x: Int16Array, d: Int32Array, shift: int) -> Int64Array:
        return dense.gradient(x, d, shift)

    def convolution_forward(self, x: Int16Array, weights: Int32Array, windows: Windows) -> Int64Array:
        return convolution.forward(x, weights, windows)

    def convolution_backward(self, d: Int32Array, weights: Int32Array, windows: Windows) -> Int64Array:
        return convolution.backward(d, weights, windows)

    def convolution_gradient(self, x: Int16Array, d: Int32Array, shift: int, windows: Windows) -> Int64Array:
        return convolution.gradient(x, d, shift, windows)

    def convolution_bias_gradient(self, d: Int32Array) -> Int64Array:
        return convolution.bias_gradient(d)

    def fits(self, sums: Int64Array) -> bool:
        return sums.size == 0 or (int(sums.max()) < 2**31 and int(sums.min()) >= -2**31)

    def average(self, x: Int16Array, windows: Windows) -> tuple[Int16Array, int]:
        return pooling.average(x, windows)

    def average_backward(self, e: Int64Array, windows: Windows) -> Int64Array:
        return pooling.average_backward(e, windows)

    def maximum(self, x: Int16Array, windows: Windows) -> tuple[Int16Array, Winners]:
        return pooling.maximum(x, windows)

    def maximum_backward(self, e: Int64Array, winners: Winners, windows: Windows) -> Int64Array:
        return pooling.maximum_backward(e, winners, windows)

    def dropout(self, start: int, samples: Int64Array, n_units: int, threshold: int) -> Kept:
        return elementwise.dropout(start, samples, n_units, threshold)

    def update(self, constants: Constants, step: Step, parameters: Int32Array, gradients: Int64Array,
               state: Int32Array) -> Updated:
        return optimisers.update(constants, step, parameters, gradients, state)

    def pre_activation(self, sums: Int64Array, fraction: int, biases: Int32Array) -> tuple[Int32Array, int]:
        a, clips = saturate32(round_shift(sums, fraction - 11) + biases)
        return a.astype(np.int32), clips

    def activate(self, a: Int32Array, activation: Activation, fraction: int,
                 negative_slope: int = 0) -> tuple[Int16Array, Slopes, int]:
        x, slope, clips = functions.activate(a.astype(np.int64), activation, fraction, negative_slope)
        return x.astype(np.int16), slope.astype(np.uint16), clips

    def hidden_error(self, e: Int64Array, slope: Slopes, activation: Activation) -> tuple[Int32Array, int]:
        d, clips = functions.hidden_error(e, slope.astype(np.int64), activation)
        return d.astype(np.int32), clips

    def evaluate(self, rule: OutputRule, a: Int32Array, labels: Int32Array | None, targets: Int32Array | None,
                 want_errors: bool, weights: SampleWeights | None = None) -> OutputResult:
        return losses.evaluate(rule, a, labels, targets, want_errors, weights)
