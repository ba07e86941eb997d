"""What needs no layers of its own: activations behind weights, and most changes of shape."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from dlgraph.graph.nodes import Node
from dlgraph.layer_graph import Activation, ActivationLayer, DenseLayer, DropoutLayer, ReshapeLayer
from dlgraph.layers import INPUT, Layer, Shape, WeightLayer


class Simplifier:
    """Works on layers until nothing is left to take out.

    :param input_shape: of a sample
    :param nodes: left as they are
    :param output: the node that gives the network's output
    """

    def __init__(self, input_shape: Shape, nodes: Sequence[Node], output: int) -> None:
        self.input_shape = input_shape
        self.output = output
        self.nodes = {number: replace(node, layer=replace(node.layer)) for number, node in enumerate(nodes)}

    def run(self) -> tuple[Shape, list[Node]]:
        """Do everything there is; returns the shape of a sample, and the nodes that are left."""
        self.fuse_activations()
        self.drop_reshapes()
        self.reshape_input()
        self.renumber()
        return self.input_shape, list(self.nodes.values())

    def fuse_activations(self) -> None:
        """Make an activation part of the layer with weights before it, where nothing else takes that one's value."""
        for number, node in list(self.nodes.items()):
            if not isinstance(node.layer, ActivationLayer):
                continue
            maker = self._maker(node.layer.inputs[0])
            if maker is None or (node.layer.activation is Activation.SOFTMAX and not isinstance(maker.layer, DenseLayer)):
                continue
            maker.weight_layer.activation = node.layer.activation
            maker.weight_layer.negative_slope = node.layer.negative_slope
            maker.activated_by = node.activated_by
            self._bypass(number)

    def drop_reshapes(self) -> None:
        """Drop those that change nothing, and those whose shape nobody sees."""
        for number, node in list(self.nodes.items()):
            if not isinstance(node.layer, ReshapeLayer):
                continue
            while isinstance(before := self._layer(node.layer.inputs[0]), ReshapeLayer):
                node.layer = replace(node.layer, inputs=before.inputs)
            if self._shape(node.layer.inputs[0]) == node.layer.shape or self._unseen(number):
                self._bypass(number)
        for number, node in reversed(list(self.nodes.items())):
            if isinstance(node.layer, ReshapeLayer) and number != self.output and not self._takers(number):
                del self.nodes[number]

    def reshape_input(self) -> None:
        """Give samples the shape that all who see it ask for; a flat one where nobody does."""
        reshapes = {i: layer.shape for i in self._takers(INPUT) if isinstance(layer := self._layer(i), ReshapeLayer)}
        wanted = set(reshapes.values())
        if not all(i in reshapes or self._blind(i) for i in self._takers(INPUT)):
            wanted.add(self.input_shape)
        if len(wanted) > 1:
            return
        self.input_shape = wanted.pop() if wanted else (1, 1, prod(self.input_shape))
        for number in reshapes:
            self._bypass(number)

    def renumber(self) -> None:
        """Let nodes take each other's values by their new numbers."""
        numbers = {INPUT: INPUT, **{old: new for new, old in enumerate(self.nodes)}}
        for node in self.nodes.values():
            node.layer = replace(node.layer, inputs=tuple(numbers[i] for i in node.layer.inputs))

    def _layer(self, number: int) -> Layer | None:
        return None if number == INPUT else self.nodes[number].layer

    def _shape(self, number: int) -> Shape:
        shapes = {INPUT: self.input_shape}
        for i, node in self.nodes.items():
            shapes[i] = node.layer.shape_from([shapes[taken] for taken in node.layer.inputs])
        return shapes[number]

    def _takers(self, number: int) -> list[int]:
        return [i for i, node in self.nodes.items() if number in node.layer.inputs]

    def _maker(self, number: int) -> Node | None:
        """The layer with weights, still without activation, that makes a value for one taker."""
        while number != INPUT and len(self._takers(number)) == 1:
            node = self.nodes[number]
            if isinstance(node.layer, WeightLayer) and node.layer.takes_activation:
                return node if node.layer.activation is Activation.LINEAR else None
            if not isinstance(node.layer, ReshapeLayer):
                return None
            number = node.layer.inputs[0]
        return None

    def _blind(self, number: int) -> bool:
        """Whether a node, and what takes its value, works alike on any shape of its input."""
        layer = self.nodes[number].layer
        if isinstance(layer, (ActivationLayer, DropoutLayer)):
            return self._unseen(number)
        return isinstance(layer, DenseLayer)

    def _unseen(self, number: int) -> bool:
        """Whether nobody sees the shape of a node's value."""
        return number != self.output and all(self._blind(taker) for taker in self._takers(number))

    def _bypass(self, number: int) -> None:
        """Let everybody take the value that a node takes instead of the node's."""
        source = self.nodes.pop(number).layer.inputs[0]
        for node in self.nodes.values():
            if number in node.layer.inputs:
                node.layer = replace(node.layer, inputs=tuple(source if i == number else i for i in node.layer.inputs))
        if self.output == number:
            self.output = source
