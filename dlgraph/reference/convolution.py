"""The convolution in NumPy: forward, backward and gradient side by side.

Shapes: ``x`` (batch, height, width, channels in), ``weights`` (kernel height, kernel width, channels in, channels out),
``d`` and sums (batch, rows of positions, columns of positions, channels out).  Under each cell of the kernel it is a
dense layer at every position.  Sums are int64; the caller checks them.
"""
from __future__ import annotations

import numpy as np

from dlgraph.formats import Int16Array, Int64Array
from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import ConvolutionLayer, Int32Array
from dlgraph.reference import dense
from dlgraph.reference.backend import Backend
from dlgraph.reference.rules import WeightRule, register
from dlgraph.reference.windows import Windows


def forward(x: Int16Array, weights: Int32Array, windows: Windows) -> Int64Array:
    """Sums over the kernel's cells and input channels of ``(W[u][j] * x[p, u]) >> 16``, fraction 12 + fx."""
    sums = np.zeros((len(x), *windows.positions, weights.shape[3]), np.int64)
    for cell in windows.cells:
        under = x[cell.inside]
        products = dense.forward(under.reshape(-1, x.shape[3]), weights[cell.row, cell.column])
        sums[cell.outside] += products.reshape(*under.shape[:3], -1)
    return sums


def backward(d: Int32Array, weights: Int32Array, windows: Windows) -> Int64Array:
    """Sums over positions and units of ``(d[p][j] * (W[u][j] >> 16)) >> 16``: (batch, *image), s7.24."""
    sums = np.zeros((len(d), *windows.image), np.int64)
    for cell in windows.cells:
        above = d[cell.outside]
        products = dense.backward(above.reshape(-1, d.shape[3]), weights[cell.row, cell.column])
        sums[cell.inside] += products.reshape(*above.shape[:3], -1)
    return sums


def gradient(x: Int16Array, d: Int32Array, shift: int, windows: Windows) -> Int64Array:
    """Sums over batch and positions of ``((d[p][j] >> s) * x[p, u]) >> 16``: weights' shape, fraction 12 + fx - s."""
    sums = np.zeros((*windows.size, x.shape[3], d.shape[3]), np.int64)
    for cell in windows.cells:
        sums[cell.row, cell.column] = dense.gradient(x[cell.inside].reshape(-1, x.shape[3]),
                                                     d[cell.outside].reshape(-1, d.shape[3]), shift)
    return sums


def bias_gradient(d: Int32Array) -> Int64Array:
    """Sums over batch and positions of ``d[p][j]``: (n_units,)."""
    sums: Int64Array = d.sum(axis=(0, 1, 2), dtype=np.int64)
    return sums


@register(ConvolutionLayer)
class ConvolutionRule(WeightRule[ConvolutionLayer]):
    """A layer of shared kernels."""

    def __init__(self, graph: LayerGraph, number: int) -> None:
        super().__init__(graph, number)
        height, width = self.layer.weights.shape[:2]
        self._windows = Windows(self.in_shapes[0], (height, width), self.layer.strides, self.layer.padding, self.shape[:2])

    def sums(self, backend: Backend, x: Int16Array, weights: Int32Array) -> Int64Array:
        return backend.convolution_forward(x, weights, self._windows)

    def partial_errors(self, backend: Backend, d: Int32Array, weights: Int32Array) -> Int64Array:
        return backend.convolution_backward(d, weights, self._windows)

    def weight_gradients(self, backend: Backend, x: Int16Array, d: Int32Array, shift: int) -> Int64Array:
        return backend.convolution_gradient(x, d, shift, self._windows)

    def bias_gradients(self, backend: Backend, d: Int32Array, shift: int) -> Int64Array:
        # shifted once: sample by sample, the cut-off parts of many positions would add up
        return backend.convolution_bias_gradient(d) >> shift
