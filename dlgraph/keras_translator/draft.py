"""What the translator gathers on its way from a model's input to its output: layers as integers, still without weights."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from dlgraph.layers import Int32Array, Layer, Shape, WeightLayer


@dataclass(frozen=True)
class Value:
    """What a Keras layer gives.

    :param node: number of the node that makes it, or :data:`~dlgraph.layers.INPUT`
    :param shape: of one sample as Keras has it, without the batch
    """

    node: int
    shape: tuple[int, ...]


@dataclass
class Node:
    """One layer of the network to be.

    :param layer: the layer; its ``inputs`` are numbers of nodes, its weights zeros that take no room
    :param keras_class: of the Keras layer, for errors
    :param keras_layer: holds the weights, where there are some
    :param activated_by: name of the layer that gave the activation, or None where there is none
    """

    layer: Layer
    keras_class: str
    keras_layer: Any = None
    activated_by: str | None = None

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    @property
    def weight_layer(self) -> WeightLayer:
        """The layer, where it is known to have weights."""
        assert isinstance(self.layer, WeightLayer)
        return self.layer


@dataclass
class Draft:
    """The nodes so far, each behind those whose values it takes.

    :param input_shape: of one sample: (height, width, channels)
    """

    input_shape: Shape
    nodes: list[Node] = field(default_factory=list)

    def add(self, node: Node, inputs: Sequence[Value], shape: tuple[int, ...] | None = None) -> Value:
        """Add a node.

        :param inputs: what its layer takes
        :param shape: of its value as Keras has it; None: with as many axes as that of the first input
        """
        node.layer = replace(node.layer, inputs=tuple(value.node for value in inputs))
        self.nodes.append(node)
        if shape is None:
            image = node.layer.shape_from([image_shape(value.shape) for value in inputs])
            shape = keras_shape(image, inputs[0].shape)
        return Value(len(self.nodes) - 1, shape)


def image_shape(shape: tuple[int, ...]) -> Shape:
    """(height, width, channels) of what Keras has as a sample of this shape; the order of the values is the same."""
    if len(shape) <= 1:
        return (1, 1, prod(shape))
    if len(shape) == 3:
        return (shape[0], shape[1], shape[2])
    return (prod(shape[:-1]), 1, shape[-1])


def keras_shape(image: Shape, like: tuple[int, ...]) -> tuple[int, ...]:
    """The inverse of :func:`image_shape`.

    :param like: a shape with as many axes, of which those of four and more axes keep all but the last
    """
    if len(like) <= 1:
        return (prod(image),)
    return {2: (image[0], image[2]), 3: image}.get(len(like), (*like[:-1], image[2]))


def no_weights(*shape: int) -> Int32Array:
    """Zeros that take no room."""
    return np.broadcast_to(np.int32(0), shape)
