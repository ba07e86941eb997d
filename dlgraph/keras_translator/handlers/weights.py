"""What Dense layers and convolutions have in common."""
from __future__ import annotations

from typing import Any, ClassVar

from dlgraph.keras_translator.draft import Draft, Node, Value
from dlgraph.keras_translator.handlers.activation import activation_of
from dlgraph.keras_translator.handlers.base import LayerHandler, Use
from dlgraph.layer_graph import Activation
from dlgraph.layers import WeightLayer


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

    def _add(self, use: Use, draft: Draft, layer: WeightLayer) -> Value:
        """Add a layer, with its Keras layer's activation."""
        applied = activation_of(use.name, getattr(use.layer, "activation", None))
        layer.activation, layer.negative_slope = applied.kind, applied.negative_slope
        activated_by = None if applied.kind is Activation.LINEAR else use.name
        return draft.add(Node(layer, self.keras_class, use.layer, activated_by), use.inputs)
