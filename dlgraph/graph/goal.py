"""What a network is trained for: its loss, and the accuracy that is counted."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable

from dlgraph.errors import ModelError
from dlgraph.graph.checks import one_of
from dlgraph.layer_graph import Activation, Loss, Metric
from dlgraph.layers import WeightLayer

#: By the names that users give, Keras' short ones among them.
LOSSES = {**{loss.name.lower(): loss for loss in Loss}, "mse": Loss.MEAN_SQUARED_ERROR, "bce": Loss.BINARY_CROSSENTROPY}
#: Those whose meaning does not depend on the loss.
METRICS = {metric.name.lower(): metric for metric in Metric if metric is not Metric.NONE}
#: What the loss and the number of outputs make one of the above.
ACCURACY = ("accuracy", "acc")
#: The activation that the output layer must have unless the loss is from logits.
OUTPUT_ACTIVATION = {
    Loss.SPARSE_CATEGORICAL_CROSSENTROPY: Activation.SOFTMAX,
    Loss.CATEGORICAL_CROSSENTROPY: Activation.SOFTMAX,
    Loss.BINARY_CROSSENTROPY: Activation.SIGMOID,
}


@dataclass(frozen=True)
class Goal:
    """What a network is trained for.

    :param from_logits: the loss applies the softmax or sigmoid that the linear output layer lacks
    :param metric_names: the names under which the accuracy is reported, in the order in which they were given
    """

    loss: Loss
    from_logits: bool
    metric: Metric
    metric_names: tuple[str, ...] = ()


#: The goal, once the output layer is known with its activation; raises ModelError where they do not go together.
GoalOf = Callable[[WeightLayer], Goal]


def goal_named(graph: str, loss: Any, from_logits: Any, metrics: Any) -> GoalOf:
    """A goal as users of a graph give it.

    :param graph: its name
    :param loss: a name of :data:`LOSSES`, or a Loss
    :param metrics: names, of :data:`ACCURACY` or :data:`METRICS`
    :raises ModelError: for names that are not known
    """
    found = loss if isinstance(loss, Loss) else LOSSES.get(loss) if isinstance(loss, str) else None
    if found is None:
        raise ModelError(f"Graph {graph!r} was given the loss {loss!r}, which dlgraph cannot train. It accepts {one_of(LOSSES)}.")
    if not isinstance(from_logits, bool):
        raise ModelError(f"Graph {graph!r} was given from_logits={from_logits!r}. dlgraph accepts True or False.")
    names = (metrics,) if isinstance(metrics, str) else metrics
    known = (*ACCURACY, *METRICS)
    if not isinstance(names, Sequence) or not all(isinstance(name, str) and name in known for name in names):
        raise ModelError(f"Graph {graph!r} was given metrics={metrics!r}. dlgraph counts {one_of(known)}; give a list of these, or "
                         f"an empty one.")
    loss_found, chosen = found, tuple(dict.fromkeys(names))

    def goal_of(output: WeightLayer) -> Goal:
        check_output(loss_found, from_logits, output.activation, output.name, output.n_units)
        by_name = {name: METRICS.get(name) or accuracy_of(loss_found, output.n_units) for name in chosen}
        kinds = set(by_name.values())
        if len(kinds) > 1:
            raise ModelError(f"Graph {graph!r} has the metrics {one_of(chosen)}, two ways of counting accuracy. dlgraph counts one "
                             f"at a time; give one of them.")
        metric = kinds.pop() if kinds else Metric.NONE
        labelled = loss_found is Loss.SPARSE_CATEGORICAL_CROSSENTROPY
        if chosen and (metric is Metric.SPARSE_CATEGORICAL_ACCURACY) != labelled:
            raise ModelError(f"Graph {graph!r} has the metric {chosen[0]!r}, which does not go with the loss "
                             f"{loss_found.name.lower()} and {output.n_units} outputs: its targets have another shape. Give "
                             f"metrics=['{'sparse_' * labelled}categorical_accuracy'], or leave it out.")
        return Goal(loss_found, from_logits, metric, chosen)

    return goal_of


def accuracy_of(loss: Loss, n_outputs: int) -> Metric:
    """What "accuracy" means, which Keras decides by the shapes of targets and outputs."""
    if n_outputs == 1:
        return Metric.BINARY_ACCURACY
    if loss is Loss.SPARSE_CATEGORICAL_CROSSENTROPY:
        return Metric.SPARSE_CATEGORICAL_ACCURACY
    return Metric.CATEGORICAL_ACCURACY


def check_output(loss: Loss, from_logits: bool, activation: Activation, layer_name: str, n_outputs: int) -> None:
    """Refuse an output layer that the loss cannot be trained with.

    :param activation: of the output layer
    :raises ModelError: naming the ways out
    """
    if activation is Activation.SOFTMAX and n_outputs == 1:
        raise ModelError(f"Output layer {layer_name!r} applies softmax to a single unit, which is always 1. Use "
                         f"activation='sigmoid' with loss='binary_crossentropy', or 2 units.")
    needed = OUTPUT_ACTIVATION.get(loss)
    if needed is None:
        return
    expected = Activation.LINEAR if from_logits else needed
    if activation is expected:
        return
    name, call = loss.name.lower(), "".join(word.capitalize() for word in loss.name.split("_"))
    raise ModelError(
        f"Output layer {layer_name!r} has the activation {activation.name.lower()!r}, but the loss is {name} with "
        f"from_logits={from_logits}. dlgraph accepts {needed.name.lower()!r} with loss={name!r}, or 'linear' with "
        f"from_logits=True (in Keras, loss=keras.losses.{call}(from_logits=True)); or use loss='mean_squared_error', which takes "
        f"any activation.")
