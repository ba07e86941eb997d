"""From a compiled Keras model to what the network is, without its numbers."""
from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

from dlgraph.errors import ModelError
from dlgraph.keras_translator.draft import Draft, Node, Value, image_shape
from dlgraph.keras_translator.handlers import Use, find_handler
from dlgraph.keras_translator.keras_objects import class_name
from dlgraph.keras_translator.losses import check_output, find_loss
from dlgraph.keras_translator.metrics import find_metrics
from dlgraph.keras_translator.models import check_model, input_shape
from dlgraph.keras_translator.optimisers import check_optimiser
from dlgraph.keras_translator.simplify import Simplifier
from dlgraph.keras_translator.wiring import layer_calls
from dlgraph.layer_graph import Activation, ActivationLayer, DenseLayer, Loss, Metric
from dlgraph.layers import INPUT, Layer, Shape, WeightLayer


@dataclass(frozen=True)
class Goal:
    """What a model is compiled for.

    :param metric_names: the names under which the accuracy is reported, in the order of ``compile``
    """

    loss: Loss
    from_logits: bool
    metric: Metric
    metric_names: tuple[str, ...] = ()


@dataclass
class Translation:
    """A Keras model as dlgraph sees it.

    :param name: the model's name
    :param input_shape: shape of one sample as Keras has it, without the batch
    :param image: the same as (height, width, channels)
    :param nodes: the layers, each behind those whose values it takes, the output layer last
    """

    name: str
    input_shape: tuple[int, ...]
    image: Shape
    goal: Goal
    nodes: list[Node] = field(default_factory=list)

    @property
    def layers(self) -> list[Layer]:
        """The nodes' layers, still without weights and fractions."""
        return [node.layer for node in self.nodes]

    @property
    def weight_nodes(self) -> list[Node]:
        """The nodes with weights, in the order of the model's weights."""
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


def translate(model: Any) -> Translation:
    """Read a compiled Sequential or Functional Keras 3 model.

    :raises ModelError: for everything that dlgraph cannot train, naming what was given, what is accepted and the way
        out
    """
    check_model(model)
    calls, output = layer_calls(model)
    shape = input_shape(model)
    draft = Draft(image_shape(shape))
    values = {INPUT: Value(INPUT, shape)}
    for number, call in enumerate(calls):
        handler = find_handler(call.name, call.layer)
        config = call.layer.get_config()
        handler.check(call.name, call.layer, config)
        values[number] = handler.add(Use(call.name, call.layer, config, tuple(values[i] for i in call.inputs)), draft)
    if not any(isinstance(node.layer, DenseLayer) for node in draft.nodes):
        raise ModelError(f"Model {model.name!r} has no Dense layer, which dlgraph needs as the output. Add Flatten and "
                         f"Dense(units) behind the last layer.")
    if len(values[output].shape) != 1:
        raise ModelError(f"The output of model {model.name!r} has the shape {values[output].shape}. dlgraph accepts flat "
                         f"outputs (one axis) of a Dense layer; leave the last Reshape layer out, or add Flatten and "
                         f"Dense(units).")
    Simplifier(draft, values[output].node).run()
    _check_output_node(model, draft.nodes)
    for node in draft.nodes[:-1]:
        if getattr(node.layer, "activation", None) is Activation.SOFTMAX:
            raise ModelError(f"Layer {node.activated_by!r} applies softmax inside the network. dlgraph accepts "
                             f"softmax behind the last Dense layer only; use relu, tanh or sigmoid here.")
    return Translation(model.name, shape, draft.input_shape, read_goal(model, draft.nodes[-1]), draft.nodes)


def _check_output_node(model: Any, nodes: list[Node]) -> None:
    """Refuse outputs that are not a Dense layer's.

    :raises ModelError: with the way out
    """
    last = nodes[-1]
    if isinstance(last.layer, DenseLayer):
        if last.layer.activation is Activation.LEAKY_RELU:
            raise ModelError(f"Output layer {last.name!r} has the activation leaky_relu (of layer {last.activated_by!r}). "
                             f"dlgraph accepts linear, relu, sigmoid, tanh and softmax there; use one of these.")
        return
    before = nodes[last.layer.inputs[0]] if last.layer.inputs[0] != INPUT else None
    if isinstance(last.layer, ActivationLayer) and before is not None and isinstance(before.layer, DenseLayer):
        raise ModelError(
            f"Layer {last.name!r} applies {last.layer.activation.name.lower()} behind "
            f"{before.layer.activation.name.lower()} (of layer {before.activated_by!r}) at the output. dlgraph accepts one "
            f"activation behind the last Dense layer; remove one of the two.")
    raise ModelError(f"The output of model {model.name!r} is that of the {last.keras_class} layer {last.name!r}. dlgraph "
                     f"accepts outputs of a Dense layer and its activation; add Flatten and Dense(units) behind it.")


def read_goal(model: Any, output: Node) -> Goal:
    """What the model is compiled for, checked against its output layer.

    :raises ModelError: for an unsupported optimiser, loss, metric or option of ``compile``
    """
    given = compile_arguments(model)
    check_optimiser(model.optimizer)
    layer = output.weight_layer
    loss, from_logits = find_loss(given.get("loss", model.loss))
    check_output(loss, from_logits, layer.activation, layer.name, layer.n_units)
    if given.get("loss_weights") not in (None, [1], [1.0]):
        raise ModelError(f"The model is compiled with loss_weights={given['loss_weights']!r}, which dlgraph does not "
                         f"support. Leave it out, and scale the learning rate instead.")
    if given.get("weighted_metrics"):
        names = [class_name(metric) if not isinstance(metric, str) else metric for metric in given["weighted_metrics"]]
        raise ModelError(f"The model is compiled with weighted_metrics={names}, which dlgraph does not support. "
                         f"Give them as metrics, which count every sample alike; Keras can count them by weight afterwards, in "
                         f"model.evaluate(..., sample_weight=...), as the model then holds the trained weights.")
    metric, names = find_metrics(given.get("metrics"), loss, from_logits, layer.n_units)
    return Goal(loss, from_logits, metric, tuple(names))


def compile_arguments(model: Any) -> dict[str, Any]:
    """The arguments of ``model.compile``, as objects where Keras keeps them, else as configs."""
    kept = getattr(model, "_compile_config", None)
    raw = getattr(kept, "config", None)
    if isinstance(raw, dict):
        return raw
    config: dict[str, Any] = model.get_compile_config() or {}
    return config
