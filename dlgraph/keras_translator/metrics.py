"""Which accuracy ``model.compile(metrics=...)`` means, and the keys under which Keras reports it."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dlgraph.errors import ModelError
from dlgraph.graph.checks import one_of
from dlgraph.graph.goal import METRICS, accuracy_of
from dlgraph.keras_translator.keras_objects import class_name, is_keras, snake_case
from dlgraph.layer_graph import Loss, Metric


def find_metrics(metrics: Any, loss: Loss, from_logits: bool, n_outputs: int) -> tuple[Metric, list[str]]:
    """The accuracy to count, and the names it is reported under, in the order of ``compile``.

    :param metrics: as given to ``compile``; None for none
    :raises ModelError: for a metric that is no accuracy, or one that does not go with the loss
    """
    found = Metric.NONE
    names: list[str] = []
    for entry in _flat(metrics):
        metric, name, threshold = _one(entry, loss, n_outputs)
        _check_fit(name, metric, threshold, loss, from_logits)
        if found not in (Metric.NONE, metric):
            raise ModelError(
                f"The model is compiled with the metrics {names[0]!r} and {name!r}, two ways of counting accuracy. "
                f"dlgraph counts one at a time; compile the model with one of them.")
        found = metric
        if name not in names:
            names.append(name)
    return found, names


def _one(entry: Any, loss: Loss, n_outputs: int) -> tuple[Metric, str, float]:
    """(metric, reported name, threshold of binary accuracy)."""
    options: dict[str, Any] = {}
    if isinstance(entry, str):
        if entry.lower() in ("accuracy", "acc"):
            return accuracy_of(loss, n_outputs), entry, 0.5
        kind = name = entry
    elif isinstance(entry, dict) and "class_name" in entry:
        kind, options = str(entry["class_name"]), dict(entry.get("config") or {})
        name = str(options.get("name", kind))
    else:
        kind = class_name(entry)
        name = snake_case(kind)
        if not is_keras(entry):
            raise ModelError(f"The model is compiled with the metric {kind!r}, which is not Keras' own. "
                             f"dlgraph counts 'accuracy', {one_of(METRICS)}; leave the metric out.")
        if hasattr(entry, "get_config") and not isinstance(entry, type):
            options = entry.get_config()
            name = str(options.get("name", name))
    if snake_case(kind) not in METRICS:
        raise ModelError(f"The model is compiled with the metric {kind!r}, which dlgraph does not count. "
                         f"It counts 'accuracy', {one_of(METRICS)}; leave the metric out, or use model.evaluate "
                         f"after training, as the model then holds the trained weights.")
    return METRICS[snake_case(kind)], name, float(options.get("threshold", 0.5))


def _check_fit(name: str, metric: Metric, threshold: float, loss: Loss, from_logits: bool) -> None:
    by_label = metric is Metric.SPARSE_CATEGORICAL_ACCURACY
    if by_label != (loss is Loss.SPARSE_CATEGORICAL_CROSSENTROPY):
        raise ModelError(f"The metric {name!r} does not go with the loss {loss.name.lower()}, whose targets have "
                         f"another shape. Compile the model with metrics=['accuracy'].")
    if metric is not Metric.BINARY_ACCURACY:
        return
    expected = 0.0 if from_logits else 0.5
    if threshold != expected:
        raise ModelError(
            f"The metric {name!r} counts outputs above {threshold:g} as right, which dlgraph does not support for "
            f"this loss. It accepts keras.metrics.BinaryAccuracy(threshold={expected:g})"
            + (", as the outputs are logits (from_logits=True); or give the output layer activation='sigmoid' and "
               "the loss without from_logits." if from_logits else "."))


def _flat(metrics: Any) -> Iterator[Any]:
    """Every entry of Keras' list, nested list or dict of metrics."""
    if metrics is None:
        return
    if isinstance(metrics, dict) and "class_name" not in metrics:
        metrics = list(metrics.values())
    if isinstance(metrics, (list, tuple)):
        for entry in metrics:
            yield from _flat(entry)
    else:
        yield metrics
