"""One small handler class per Keras layer; importing this package registers them all."""
from dlgraph.keras_translator.handlers import (  # noqa: F401
    activation, convolution, dense, dropout, joining, padding, pooling, shape)
from dlgraph.keras_translator.handlers.base import LayerHandler, Use, find_handler

__all__ = ["LayerHandler", "Use", "find_handler"]
