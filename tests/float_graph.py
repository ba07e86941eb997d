"""What a layer graph computes, in floating point: the forward pass of its layers one by one, outside training."""
from __future__ import annotations

import numpy as np

from dlgraph.layer_graph import (
    INPUT, Activation, ActivationLayer, AddLayer, ConcatenateLayer, ConvolutionLayer, DenseLayer, DropoutLayer, LayerGraph,
    PaddingLayer, Pooling, PoolingLayer, ReshapeLayer, WeightLayer)


def evaluate(graph: LayerGraph, x: np.ndarray) -> np.ndarray:
    """Outputs (n_samples, n_outputs) of float samples, in any shape but for the first axis."""
    values = {INPUT: np.asarray(x, np.float64).reshape(len(x), *graph.input_shape)}
    for number, layer in enumerate(graph.layers):
        value = _value(layer, [values[i] for i in layer.inputs])
        assert value.shape[1:] == graph.shapes[number], layer.name
        values[number] = value
    return value.reshape(len(x), -1)


def _value(layer, inputs):
    x = inputs[0]
    if isinstance(layer, WeightLayer):
        weights, biases = layer.weights / 2.0**28, layer.biases / 2.0**23
        if isinstance(layer, DenseLayer):
            total = (x.reshape(len(x), -1) @ weights)[:, np.newaxis, np.newaxis]
        else:
            total = np.stack([window.reshape(len(x), -1) @ weights.reshape(-1, layer.n_units)
                              for window in _windows(layer, x, weights.shape[:2], 0.0)], axis=1)
            total = total.reshape(len(x), *_positions(layer, x), layer.n_units)
        return _activated(layer, total + biases)
    if isinstance(layer, PoolingLayer):
        mean = np.nanmean if layer.kind is Pooling.AVERAGE else np.nanmax
        cells = np.stack([mean(window, axis=(1, 2)) for window in _windows(layer, x, layer.size, np.nan)], axis=1)
        return cells.reshape(len(x), *_positions(layer, x), x.shape[-1])
    if isinstance(layer, ActivationLayer):
        return _activated(layer, x)
    if isinstance(layer, PaddingLayer):
        return np.pad(x, ((0, 0), *layer.padding, (0, 0)))
    if isinstance(layer, ReshapeLayer):
        return x.reshape(len(x), *layer.shape)
    if isinstance(layer, AddLayer):
        return sum(inputs)
    if isinstance(layer, ConcatenateLayer):
        return np.concatenate(inputs, axis=-1)
    assert isinstance(layer, DropoutLayer)
    return x


def _size(layer):
    return layer.weights.shape[:2] if isinstance(layer, ConvolutionLayer) else layer.size


def _positions(layer, x):
    return [(x.shape[1 + axis] + sum(layer.padding[axis]) - _size(layer)[axis]) // layer.strides[axis] + 1 for axis in (0, 1)]


def _windows(layer, x, size, around):
    """The windows in row-major order, each (n_samples, rows, columns, channels)."""
    padded = np.pad(x, ((0, 0), *layer.padding, (0, 0)), constant_values=around)
    rows, columns = _positions(layer, x)
    for row in range(rows):
        for column in range(columns):
            top, left = row * layer.strides[0], column * layer.strides[1]
            yield padded[:, top:top + size[0], left:left + size[1]]


def _activated(layer, a):
    if layer.activation is Activation.SOFTMAX:
        e = np.exp(a - a.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)
    return {Activation.LINEAR: lambda: a, Activation.RELU: lambda: np.maximum(a, 0), Activation.TANH: lambda: np.tanh(a),
            Activation.SIGMOID: lambda: 1 / (1 + np.exp(-a)),
            Activation.LEAKY_RELU: lambda: np.where(a > 0, a, a * layer.negative_slope / 2**15)}[layer.activation]()
