"""From a compiled Keras model to a graph, and what that network is."""
from __future__ import annotations

from typing import Any

from dlgraph.errors import ModelError
from dlgraph.graph import Definition, Goal, Graph
from dlgraph.graph.goal import check_output
from dlgraph.keras_translator.handlers import Use, find_handler
from dlgraph.keras_translator.keras_objects import class_name
from dlgraph.keras_translator.losses import find_loss
from dlgraph.keras_translator.metrics import find_metrics
from dlgraph.keras_translator.models import check_model, input_shape
from dlgraph.keras_translator.optimisers import check_optimiser, read_optimiser, schedule_of
from dlgraph.keras_translator.wiring import layer_calls
from dlgraph.layers import INPUT, WeightLayer


def translate(model: Any) -> Definition:
    """Build the graph of a compiled Sequential or Functional Keras 3 model; its weights live in the model's layers.

    :raises ModelError: for everything that dlgraph cannot train, naming what was given, what is accepted and the way
        out
    """
    check_model(model)
    calls, output = layer_calls(model)
    graph = Graph(model.name)
    values = {INPUT: graph.input(input_shape(model))}
    for number, call in enumerate(calls):
        handler = find_handler(call.name, call.layer)
        config = call.layer.get_config()
        handler.check(call.name, call.layer, config)
        values[number] = handler.add(Use(call.name, call.layer, config, tuple(values[i] for i in call.inputs)), graph)
    graph.set_goal(values[output], lambda layer: read_goal(model, layer))
    definition = graph.definition()
    graph.take_optimiser(read_optimiser(model.optimizer, variables_of(definition)), schedule_of(model.optimizer))
    return definition


def variables_of(definition: Definition) -> list[list[Any]]:
    """Of every layer with weights of a Keras model, its Keras variables."""
    homes: list[Any] = [node.home for node in definition.weight_nodes]
    return [list(home.weights) for home in homes]


def read_goal(model: Any, layer: WeightLayer) -> Goal:
    """What the model is compiled for, checked against its output layer.

    :raises ModelError: for an unsupported optimiser, loss, metric or option of ``compile``
    """
    given = compile_arguments(model)
    check_optimiser(model.optimizer)
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
