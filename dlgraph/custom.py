"""New layer kinds: everything that a module outside dlgraph needs to add one.

::

    @layer_kind("prelu.c", keras="PReLU")
    class PReluLayer(CustomWeightLayer):
        ...

The tutorial is ``docs/own_layer.rst``; ``dlgraph new-vertex NAME`` writes the files to begin with.  A kind's module needs to import
nothing else of dlgraph.
"""
from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dlgraph.custom_layer import (CHANNELS, COLUMNS, ROWS, Back, Clips, CustomLayer, CustomWeightLayer, Int64Array, Windows,
                                  layer_gradient, layer_round)
from dlgraph.errors import LayerKindError, ModelError
from dlgraph.graph import Graph, Value
from dlgraph.graph.nodes import no_weights
from dlgraph.graph.values import image_shape
from dlgraph.keras_translator.handlers.base import HANDLERS, OWN_HANDLERS, LayerHandler, Use
from dlgraph.layers import Int32Array, Shape

__all__ = ["CHANNELS", "COLUMNS", "ROWS", "Back", "Clips", "CustomLayer", "CustomWeightLayer", "Int32Array", "Int64Array",
           "ModelError", "Shape", "Use", "Windows", "image_shape", "layer_gradient", "layer_kind", "layer_round", "no_weights"]

Kind = TypeVar("Kind", bound=type[CustomLayer])


def layer_kind(program: str, keras: str | type | None = None) -> Callable[[Kind], Kind]:
    """Decorator: makes a class known as a layer kind.

    :param program: the kind's C file, relative to the folder of the class's module
    :param keras: name of the class of Keras' own whose layers become this kind, such as ``"PReLU"``, or a Keras layer class of
        one's own; None: the kind is for graphs built by hand
    :raises LayerKindError: where the C file is missing, or the Keras class has a handler already
    """
    def registered(kind: Kind) -> Kind:
        if not issubclass(kind, CustomLayer):
            raise LayerKindError(f"layer_kind is for subclasses of CustomLayer and CustomWeightLayer, not for {kind.__name__}.")
        kind.program = _beside(kind, program)
        if keras is not None:
            _register(kind, keras)
        return kind
    return registered


def _beside(kind: type[CustomLayer], program: str) -> Path:
    module = getattr(sys.modules.get(kind.__module__), "__file__", None)
    path = (Path(module).resolve().parent if module is not None else Path.cwd()) / program
    if not path.is_file():
        raise LayerKindError(f"The layer kind {kind.__name__} names the C file {program!r}, and there is no {path}. Write it "
                             f"there, or name it relative to the folder of the module.")
    return path


def _register(kind: type[CustomLayer], keras: str | type) -> None:
    known: dict[Any, LayerHandler] = HANDLERS if isinstance(keras, str) else OWN_HANDLERS
    before = known.get(keras)
    if before is not None and not _is_same(before, kind):
        raise LayerKindError(f"The layer kind {kind.__name__} is for Keras' {keras} layers, which "
                             f"{type(before).__name__} takes already. Leave keras=... out, or unregister the other.")
    known[keras] = CustomLayerHandler(kind, keras if isinstance(keras, str) else keras.__name__)


def _is_same(handler: LayerHandler, kind: type[CustomLayer]) -> bool:
    """Whether a module is imported again."""
    return (isinstance(handler, CustomLayerHandler) and handler.kind.__qualname__ == kind.__qualname__
            and handler.kind.__module__ == kind.__module__)


class CustomLayerHandler(LayerHandler):
    """Makes a layer of a kind from outside of a Keras layer.

    :param kind: its class
    :param keras_class: name of the Keras class
    """

    def __init__(self, kind: type[CustomLayer], keras_class: str) -> None:
        self.kind = kind
        self.keras_class = keras_class              # type: ignore[misc]
        self.accepted = kind.keras_options          # type: ignore[misc]

    def add(self, use: Use, graph: Graph) -> Value:
        """Add the layer."""
        if len(use.inputs) != 1:
            raise ModelError(f"{self.keras_class} layer {use.name!r} takes {len(use.inputs)} values. dlgraph accepts one for layer "
                             f"kinds from outside; add or concatenate them before it.")
        layer = self.kind.from_keras(use)
        return graph.custom(use.input, layer, home=use.layer if isinstance(layer, CustomWeightLayer) else None)
