"""What Dense layers and convolutions have in common."""
from __future__ import annotations

from typing import Any, ClassVar

from dlgraph.keras_translator.handlers.activation import activation_of
from dlgraph.keras_translator.handlers.base import LayerHandler, Use


class WeightLayerHandler(LayerHandler):
    """A layer with kernel, bias and activation; nothing that pulls at its weights is accepted."""

    accepted: ClassVar[dict[str, tuple[Any, ...]]] = {
        "kernel_regularizer": (None,), "bias_regularizer": (None,), "kernel_constraint": (None,),
        "bias_constraint": (None,), "lora_rank": (None,), "quantization_config": (None,),
    }

    def check(self, name: str, layer: Any, config: dict[str, Any]) -> None:
        """Refuse LoRA that was turned on later as well."""
        super().check(name, layer, config)
        if getattr(layer, "lora_enabled", False):
            self._refuse(name, "lora_rank", getattr(layer, "lora_rank", "set"), "None")

    @staticmethod
    def options(use: Use) -> dict[str, Any]:
        """What a graph is told of such a layer besides its size: the weights live in the Keras layer."""
        return {"activation": activation_of(use.name, getattr(use.layer, "activation", None)),
                "use_bias": bool(use.config["use_bias"]), "name": use.name, "home": use.layer}
