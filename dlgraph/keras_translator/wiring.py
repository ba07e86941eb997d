"""How the layers of a Keras model are wired, nested models taken apart."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dlgraph.errors import ModelError
from dlgraph.keras_translator.handlers import find_handler
from dlgraph.keras_translator.models import ACCEPTED_MODELS, is_plain
from dlgraph.layers import INPUT

#: Bare operations that have a layer of another name.
LAYER_OF = {"Add": "keras.layers.Add()([a, b])", "Concatenate": "keras.layers.Concatenate()([a, b])"}


@dataclass
class Call:
    """One use of a layer.

    :param name: of the layer, with the names of the nested models it lies in before it
    :param inputs: the calls whose values it takes, by number, or :data:`~dlgraph.layers.INPUT`
    """

    name: str
    layer: Any
    inputs: tuple[int, ...]


def layer_calls(model: Any) -> tuple[list[Call], int]:
    """The layers of a model, each behind those whose values it takes, in the order of the model's weights.

    :param model: a built Sequential or Functional model
    :return: the calls, and the number of the one that gives the output
    :raises ModelError: where a layer is unknown or used twice, or there are several inputs or outputs
    """
    calls: list[Call] = []
    output = _expand(model, "", INPUT, calls)
    for position, call in enumerate(calls):
        if any(call.layer is earlier.layer for earlier in calls[:position]):
            raise ModelError(f"Layer {call.name!r} is used twice in model {model.name!r} (a shared layer). "
                             f"{ACCEPTED_MODELS} Use a second layer.")
    return calls, output


def _expand(model: Any, prefix: str, source: int, calls: list[Call]) -> int:
    """Add the calls of a model that takes the value of ``source``; returns which of them gives its output."""
    if type(model).__name__ == "Sequential":
        for layer in model.layers:
            source = _add(layer, prefix, (source,), calls)
        return source
    return _expand_functional(model, prefix, source, calls)


def _add(layer: Any, prefix: str, inputs: tuple[int, ...], calls: list[Call]) -> int:
    name = prefix + layer.name
    if hasattr(layer, "layers") and is_plain(layer):
        return _expand(layer, f"{name}/", inputs[0], calls)
    find_handler(name, layer)
    calls.append(Call(name, layer, inputs))
    return len(calls) - 1


def _expand_functional(model: Any, prefix: str, source: int, calls: list[Call]) -> int:
    by_name = _layers_by_name(model)
    config = model.get_config()
    for end, word in (("input_layers", "inputs"), ("output_layers", "outputs")):
        count = len(list(_histories(config[end])))
        if count != 1:
            raise ModelError(f"Model {model.name!r} has {count} {word}. {ACCEPTED_MODELS}")
    numbers: dict[str, int] = {}
    for described in config["layers"]:               # in an order that follows the wiring
        name, nodes = described["name"], described["inbound_nodes"]
        if len(nodes) > 1:
            raise ModelError(f"Layer {name!r} is used {len(nodes)} times in model {model.name!r} (a shared layer). "
                             f"{ACCEPTED_MODELS} Use a layer of its own for each place.")
        if nodes:
            _check_arguments(name, nodes[0])
        sources = [numbers[taken] for taken in _tensors(nodes[0])] if nodes else [source]
        numbers[name] = _add(by_name[name], prefix, tuple(sources), calls)
    return numbers[next(_histories(config["output_layers"]))]


def _layers_by_name(model: Any) -> dict[str, Any]:
    """The layers of a Functional model.

    :raises ModelError: where it has an unknown one, or an operation that is none
    """
    by_name = {layer.name: layer for layer in model.layers}
    for operation in getattr(model, "operations", model.layers):
        if operation.name not in by_name:
            kind = type(operation).__name__
            raise ModelError(
                f"Model {model.name!r} applies the bare operation {operation.name!r} (class {kind}) between its layers. "
                f"{ACCEPTED_MODELS} Write it as a layer, such as "
                f"{LAYER_OF.get(kind, 'keras.layers.Activation(...) or keras.layers.Reshape(shape)')}.")
    for layer in model.layers:       # unknown layers are named before the wiring is looked at
        if not (hasattr(layer, "layers") and is_plain(layer)):
            find_handler(layer.name, layer)
    return by_name


def _check_arguments(name: str, node: dict[str, Any]) -> None:
    """Refuse arguments of a layer's call that would be ignored; Keras adds ``training=False`` and ``mask=None`` itself."""
    for option, given in (node.get("kwargs") or {}).items():
        if not _is_nothing(given) and not list(_tensors(given)):
            raise ModelError(f"Layer {name!r} is called with {option}={given!r}, which dlgraph does not support. Call the "
                             f"layer with its input alone.")


def _is_nothing(given: Any) -> bool:
    return given is None or given is False or (isinstance(given, (list, tuple)) and all(_is_nothing(each) for each in given))


def _histories(entry: Any) -> Iterator[str]:
    """Layer names in Keras' ``input_layers``/``output_layers``: one [name, node, tensor], or nested."""
    if isinstance(entry, dict):
        for value in entry.values():
            yield from _histories(value)
    elif isinstance(entry, (list, tuple)) and len(entry) == 3 and isinstance(entry[0], str):
        yield entry[0]
    elif isinstance(entry, (list, tuple)):
        for value in entry:
            yield from _histories(value)


def _tensors(entry: Any) -> Iterator[str]:
    """Layer names behind every Keras tensor in a node's arguments."""
    if isinstance(entry, dict) and "keras_history" in entry:
        yield entry["keras_history"][0]
    elif isinstance(entry, dict):
        for value in entry.values():
            yield from _tensors(value)
    elif isinstance(entry, (list, tuple)):
        for value in entry:
            yield from _tensors(value)
