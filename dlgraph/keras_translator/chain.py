"""A Keras model as a chain of layers, from input to output."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dlgraph.errors import ModelError
from dlgraph.keras_translator.handlers import find_handler
from dlgraph.keras_translator.keras_objects import is_keras, is_legacy, module_of

LINEAR_ONLY = ("dlgraph accepts Sequential models and linear Functional models: one input, one output, each layer "
               "used once, one after the other.")


@dataclass
class Link:
    """One layer of the chain, with its name as reports give it."""

    name: str
    layer: Any


def check_model(model: Any) -> None:
    """Refuse what is not a built and compiled Keras 3 model.

    :raises ModelError: naming what was given and the way out
    """
    kind = type(model).__name__
    if is_legacy(model):
        raise ModelError(
            f"This {kind} model is a Keras 2 model (module {module_of(type(model))[:-1]}). dlgraph accepts Keras 3 "
            f"models; build it with keras 3 or with tf.keras of TensorFlow 2.16 or later, without "
            f"TF_USE_LEGACY_KERAS.")
    if isinstance(model, type) or not any(is_keras(base) and base.__name__ == "Model" for base in type(model).__mro__):
        what = f"the class {model.__name__}" if isinstance(model, type) else f"a {kind}"
        raise ModelError(f"from_keras was given {what}, which is not a Keras model. "
                         f"It accepts a compiled Keras 3 model (keras.Sequential or keras.Model).")
    if not _is_plain(model):
        raise ModelError(
            f"Model {model.name!r} is of the class {kind}, a class of your own. {LINEAR_ONLY} Build it with "
            f"keras.Sequential([...]) or keras.Model(inputs, outputs).")
    if not model.built:
        raise ModelError(
            f"Model {model.name!r} is not built, so its weights do not exist yet. Begin it with "
            f"keras.Input(shape), or call model.build((None, ...)) first.")
    if not getattr(model, "compiled", False):
        raise ModelError(
            f"Model {model.name!r} is not compiled. Call model.compile(optimizer='sgd', loss=..., "
            f"metrics=['accuracy']) before from_keras.")


def layer_chain(model: Any, prefix: str = "") -> list[Link]:
    """The layers of a model in order, nested models taken apart.

    :param model: a built Sequential or Functional model
    :param prefix: the names of the models it lies in
    :raises ModelError: where the model is not a plain chain, or a layer is unknown or used twice
    """
    links: list[Link] = []
    for layer in _ordered_layers(model):
        name = prefix + layer.name
        if hasattr(layer, "layers") and _is_plain(layer):
            links += layer_chain(layer, f"{name}/")
        else:
            find_handler(name, layer)
            links.append(Link(name, layer))
    for position, link in enumerate(links):
        if any(link.layer is earlier.layer for earlier in links[:position]):
            raise ModelError(f"Layer {link.name!r} is used twice in model {model.name!r} (a shared layer). "
                             f"{LINEAR_ONLY} Use a second layer.")
    return links


def input_shape(model: Any) -> tuple[int, ...]:
    """The shape of one sample, without the batch.

    :raises ModelError: where an axis is open or there are several inputs
    """
    shape = model.input_shape
    if isinstance(shape, dict) and len(shape) == 1:
        shape = next(iter(shape.values()))
    if isinstance(shape, list) and len(shape) == 1:
        shape = shape[0]
    if isinstance(shape, (list, dict)):
        raise ModelError(f"Model {model.name!r} has {len(shape)} inputs. {LINEAR_ONLY}")
    if any(axis is None for axis in shape[1:]):
        raise ModelError(f"Model {model.name!r} has the input shape {tuple(shape)}, with an axis of open size. "
                         f"dlgraph accepts inputs whose axes, but for the batch, are all given; give them in "
                         f"keras.Input(shape).")
    return tuple(int(axis) for axis in shape[1:])


def _is_plain(model: Any) -> bool:
    return is_keras(type(model)) and type(model).__name__ in ("Sequential", "Functional")


def _ordered_layers(model: Any) -> list[Any]:
    if type(model).__name__ == "Sequential":
        return list(model.layers)
    by_name = {layer.name: layer for layer in model.layers}
    for operation in getattr(model, "operations", model.layers):
        if operation.name not in by_name:
            raise ModelError(
                f"Model {model.name!r} applies the bare operation {operation.name!r} (class "
                f"{type(operation).__name__}) between its layers. {LINEAR_ONLY} Write it as a layer, such as "
                f"keras.layers.Activation('relu') or keras.layers.Reshape(shape).")
    for layer in model.layers:       # unknown layers are named before the wiring is looked at
        if not (hasattr(layer, "layers") and _is_plain(layer)):
            find_handler(layer.name, layer)
    config = model.get_config()
    for end, word in (("input_layers", "inputs"), ("output_layers", "outputs")):
        count = len(list(_histories(config[end])))
        if count != 1:
            raise ModelError(f"Model {model.name!r} has {count} {word}. {LINEAR_ONLY}")
    return _follow(model, config, by_name)


def _follow(model: Any, config: dict[str, Any], by_name: dict[str, Any]) -> list[Any]:
    """From the output back to the input."""
    described = {layer["name"]: layer for layer in config["layers"]}
    chain: list[Any] = []
    name = next(_histories(config["output_layers"]))
    while True:
        chain.append(by_name[name])
        nodes = described[name]["inbound_nodes"]
        if not nodes:
            break
        if len(nodes) > 1:
            raise ModelError(f"Layer {name!r} is used {len(nodes)} times in model {model.name!r} (a shared layer). "
                             f"{LINEAR_ONLY} Use a layer of its own for each place.")
        sources = list(_tensors(nodes[0]))
        if len(sources) != 1:
            raise ModelError(f"Layer {name!r} of model {model.name!r} has {len(sources)} inputs. {LINEAR_ONLY}")
        name = sources[0]
    if len(chain) != len(by_name):
        left_out = sorted(set(by_name) - {layer.name for layer in chain})
        raise ModelError(f"Model {model.name!r} branches: layer {left_out[0]!r} is not on the way from the input to "
                         f"the output. {LINEAR_ONLY}")
    return chain[::-1]


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
