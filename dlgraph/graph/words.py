"""Layers and optimisers in words."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from dlgraph.layers import (
    NO_PADDING, Activation, ActivationLayer, ConvolutionLayer, DropoutLayer, Layer, PaddingLayer, Pooling, PoolingLayer,
    WeightLayer)
from dlgraph.optimisers import Optimiser

#: Layers that are named, of those whose values one takes.
MOST_NAMED = 3


def product(numbers: Sequence[int]) -> str:
    """``28 x 28 x 1``."""
    return " x ".join(map(str, numbers))


def taken_words(names: Sequence[str]) -> str:
    """``a + b``; of many the first ones."""
    return " + ".join(names if len(names) <= MOST_NAMED else [*names[:MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} more"])


def n_parameters(layer: Layer) -> int:
    """That are trained."""
    return layer.weights.size + layer.use_bias * layer.n_units if isinstance(layer, WeightLayer) else 0


def layer_words(layer: Layer) -> str:
    """What a layer does, such as ``convolution 5 x 5, relu``."""
    parts = [type(layer).__name__.removesuffix("Layer").lower()]
    if isinstance(layer, ConvolutionLayer):
        parts = [f"convolution {product(layer.weights.shape[:2])}"]
        if layer.strides != (1, 1):
            parts.append(f"every {product(layer.strides)}")
    elif isinstance(layer, PoolingLayer):
        parts = [f"{'maximum' if layer.kind is Pooling.MAXIMUM else 'average'} of {product(layer.size)}"]
        if layer.strides != layer.size:
            parts.append(f"every {product(layer.strides)}")
    elif isinstance(layer, DropoutLayer):
        parts = [f"dropout {layer.rate:g}"]
    if isinstance(layer, (ConvolutionLayer, PoolingLayer, PaddingLayer)) and layer.padding != NO_PADDING:
        (top, bottom), (left, right) = layer.padding
        parts.append(f"zeros {top}+{bottom} x {left}+{right}")
    if isinstance(layer, (WeightLayer, ActivationLayer)):
        parts += [] if layer.activation is Activation.LINEAR else [layer.activation.name.lower()]
        if layer.activation is Activation.LEAKY_RELU:
            parts[-1] += f" {layer.negative_slope / 2**15:.3g}"
    if isinstance(layer, WeightLayer) and not layer.use_bias:
        parts.append("no bias")
    return ", ".join(parts)


def optimiser_words(optimiser: Optimiser) -> str:
    """Such as ``Sgd(learning_rate=0.1, momentum=0.9)``: what is not as it is when nothing is said."""
    told = [f"{field.name}={_number(getattr(optimiser, field.name))}" for field in fields(optimiser)
            if field.name == "learning_rate" or (getattr(optimiser, field.name) != field.default and field.name != "undecayed")]
    return f"{type(optimiser).__name__}({', '.join(told)})"


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
