"""The dense layer in NumPy: forward, backward and gradient side by side.

Shapes: ``x`` (batch, n_inputs), ``weights`` (n_inputs, n_units), ``d`` and sums (batch, n_units).  Every product is
truncated by itself, so there is no matrix product to use: products are made a block at a time, small enough for the
cache, and where rows are long only those of inputs that are not zero.  Sums are int64; the caller checks them.
"""
from __future__ import annotations

import numpy as np

from dlgraph.formats import Int16Array, Int64Array
from dlgraph.layers import DenseLayer, Int32Array
from dlgraph.reference.backend import Backend
from dlgraph.reference.rules import WeightRule, register

_BLOCK = 1 << 15            # products made at a time (256 KB of int64)
_LARGE = 1 << 12            # weights from which a sample is handled alone, without its zeros


def forward(x: Int16Array, weights: Int32Array) -> Int64Array:
    """Sums over the inputs of ``(W[i][j] * x[i]) >> 16``: (batch, n_units), fraction 12 + fx."""
    wide = weights.astype(np.int64)
    sums = np.empty((x.shape[0], weights.shape[1]), np.int64)
    if weights.size >= _LARGE:
        for sample, row in enumerate(x):
            used = np.flatnonzero(row)
            products = wide[used]
            products *= row[used].astype(np.int64)[:, None]
            products >>= 16
            products.sum(axis=0, out=sums[sample])
        return sums
    for block in _blocks(x.shape[0], weights.size):
        products = x[block].astype(np.int64)[:, :, None] * wide
        products >>= 16
        products.sum(axis=1, out=sums[block])
    return sums


def backward(d: Int32Array, weights: Int32Array) -> Int64Array:
    """Sums over the units of ``(d[j] * (W[i][j] >> 16)) >> 16``: (batch, n_inputs), s7.24."""
    top = weights.astype(np.int64) >> 16
    sums = np.empty((d.shape[0], weights.shape[0]), np.int64)
    for block in _blocks(d.shape[0], weights.size):
        products = d[block].astype(np.int64)[:, None, :] * top
        products >>= 16
        products.sum(axis=2, out=sums[block])
    return sums


def gradient(x: Int16Array, d: Int32Array, shift: int) -> Int64Array:
    """Sums over the batch of ``((d[j] >> s) * x[i]) >> 16``: (n_inputs, n_units), fraction 12 + fx - s."""
    shifted = d.astype(np.int64) >> shift
    sums = np.zeros((x.shape[1], d.shape[1]), np.int64)
    if sums.size >= _LARGE:
        for sample, row in enumerate(x):
            used = np.flatnonzero(row)
            products = row[used].astype(np.int64)[:, None] * shifted[sample]
            products >>= 16
            sums[used] += products
        return sums
    for block in _blocks(x.shape[0], sums.size):
        products = x[block].astype(np.int64)[:, :, None] * shifted[block][:, None, :]
        products >>= 16
        sums += products.sum(axis=0)
    return sums


def bias_gradient(d: Int32Array, shift: int) -> Int64Array:
    """Sums over the batch of ``d[j] >> sb``: (n_units,), fraction 28 - sb."""
    result: Int64Array = (d.astype(np.int64) >> shift).sum(axis=0)
    return result


def _blocks(batch: int, products_per_sample: int) -> list[slice]:
    size = max(1, _BLOCK // max(1, products_per_sample))
    return [slice(start, min(start + size, batch)) for start in range(0, batch, size)]


@register(DenseLayer)
class DenseRule(WeightRule[DenseLayer]):
    """A fully connected layer, on all values of its input."""

    def sums(self, backend: Backend, x: Int16Array, weights: Int32Array) -> Int64Array:
        return backend.forward(x.reshape(len(x), -1), weights).reshape(-1, *self.shape)

    def partial_errors(self, backend: Backend, d: Int32Array, weights: Int32Array) -> Int64Array:
        return backend.backward(d.reshape(len(d), -1), weights).reshape(-1, *self.in_shapes[0])

    def weight_gradients(self, backend: Backend, x: Int16Array, d: Int32Array, shift: int) -> Int64Array:
        return backend.gradient(x.reshape(len(x), -1), d.reshape(len(d), -1), shift)

    def bias_gradients(self, backend: Backend, d: Int32Array, shift: int) -> Int64Array:
        return bias_gradient(d.reshape(len(d), -1), shift)
