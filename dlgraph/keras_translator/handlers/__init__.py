"""One small handler class per Keras layer; importing this package registers them all."""
from dlgraph.keras_translator.handlers import activation, dense, shape  # noqa: F401
from dlgraph.keras_translator.handlers.base import LayerHandler, find_handler

__all__ = ["LayerHandler", "find_handler"]
