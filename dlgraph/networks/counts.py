"""Parameters and connections of a model, counted as LeCun et al. 1998 do."""
from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from dlgraph.errors import ModelError


@dataclass(frozen=True)
class LayerCount:
    """One layer.

    :ivar name: the Keras layer's
    :ivar shape: of one sample after it
    :ivar parameters: numbers that are trained
    :ivar connections: inputs that one unit takes, its bias among them, summed over all units; those into padding count
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    connections: int


def layer_counts(model: Any) -> list[LayerCount]:
    """Of every layer that has connections.

    :param model: a built Keras model of Conv2D, AveragePooling2D, MaxPooling2D and Dense layers; layers without arithmetic
        may lie between them
    :raises ModelError: for layers with weights of other kinds
    """
    counts = []
    for layer in model.layers:
        kind = type(layer).__name__
        parameters = int(sum(prod(weight.shape) for weight in layer.weights))
        shape = tuple(int(size) for size in layer.output.shape[1:])
        if kind == "Conv2D":
            connections = parameters * shape[0] * shape[1]
        elif kind == "Dense":
            connections = parameters
        elif kind in ("AveragePooling2D", "MaxPooling2D"):
            connections = prod(layer.pool_size) * prod(shape)
        elif parameters:
            raise ModelError(f"Layer {layer.name!r} is a {kind}, whose connections are not counted here.")
        else:
            continue
        counts.append(LayerCount(layer.name, shape, parameters, connections))
    return counts


def parameters(model: Any) -> int:
    """Numbers that are trained."""
    return sum(count.parameters for count in layer_counts(model))


def connections(model: Any) -> int:
    """Connections, biases and those into padding among them; see :class:`LayerCount`."""
    return sum(count.connections for count in layer_counts(model))
