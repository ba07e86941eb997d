"""The reference's steps in compiled C, a few times faster than NumPy and the same in every bit.

The code is ``reference.c`` here and the machine's own C in ``c_models/kernels``.  An installed package brings it as the
extension ``dlgraph.reference._native`` (a plain shared library, loaded with ctypes); in a source tree it is compiled on
first use into the user's cache.  Where neither is possible, :func:`load` returns None and NumPy computes.
"""
from __future__ import annotations

import ctypes
import functools
import importlib.util
from typing import Any

import numpy as np

from dlgraph.formats import Int16Array, Int64Array, Rate, mean_rate
from dlgraph.layer_graph import Activation, Int32Array
from dlgraph.reference.backend import Slopes
from dlgraph.reference.losses import OutputResult, OutputRule, SampleWeights
from dlgraph.reference.native import build
from dlgraph.reference.numpy_backend import NumpyBackend

_EXTENSION = "dlgraph.reference._native"
_why_not = "not tried"


class _LossConfig(ctypes.Structure):
    """``loss_config_t`` of c_models/kernels/losses.h."""

    _fields_ = [(name, ctypes.c_uint32)
                for name in ("activation", "loss", "metric", "from_logits", "mean_mantissa", "mean_shift")]


class _BatchResult(ctypes.Structure):
    """``batch_result_t`` of reference.c."""

    _fields_ = [("loss", ctypes.c_int64), ("n_correct", ctypes.c_uint64), ("clips", ctypes.c_uint64)]


@functools.lru_cache(maxsize=1)
def load() -> ctypes.CDLL | None:
    """The compiled steps, or None; :func:`why_not` then says why."""
    global _why_not
    spec = importlib.util.find_spec(_EXTENSION)
    try:
        path = spec.origin if spec is not None and spec.origin else str(build.build())
        return _declare(ctypes.CDLL(path))
    except (build.BuildError, OSError) as error:
        _why_not = str(error)
        return None


def why_not() -> str:
    """Why :func:`load` returned None."""
    return _why_not


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, size, word, signed = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_int32
    signatures: dict[str, tuple[list[Any], Any]] = {
        "forward": ([pointer] * 3 + [size] * 3, None),
        "backward": ([pointer] * 3 + [size] * 3, None),
        "gradient": ([pointer] * 4 + [size] * 3 + [word], None),
        "update": ([pointer] * 3 + [size, word, word], ctypes.c_uint64),
        "pre_activation": ([pointer] * 3 + [size, size, signed], ctypes.c_uint64),
        "activate": ([pointer] * 3 + [size, word, word], ctypes.c_uint64),
        "hidden_error": ([pointer] * 3 + [size, word], ctypes.c_uint64),
        "evaluate": ([pointer, pointer, pointer, size, pointer, pointer, pointer, size, word, pointer], None),
    }
    for name, (arguments, result) in signatures.items():
        function = getattr(library, f"reference_{name}")
        function.argtypes, function.restype = arguments, result
    return library


def _contiguous(array: Any, dtype: Any) -> Any:
    return np.ascontiguousarray(array, dtype)


class NativeBackend(NumpyBackend):
    """:class:`~dlgraph.reference.backend.Backend` in compiled code, where that is worth it."""

    name = "native"

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def forward(self, x: Int16Array, weights: Int32Array) -> Int64Array:
        x, weights = _contiguous(x, np.int16), _contiguous(weights, np.int32)
        sums = np.empty((x.shape[0], weights.shape[1]), np.int64)
        self._library.reference_forward(x.ctypes.data, weights.ctypes.data, sums.ctypes.data, len(x), *weights.shape)
        return sums

    def backward(self, d: Int32Array, weights: Int32Array) -> Int64Array:
        d, weights = _contiguous(d, np.int32), _contiguous(weights, np.int32)
        sums = np.empty((d.shape[0], weights.shape[0]), np.int64)
        self._library.reference_backward(d.ctypes.data, weights.ctypes.data, sums.ctypes.data, len(d), *weights.shape)
        return sums

    def gradient(self, x: Int16Array, d: Int32Array, shift: int) -> Int64Array:
        x, d = _contiguous(x, np.int16), _contiguous(d, np.int32)
        sums = np.empty((x.shape[1], d.shape[1]), np.int64)
        scratch = np.empty(d.shape[1], np.int32)
        self._library.reference_gradient(x.ctypes.data, d.ctypes.data, sums.ctypes.data, scratch.ctypes.data,
                                         len(x), *sums.shape, shift)
        return sums

    def update(self, parameters: Int32Array, gradients: Int64Array, rate: Rate) -> tuple[Int32Array, int]:
        parameters, gradients = _contiguous(parameters, np.int32), _contiguous(gradients, np.int64)
        result = np.empty_like(parameters)
        clips = self._library.reference_update(parameters.ctypes.data, gradients.ctypes.data, result.ctypes.data,
                                               parameters.size, rate.mantissa, rate.shift)
        return result, clips

    def pre_activation(self, sums: Int64Array, fraction: int, biases: Int32Array) -> tuple[Int32Array, int]:
        sums, biases = _contiguous(sums, np.int64), _contiguous(biases, np.int32)
        a = np.empty(sums.shape, np.int32)
        clips = self._library.reference_pre_activation(sums.ctypes.data, biases.ctypes.data, a.ctypes.data,
                                                       sums.size // biases.size, biases.size, fraction - 11)
        return a, clips

    def activate(self, a: Int32Array, activation: Activation, fraction: int,
                 negative_slope: int = 0) -> tuple[Int16Array, Slopes, int]:
        if activation is Activation.LEAKY_RELU:
            return super().activate(a, activation, fraction, negative_slope)
        a = _contiguous(a, np.int32)
        x, slopes = np.empty(a.shape, np.int16), np.empty(a.shape, np.uint16)
        clips = self._library.reference_activate(a.ctypes.data, x.ctypes.data, slopes.ctypes.data, a.size,
                                                 activation.value, fraction)
        return x, slopes, clips

    def hidden_error(self, e: Int64Array, slope: Slopes, activation: Activation) -> tuple[Int32Array, int]:
        if activation is Activation.LEAKY_RELU:
            return super().hidden_error(e, slope, activation)
        e, slope = _contiguous(e, np.int64), _contiguous(slope, np.uint16)
        d = np.empty(e.shape, np.int32)
        clips = self._library.reference_hidden_error(e.ctypes.data, slope.ctypes.data, d.ctypes.data, e.size,
                                                     activation.value)
        return d, clips

    def evaluate(self, rule: OutputRule, a: Int32Array, labels: Int32Array | None, targets: Int32Array | None,
                 want_errors: bool, weights: SampleWeights | None = None) -> OutputResult:
        a = _contiguous(a, np.int32)
        batch, n = a.shape
        mean = mean_rate(n)
        config = _LossConfig(rule.activation.value, rule.loss.value, rule.metric.value, rule.from_logits,
                             mean.mantissa, mean.shift)
        wanted = labels if targets is None else targets
        if wanted is not None:
            wanted = _contiguous(wanted, np.int32)
        if weights is not None:
            weights = _contiguous(weights, np.uint32)
        outputs = np.empty_like(a)
        errors = np.empty_like(a) if want_errors and wanted is not None else None
        result = _BatchResult()
        self._library.reference_evaluate(
            ctypes.addressof(config), a.ctypes.data, None if wanted is None else wanted.ctypes.data,
            1 if targets is None else n, None if weights is None else weights.ctypes.data, outputs.ctypes.data,
            None if errors is None else errors.ctypes.data, batch, n, ctypes.addressof(result))
        return OutputResult(outputs, errors, result.loss, result.n_correct, result.clips)
