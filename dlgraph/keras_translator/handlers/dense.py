"""The fully connected layer."""
from __future__ import annotations

from typing import Any, ClassVar

from dlgraph.errors import ModelError
from dlgraph.keras_translator.activations import find_activation
from dlgraph.keras_translator.handlers.activation import activate
from dlgraph.keras_translator.handlers.base import LayerHandler, find_handler
from dlgraph.keras_translator.stack import DenseStage, Stack
from dlgraph.layer_graph import Activation


class DenseHandler(LayerHandler):
    """``keras.layers.Dense`` on flat samples, with or without bias, with its activation."""

    keras_class = "Dense"
    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {
        "kernel_regularizer": (None,), "bias_regularizer": (None,), "kernel_constraint": (None,),
        "bias_constraint": (None,), "lora_rank": (None,), "quantization_config": (None,),
    }

    def add(self, name: str, layer: Any, config: dict[str, Any], stack: Stack) -> None:
        """Add a stage."""
        if len(stack.shape) != 1:
            raise ModelError(
                f"Dense layer {name!r} gets samples of shape {stack.shape}. dlgraph accepts Dense layers on flat "
                f"samples (one axis); put a Flatten layer before it.")
        if getattr(layer, "lora_enabled", False):
            self._refuse(name, "lora_rank", getattr(layer, "lora_rank", "set"), "None")
        units = int(config["units"])
        stack.stages.append(DenseStage(name, layer, stack.size, units, bool(config["use_bias"])))
        stack.shape = (units,)

        activation: Any = getattr(layer, "activation", None)
        if hasattr(activation, "get_config") and hasattr(activation, "dtype_policy"):   # a layer as activation
            handler = find_handler(name, activation)
            inner = activation.get_config()
            handler.check(name, activation, inner)
            handler.add(name, activation, inner, stack)
            return
        found = find_activation(name, activation)
        if found is not Activation.LINEAR:
            activate(name, found, stack)
