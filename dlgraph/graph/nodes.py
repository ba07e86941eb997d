"""A layer of a graph, and where its weights live."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Sequence

import numpy as np

from dlgraph.formats import Float32Array
from dlgraph.layers import Int32Array, Layer, WeightLayer


class WeightHome(Protocol):
    """Where a layer's weights live as float32: in the graph itself, or in another program's layer, such as Keras'."""

    def get_weights(self) -> list[Float32Array]:
        """Kernel, and bias where there is one."""

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace them."""


class HeldWeights:
    """Weights that the graph holds itself.

    :param arrays: kernel, and bias where there is one; copied
    """

    def __init__(self, arrays: Sequence[Any]) -> None:
        self._arrays = [np.array(array, np.float32) for array in arrays]

    def get_weights(self) -> list[Float32Array]:
        """Copies."""
        return [array.copy() for array in self._arrays]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy values of the same number and shapes."""
        self._arrays = [np.array(new, np.float32).reshape(old.shape)
                        for new, old in zip(weights, self._arrays, strict=True)]


@dataclass
class Node:
    """One layer of a graph.

    :param layer: the layer; its ``inputs`` are numbers of nodes, its weights zeros that take no room
    :param home: of its weights, where it has some
    :param activated_by: name of the layer that gave the activation, or None where there is none
    """

    layer: Layer
    home: WeightHome | None = None
    activated_by: str | None = None

    @property
    def name(self) -> str:
        """Of its layer."""
        return self.layer.name

    @property
    def kind(self) -> str:
        """Of its layer, such as ``"Dense"``."""
        return type(self.layer).__name__.removesuffix("Layer")

    @property
    def weight_layer(self) -> WeightLayer:
        """The layer, where it is known to have weights."""
        assert isinstance(self.layer, WeightLayer)
        return self.layer

    @property
    def weights(self) -> WeightHome:
        """Where they live, where it is known to have some."""
        assert self.home is not None
        return self.home


def no_weights(*shape: int) -> Int32Array:
    """Zeros that take no room."""
    return np.broadcast_to(np.int32(0), shape)
