"""Which loss ``model.compile(loss=...)`` means, and whether it fits the network's output."""
from __future__ import annotations

from functools import partial
from typing import Any

from dlgraph.errors import ModelError
from dlgraph.graph.checks import one_of
from dlgraph.graph.goal import LOSSES
from dlgraph.keras_translator.keras_objects import class_name, is_keras, snake_case
from dlgraph.layer_graph import Loss

#: Option of a loss object -> the values that dlgraph accepts.
ACCEPTED: dict[str, tuple[Any, ...]] = {
    "reduction": ("sum_over_batch_size", "mean"), "label_smoothing": (0.0,), "axis": (-1, 1), "ignore_class": (None,),
    "dtype": ("float32", None),
}


def find_loss(loss: Any) -> tuple[Loss, bool]:
    """The loss, and whether it applies the softmax or sigmoid itself (``from_logits``).

    :param loss: as given to ``compile``: a name, an alias, a class, a function, an object or its config
    :raises ModelError: for any other loss, or an option that dlgraph does not support
    """
    loss = _only_one(loss)
    options: dict[str, Any] = {}
    if loss is None:
        raise ModelError(f"The model is compiled without a loss. Compile it with one of {_known()}.")
    if isinstance(loss, str):
        name = loss
        if loss.lower() in ("crossentropy", "ce"):
            raise ModelError(f"The model is compiled with loss={loss!r}, whose meaning depends on the data. "
                             f"Compile it with the loss's own name, one of {_known()}.")
    elif isinstance(loss, dict) and "class_name" in loss:
        name, options = str(loss["class_name"]), dict(loss.get("config") or {})
    elif isinstance(loss, partial) or not is_keras(loss):
        name = class_name(loss.func if isinstance(loss, partial) else loss)
        raise ModelError(f"The model is compiled with the loss {name!r}, a function or class that is not Keras' own. "
                         f"dlgraph accepts {_known()}, by name, class or object.")
    else:
        name = class_name(loss)
        if hasattr(loss, "get_config") and not isinstance(loss, type):
            options = loss.get_config()
    found = LOSSES.get(snake_case(name))
    if found is None:
        raise ModelError(f"The model is compiled with the loss {name!r}, which dlgraph cannot train. "
                         f"It accepts {_known()}.")
    return found, _check_options(name, options)


def _only_one(loss: Any) -> Any:
    """Take the loss out of Keras' list or dict with one entry per output."""
    several = isinstance(loss, (list, tuple)) or (isinstance(loss, dict) and "class_name" not in loss)
    if not several:
        return loss
    values = list(loss.values()) if isinstance(loss, dict) else list(loss)
    if len(values) != 1:
        raise ModelError(f"The model is compiled with {len(values)} losses. dlgraph accepts one, for one output.")
    return values[0]


def _check_options(name: str, options: dict[str, Any]) -> bool:
    """Whether the loss is from logits; every other option must change nothing."""
    for option, given in options.items():
        if option in ("name", "from_logits"):
            continue
        accepted = ACCEPTED.get(option, (None,))
        if given not in accepted:
            raise ModelError(f"The loss {name} has {option}={given!r}, which dlgraph does not support. It accepts "
                             f"{option}={one_of(accepted)}; compile the model with that.")
    return bool(options.get("from_logits", False))


def _known() -> str:
    return one_of([loss.name.lower() for loss in Loss])
