"""A graph as it is trained: activations and reshapes taken into other layers, everything checked."""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING

from dlgraph.errors import ModelError
from dlgraph.graph.goal import Goal
from dlgraph.graph.nodes import Node
from dlgraph.layer_graph import Activation, ActivationLayer, DenseLayer
from dlgraph.layers import INPUT, Layer, Shape, WeightLayer

if TYPE_CHECKING:
    from dlgraph.graph.graph import Graph


@dataclass
class Definition:
    """What a network is, without its numbers.

    :param graph: that it was made of
    :param input_shape: shape of one sample as users give it, without the batch
    :param image: the same as (height, width, channels)
    :param nodes: the layers, each behind those whose values it takes, the output layer last
    """

    graph: Graph
    input_shape: tuple[int, ...]
    image: Shape
    goal: Goal
    nodes: list[Node] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The graph's."""
        return self.graph.name

    @property
    def layers(self) -> list[Layer]:
        """The nodes' layers, still without weights and fractions."""
        return [node.layer for node in self.nodes]

    @property
    def weight_nodes(self) -> list[Node]:
        """The nodes with weights, in order."""
        return [node for node in self.nodes if isinstance(node.layer, WeightLayer)]

    @property
    def output(self) -> Node:
        """The last node, whose value is the output."""
        return self.nodes[-1]

    @property
    def n_outputs(self) -> int:
        """Values in an output."""
        return self.output.weight_layer.n_units

    def shapes(self) -> dict[int, Shape]:
        """(height, width, channels) of every node's value by the node's number, and of a sample as number INPUT."""
        shapes = {INPUT: self.image}
        for number, layer in enumerate(self.layers):
            shapes[number] = layer.shape_from([shapes[i] for i in layer.inputs])
        return shapes

    def describe(self) -> str:
        """The sizes of a sample and of every value that a layer with weights makes, such as ``784-128-10``."""
        shapes = self.shapes()
        of_weights = [i for i, layer in enumerate(self.layers) if isinstance(layer, WeightLayer)]
        return "-".join("x".join(map(str, shape if prod(shape[:2]) > 1 else shape[2:]))
                        for shape in [shapes[INPUT]] + [shapes[i] for i in of_weights])

    def twin(self) -> Definition:
        """The same of a graph that holds weights of its own, which are those that there are now."""
        graph = self.graph.copy()
        homes = {node.name: node.home for node in graph.nodes}
        return replace(self, graph=graph, nodes=[replace(node, home=homes[node.name]) for node in self.nodes])


def check_nodes(name: str, nodes: list[Node]) -> None:
    """Refuse outputs that are not a dense layer's, and softmax inside.

    :param name: of the graph
    :raises ModelError: with the way out
    """
    last = nodes[-1]
    if not isinstance(last.layer, DenseLayer):
        before = nodes[last.layer.inputs[0]] if last.layer.inputs[0] != INPUT else None
        if isinstance(last.layer, ActivationLayer) and before is not None and isinstance(before.layer, DenseLayer):
            raise ModelError(
                f"Layer {last.name!r} applies {last.layer.activation.name.lower()} behind "
                f"{before.layer.activation.name.lower()} (of layer {before.activated_by!r}) at the output. dlgraph accepts one "
                f"activation behind the last Dense layer; remove one of the two.")
        raise ModelError(f"The output of model {name!r} is that of the {last.kind} layer {last.name!r}. dlgraph accepts outputs "
                         f"of a Dense layer and its activation; add Flatten and Dense(units) behind it.")
    if last.layer.activation is Activation.LEAKY_RELU:
        raise ModelError(f"Output layer {last.name!r} has the activation leaky_relu (of layer {last.activated_by!r}). dlgraph "
                         f"accepts linear, relu, sigmoid, tanh and softmax there; use one of these.")
    for node in nodes[:-1]:
        if getattr(node.layer, "activation", None) is Activation.SOFTMAX:
            raise ModelError(f"Layer {node.activated_by!r} applies softmax inside the network. dlgraph accepts softmax behind "
                             f"the last Dense layer only; use relu, tanh or sigmoid here.")
