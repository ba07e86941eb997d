"""From a compiled Keras model to what the network is, without its numbers; and from numbers to a layer graph."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dlgraph.errors import ModelError
from dlgraph.keras_translator.chain import check_model, input_shape, layer_chain
from dlgraph.keras_translator.handlers import find_handler
from dlgraph.keras_translator.keras_objects import class_name
from dlgraph.keras_translator.losses import check_output, find_loss
from dlgraph.keras_translator.metrics import find_metrics
from dlgraph.keras_translator.optimisers import check_optimiser
from dlgraph.keras_translator.stack import DenseStage, Stack
from dlgraph.layer_graph import Activation, Loss, Metric


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
    :param input_shape: shape of one sample, without the batch
    :param stages: the Dense layers in order, with their activations
    """

    name: str
    input_shape: tuple[int, ...]
    goal: Goal
    stages: list[DenseStage] = field(default_factory=list)

    @property
    def n_outputs(self) -> int:
        return self.stages[-1].n_units


def translate(model: Any) -> Translation:
    """Read a compiled Sequential or linear Functional Keras 3 model.

    :raises ModelError: for everything that dlgraph cannot train, naming what was given, what is accepted and the way
        out
    """
    check_model(model)
    links = layer_chain(model)
    stack = Stack(shape=input_shape(model))
    flat = stack.size
    for link in links:
        handler = find_handler(link.name, link.layer)
        config = link.layer.get_config()
        handler.check(link.name, link.layer, config)
        handler.add(link.name, link.layer, config, stack)
    if not stack.stages:
        raise ModelError(f"Model {model.name!r} has no Dense layer, so there is nothing to train. dlgraph accepts "
                         f"models with at least one.")
    if flat == 0:
        raise ModelError(f"Model {model.name!r} has the input shape {input_shape(model)}, without any value.")
    if len(stack.shape) != 1:
        raise ModelError(f"The output of model {model.name!r} has the shape {stack.shape}. dlgraph accepts flat "
                         f"outputs (one axis); leave the last Reshape layer out.")
    for stage in stack.stages[:-1]:
        if stage.activation is Activation.SOFTMAX:
            raise ModelError(f"Layer {stage.activated_by!r} applies softmax inside the network. dlgraph accepts "
                             f"softmax behind the last Dense layer only; use relu, tanh or sigmoid here.")
    goal = read_goal(model, stack.stages[-1])
    return Translation(model.name, input_shape(model), goal, stack.stages)


def read_goal(model: Any, output: DenseStage) -> Goal:
    """What the model is compiled for, checked against its output layer.

    :raises ModelError: for an unsupported optimiser, loss, metric or option of ``compile``
    """
    given = compile_arguments(model)
    check_optimiser(model.optimizer)
    loss, from_logits = find_loss(given.get("loss", model.loss))
    check_output(loss, from_logits, output.activation, output.name, output.n_units)
    if given.get("loss_weights") not in (None, [1], [1.0]):
        raise ModelError(f"The model is compiled with loss_weights={given['loss_weights']!r}, which dlgraph does not "
                         f"support. Leave it out, and scale the learning rate instead.")
    if given.get("weighted_metrics"):
        names = [class_name(metric) if not isinstance(metric, str) else metric for metric in given["weighted_metrics"]]
        raise ModelError(f"The model is compiled with weighted_metrics={names}, which dlgraph does not support. "
                         f"Give them as metrics: without sample weights they are the same.")
    metric, names = find_metrics(given.get("metrics"), loss, from_logits, output.n_units)
    return Goal(loss, from_logits, metric, tuple(names))


def compile_arguments(model: Any) -> dict[str, Any]:
    """The arguments of ``model.compile``, as objects where Keras keeps them, else as configs."""
    kept = getattr(model, "_compile_config", None)
    raw = getattr(kept, "config", None)
    if isinstance(raw, dict):
        return raw
    config: dict[str, Any] = model.get_compile_config() or {}
    return config
