"""The base of all layer handlers, and the register from which the translator takes them."""
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from dlgraph.errors import ModelError
from dlgraph.graph import Graph, Value
from dlgraph.graph.checks import one_of
from dlgraph.keras_translator.entry_points import load_layer_kinds
from dlgraph.keras_translator.keras_objects import class_name, is_keras, module_of

#: Keras class name -> handler.
HANDLERS: dict[str, LayerHandler] = {}
#: A user's own Keras class -> handler.
OWN_HANDLERS: dict[type, LayerHandler] = {}
#: Of every layer that knows about channels: they come last.
CHANNELS_LAST: dict[str, tuple[Any, ...]] = {"data_format": ("channels_last", None)}


@dataclass
class Use:
    """One Keras layer and what it takes.

    :param name: the layer's name for errors and reports
    :param layer: the Keras layer
    :param config: its ``get_config()``
    :param inputs: what it takes
    """

    name: str
    layer: Any
    config: dict[str, Any]
    inputs: tuple[Value, ...]

    @property
    def input(self) -> Value:
        """What it takes, where that is one value."""
        return self.inputs[0]


class LayerHandler(ABC):
    """Knows one class of Keras layer.

    A subclass names the class, lists the options that change what the layer computes with the values under which they
    do not, and adds the layer to the graph.
    """

    #: The Keras class, as ``type(layer).__name__``.
    keras_class: ClassVar[str]
    #: Option -> the values that dlgraph accepts.
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {}

    def __init_subclass__(cls) -> None:
        if "keras_class" in cls.__dict__:
            HANDLERS[cls.keras_class] = cls()

    @abstractmethod
    def add(self, use: Use, graph: Graph) -> Value:
        """Add the layer to the graph.

        :return: its value
        :raises ModelError: where it does not fit behind what is there
        """

    def check(self, name: str, layer: Any, config: dict[str, Any]) -> None:
        """Refuse by name every option that dlgraph would have to ignore."""
        for option, values in self.accepted.items():
            given = config.get(option, values[0])
            if given not in values:
                self._refuse(name, option, given, one_of(values))
        if getattr(layer, "activity_regularizer", None) is not None:
            self._refuse(name, "activity_regularizer", class_name(layer.activity_regularizer), "None")
        if not layer.trainable:
            self._refuse(name, "trainable", False, "True")
        policy = getattr(getattr(layer, "dtype_policy", None), "name", "float32")
        if policy != "float32" and self.keras_class != "InputLayer":
            self._refuse(name, "dtype", policy, "'float32'")

    def _refuse(self, name: str, option: str, given: Any, accepted: str) -> None:
        if isinstance(given, dict) and "class_name" in given:
            given = given["class_name"]
        shown = given if isinstance(given, str) else repr(given)
        raise ModelError(
            f"{self.keras_class} layer {name!r} has {option}={shown}, which dlgraph does not support. "
            f"It accepts {option}={accepted}; build the layer with that.")


def find_handler(name: str, layer: Any) -> LayerHandler:
    """The handler of a Keras layer.

    :raises ModelError: for a layer that dlgraph does not know, or a user's own class
    """
    kind = type(layer).__name__
    if type(layer) not in OWN_HANDLERS and (kind not in HANDLERS or not is_keras(type(layer))):
        load_layer_kinds()
    if type(layer) in OWN_HANDLERS:
        return OWN_HANDLERS[type(layer)]
    known = one_of(sorted(HANDLERS))
    if not is_keras(type(layer)):
        raise ModelError(
            f"Layer {name!r} is of the class {kind} of module {module_of(type(layer))[:-1]}, which is not one of "
            f"Keras' own. dlgraph accepts Keras' layers {known}; replace the layer by these, or register a layer kind for it "
            f"(dlgraph.custom).")
    if kind not in HANDLERS:
        raise ModelError(
            f"Layer {name!r} is a {kind} layer, which dlgraph cannot train. It accepts the layers {known}; "
            f"leave the layer out or replace it by these.")
    return HANDLERS[kind]
