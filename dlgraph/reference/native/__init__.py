"""The reference's steps in compiled C, a few times faster than NumPy and the same in every bit.

The code is the C here and the machine's own C in ``c_models/kernels``.  An installed package brings it as the
extension ``dlgraph.reference._native`` (a plain shared library, loaded with ctypes); in a source tree it is compiled on
first use into the user's cache.  Where neither is possible, :func:`load` returns None and NumPy computes.
"""
from __future__ import annotations

import ctypes
import functools
import importlib.util
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph.formats import Int16Array, Int64Array, mean_rate, rate
from dlgraph.layers import NO_PADDING, Activation, Int32Array
from dlgraph.reference.backend import Backend, Kept, Slopes, Winners
from dlgraph.reference.losses import OutputResult, OutputRule, SampleWeights
from dlgraph.reference.native import build
from dlgraph.reference.optimisers import Updated
from dlgraph.reference.windows import Windows
from dlgraph.update_words import CONSTANT_WORDS, Constants, Step

_EXTENSION = "dlgraph.reference._native"
_why_not = "not tried"


class _LossConfig(ctypes.Structure):
    """``loss_config_t`` of c_models/kernels/losses.h."""

    _fields_ = [(name, ctypes.c_uint32)
                for name in ("activation", "loss", "metric", "from_logits", "mean_mantissa", "mean_shift")]


class _Windows(ctypes.Structure):
    """``windows_t`` of windows.h."""

    _fields_ = [(name, ctypes.c_size_t)
                for name in ("height", "width", "channels", "rows", "columns", "row_stride", "column_stride", "top", "left",
                             "down", "across")]

    @classmethod
    @functools.lru_cache(maxsize=256)
    def of(cls, windows: Windows) -> _Windows:
        return cls(*windows.image, *windows.size, *windows.strides, windows.padding[0][0], windows.padding[1][0],
                   *windows.positions)


class _BatchResult(ctypes.Structure):
    """``batch_result_t`` of reference.c."""

    _fields_ = [("loss", ctypes.c_int64), ("n_correct", ctypes.c_uint64), ("clips", ctypes.c_uint64)]


@functools.lru_cache(maxsize=1)
def load() -> ctypes.CDLL | None:
    """The compiled steps, or None; :func:`why_not` then says why."""
    global _why_not
    spec = importlib.util.find_spec(_EXTENSION) if not build.sanitized() else None
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
        "convolution_forward": ([pointer] * 4 + [size, size], ctypes.c_int),
        "convolution_backward": ([pointer] * 4 + [size, size], ctypes.c_int),
        "convolution_gradient": ([pointer] * 4 + [size, size, word], ctypes.c_int),
        "bias_gradient": ([pointer, pointer, size, size], None),
        "fits": ([pointer, size], ctypes.c_int),
        "average": ([pointer] * 4 + [size], ctypes.c_uint64),
        "average_backward": ([pointer] * 4 + [size], None),
        "maximum": ([pointer] * 4 + [size], None),
        "maximum_backward": ([pointer] * 4 + [size], None),
        "dropout": ([word, pointer, pointer, size, size, word], None),
        "leaky_relu": ([pointer] * 3 + [size, word, word], ctypes.c_uint64),
        "leaky_error": ([pointer] * 3 + [size], ctypes.c_uint64),
        "update": ([pointer] * 5 + [word], word),
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


@functools.lru_cache(maxsize=64)
def _dense(n_inputs: int) -> Windows:
    """A dense layer is the convolution of an image of one pixel."""
    return Windows((1, 1, n_inputs), (1, 1), (1, 1), NO_PADDING, (1, 1))


@functools.lru_cache(maxsize=64)
def _mean_rates(size: tuple[int, int]) -> npt.NDArray[np.uint32]:
    """Mantissa and shift of 1 / n for each number of cells n."""
    rates = [rate(1.0 / n) for n in range(1, size[0] * size[1] + 1)]
    return np.array([(0, 1), *((r.mantissa, r.shift) for r in rates)], np.uint32)


class NativeBackend(Backend):
    """:class:`~dlgraph.reference.backend.Backend` in compiled code."""

    name = "native"

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def forward(self, x: Int16Array, weights: Int32Array) -> Int64Array:
        return self.convolution_forward(x, weights, _dense(x.shape[1])).reshape(len(x), -1)

    def backward(self, d: Int32Array, weights: Int32Array) -> Int64Array:
        return self.convolution_backward(d, weights, _dense(len(weights))).reshape(len(d), -1)

    def gradient(self, x: Int16Array, d: Int32Array, shift: int) -> Int64Array:
        return self.convolution_gradient(x, d, shift, _dense(x.shape[1])).reshape(x.shape[1], -1)

    def convolution_forward(self, x: Int16Array, weights: Int32Array, windows: Windows) -> Int64Array:
        x, weights = _contiguous(x, np.int16), _contiguous(weights, np.int32)
        sums = np.empty((len(x), *windows.positions, weights.shape[-1]), np.int64)
        self._call("convolution_forward", windows, x, weights, sums, len(x), weights.shape[-1])
        return sums

    def convolution_backward(self, d: Int32Array, weights: Int32Array, windows: Windows) -> Int64Array:
        d, weights = _contiguous(d, np.int32), _contiguous(weights, np.int32)
        sums = np.empty((len(d), *windows.image), np.int64)
        self._call("convolution_backward", windows, d, weights, sums, len(d), weights.shape[-1])
        return sums

    def convolution_gradient(self, x: Int16Array, d: Int32Array, shift: int, windows: Windows) -> Int64Array:
        x, d = _contiguous(x, np.int16), _contiguous(d, np.int32)
        sums = np.empty((*windows.size, windows.image[2], d.shape[-1]), np.int64)
        self._call("convolution_gradient", windows, x, d, sums, len(x), d.shape[-1], shift)
        return sums

    def convolution_bias_gradient(self, d: Int32Array) -> Int64Array:
        d = _contiguous(d, np.int32)
        sums = np.empty(d.shape[-1], np.int64)
        self._library.reference_bias_gradient(d.ctypes.data, sums.ctypes.data, d.size // sums.size, sums.size)
        return sums

    def fits(self, sums: Int64Array) -> bool:
        sums = _contiguous(sums, np.int64)
        return bool(self._library.reference_fits(sums.ctypes.data, sums.size))

    def _call(self, name: str, windows: Windows, *arguments: Any) -> None:
        if getattr(self._library, f"reference_{name}")(*self._pointers(windows, arguments)):
            raise MemoryError(f"no memory for the reference's {name}")

    @staticmethod
    def _pointers(windows: Windows, arguments: tuple[Any, ...]) -> list[Any]:
        return [ctypes.byref(_Windows.of(windows)),
                *(a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments)]

    def average(self, x: Int16Array, windows: Windows) -> tuple[Int16Array, int]:
        x = _contiguous(x, np.int16)
        means = np.empty((len(x), *windows.positions, windows.image[2]), np.int16)
        clips = self._library.reference_average(*self._pointers(windows, (x, _mean_rates(windows.size), means, len(x))))
        return means, clips

    def average_backward(self, e: Int64Array, windows: Windows) -> Int64Array:
        e = _contiguous(e, np.int64)
        sums = np.empty((len(e), *windows.image), np.int64)
        self._library.reference_average_backward(*self._pointers(windows, (e, _mean_rates(windows.size), sums, len(e))))
        return sums

    def maximum(self, x: Int16Array, windows: Windows) -> tuple[Int16Array, Winners]:
        x = _contiguous(x, np.int16)
        shape = (len(x), *windows.positions, windows.image[2])
        largest, winners = np.empty(shape, np.int16), np.empty(shape, np.int32)
        self._library.reference_maximum(*self._pointers(windows, (x, largest, winners, len(x))))
        return largest, winners

    def maximum_backward(self, e: Int64Array, winners: Winners, windows: Windows) -> Int64Array:
        e = _contiguous(e, np.int64)
        sums = np.empty((len(e), *windows.image), np.int64)
        self._library.reference_maximum_backward(*self._pointers(windows, (e, winners, sums, len(e))))
        return sums

    def dropout(self, start: int, samples: Int64Array, n_units: int, threshold: int) -> Kept:
        kept = np.empty((len(samples), n_units), np.bool_)
        numbers = samples.astype(np.uint32)
        self._library.reference_dropout(start, numbers.ctypes.data, kept.ctypes.data, *kept.shape, threshold)
        return kept

    def update(self, constants: Constants, step: Step, parameters: Int32Array, gradients: Int64Array,
               state: Int32Array) -> Updated:
        told = np.array([*constants.words(), *step.words()], np.uint32)
        parameters, state = np.array(parameters, np.int32, order="C"), np.array(state, np.int32, order="C")
        sums = np.array(gradients, np.int32, order="C")
        at = told.ctypes.data
        clips = self._library.reference_update(at, at + 4 * CONSTANT_WORDS, parameters.ctypes.data, sums.ctypes.data,
                                               state.ctypes.data, parameters.size)
        return parameters, state, clips

    def pre_activation(self, sums: Int64Array, fraction: int, biases: Int32Array) -> tuple[Int32Array, int]:
        sums, biases = _contiguous(sums, np.int64), _contiguous(biases, np.int32)
        a = np.empty(sums.shape, np.int32)
        clips = self._library.reference_pre_activation(sums.ctypes.data, biases.ctypes.data, a.ctypes.data,
                                                       sums.size // biases.size, biases.size, fraction - 11)
        return a, clips

    def activate(self, a: Int32Array, activation: Activation, fraction: int,
                 negative_slope: int = 0) -> tuple[Int16Array, Slopes, int]:
        a = _contiguous(a, np.int32)
        x, slopes = np.empty(a.shape, np.int16), np.empty(a.shape, np.uint16)
        if activation is Activation.LEAKY_RELU:
            clips = self._library.reference_leaky_relu(a.ctypes.data, x.ctypes.data, slopes.ctypes.data, a.size,
                                                       negative_slope, fraction)
            return x, slopes, clips
        clips = self._library.reference_activate(a.ctypes.data, x.ctypes.data, slopes.ctypes.data, a.size,
                                                 activation.value, fraction)
        return x, slopes, clips

    def hidden_error(self, e: Int64Array, slope: Slopes, activation: Activation) -> tuple[Int32Array, int]:
        e, slope = _contiguous(e, np.int64), _contiguous(slope, np.uint16)
        d = np.empty(e.shape, np.int32)
        if activation is Activation.LEAKY_RELU:
            return d, self._library.reference_leaky_error(e.ctypes.data, slope.ctypes.data, d.ctypes.data, e.size)
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
