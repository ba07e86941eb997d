"""What the executor asks of whoever computes: NumPy here, compiled code in :mod:`dlgraph.reference.native`.

Shapes: ``x`` int16 (batch, n_inputs); ``weights`` int32 (n_inputs, n_units); ``d``, ``a`` int32 (batch, n_units); sums
int64.  Formats are those of ``docs/arithmetic.rst``.
"""
from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from dlgraph.formats import Int16Array, Int64Array, Rate, round_shift, saturate32
from dlgraph.layer_graph import Activation, Int32Array
from dlgraph.reference import dense, functions, losses
from dlgraph.reference.losses import OutputResult, OutputRule

Slopes = npt.NDArray[np.uint16]


class Backend(Protocol):
    """One step of each kind, for a batch; numbers of clips come last."""

    name: str

    def forward(self, x: Int16Array, weights: Int32Array) -> Int64Array: ...

    def backward(self, d: Int32Array, weights: Int32Array) -> Int64Array: ...

    def gradient(self, x: Int16Array, d: Int32Array, shift: int) -> Int64Array: ...

    def update(self, parameters: Int32Array, gradients: Int64Array, rate: Rate) -> tuple[Int32Array, int]: ...

    def pre_activation(self, sums: Int64Array, fraction: int, biases: Int32Array) -> tuple[Int32Array, int]: ...

    def activate(self, a: Int32Array, activation: Activation, fraction: int) -> tuple[Int16Array, Slopes, int]: ...

    def hidden_error(self, e: Int64Array, slope: Slopes, activation: Activation) -> tuple[Int32Array, int]: ...

    def evaluate(self, rule: OutputRule, a: Int32Array, labels: Int32Array | None, targets: Int32Array | None,
                 want_errors: bool) -> OutputResult: ...


class NumpyBackend:
    """The arithmetic in NumPy: what every other implementation is compared with."""

    name = "numpy"

    def forward(self, x: Int16Array, weights: Int32Array) -> Int64Array:
        return dense.forward(x, weights)

    def backward(self, d: Int32Array, weights: Int32Array) -> Int64Array:
        return dense.backward(d, weights)

    def gradient(self, x: Int16Array, d: Int32Array, shift: int) -> Int64Array:
        return dense.gradient(x, d, shift)

    def update(self, parameters: Int32Array, gradients: Int64Array, rate: Rate) -> tuple[Int32Array, int]:
        return dense.update(parameters, gradients, rate)

    def pre_activation(self, sums: Int64Array, fraction: int, biases: Int32Array) -> tuple[Int32Array, int]:
        a, clips = saturate32(round_shift(sums, fraction - 11) + biases)
        return a.astype(np.int32), clips

    def activate(self, a: Int32Array, activation: Activation, fraction: int) -> tuple[Int16Array, Slopes, int]:
        x, slope, clips = functions.activate(a.astype(np.int64), activation, fraction)
        return x.astype(np.int16), slope.astype(np.uint16), clips

    def hidden_error(self, e: Int64Array, slope: Slopes, activation: Activation) -> tuple[Int32Array, int]:
        d, clips = functions.hidden_error(e, slope.astype(np.int64), activation)
        return d.astype(np.int32), clips

    def evaluate(self, rule: OutputRule, a: Int32Array, labels: Int32Array | None, targets: Int32Array | None,
                 want_errors: bool) -> OutputResult:
        return losses.evaluate(rule, a, labels, targets, want_errors)
