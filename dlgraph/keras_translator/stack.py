"""What the translator gathers on its way from a model's input to its output."""
from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

from dlgraph.layer_graph import Activation


@dataclass
class DenseStage:
    """One fully connected layer and what follows it, still holding the Keras layer with its weights.

    :param name: the Keras layer's name; with the names of the nested models it lies in before it
    :param layer: the Keras layer
    :param n_inputs: values that come in
    :param n_units: values that go out
    :param use_bias: whether it has a bias
    :param activation: what follows the sum
    :param activated_by: the name of the layer that gave the activation, or None where it is still linear
    """

    name: str
    layer: Any
    n_inputs: int
    n_units: int
    use_bias: bool
    activation: Activation = Activation.LINEAR
    activated_by: str | None = None


@dataclass
class Stack:
    """The stages so far, and the shape of one sample after them.

    :param shape: shape of one sample, without the batch
    """

    shape: tuple[int, ...] = ()
    stages: list[DenseStage] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Values per sample."""
        return prod(self.shape)
