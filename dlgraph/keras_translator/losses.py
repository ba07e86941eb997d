"""Which loss ``model.compile(loss=...)`` means, and whether it fits the network's output."""
from __future__ import annotations

from functools import partial
from typing import Any

from dlgraph.errors import ModelError
from dlgraph.keras_translator.keras_objects import class_name, is_keras, one_of, snake_case
from dlgraph.layer_graph import Activation, Loss

LOSSES = {
    "sparse_categorical_crossentropy": Loss.SPARSE_CATEGORICAL_CROSSENTROPY,
    "categorical_crossentropy": Loss.CATEGORICAL_CROSSENTROPY,
    "binary_crossentropy": Loss.BINARY_CROSSENTROPY,
    "bce": Loss.BINARY_CROSSENTROPY,
    "mean_squared_error": Loss.MEAN_SQUARED_ERROR,
    "mse": Loss.MEAN_SQUARED_ERROR,
}
#: Option of a loss object -> the values that dlgraph accepts.
ACCEPTED: dict[str, tuple[Any, ...]] = {
    "reduction": ("sum_over_batch_size", "mean"), "label_smoothing": (0.0,), "axis": (-1, 1), "ignore_class": (None,),
    "dtype": ("float32", None),
}
#: The activation that the output layer must have unless the loss is from logits.
OUTPUT_ACTIVATION = {
    Loss.SPARSE_CATEGORICAL_CROSSENTROPY: Activation.SOFTMAX,
    Loss.CATEGORICAL_CROSSENTROPY: Activation.SOFTMAX,
    Loss.BINARY_CROSSENTROPY: Activation.SIGMOID,
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


def check_output(loss: Loss, from_logits: bool, activation: Activation, layer_name: str, n_outputs: int) -> None:
    """Refuse an output layer that the loss cannot be trained with.

    :param activation: of the output layer
    :raises ModelError: naming the ways out
    """
    if activation is Activation.SOFTMAX and n_outputs == 1:
        raise ModelError(f"Output layer {layer_name!r} applies softmax to a single unit, which is always 1. Use "
                         f"activation='sigmoid' with loss='binary_crossentropy', or 2 units.")
    needed = OUTPUT_ACTIVATION.get(loss)
    if needed is None:
        return
    expected = Activation.LINEAR if from_logits else needed
    if activation is expected:
        return
    name, call = loss.name.lower(), "".join(word.capitalize() for word in loss.name.split("_"))
    raise ModelError(
        f"Output layer {layer_name!r} has the activation {activation.name.lower()!r}, but the loss is {name} with "
        f"from_logits={from_logits}. dlgraph accepts {needed.name.lower()!r} with loss={name!r}, or 'linear' with "
        f"loss=keras.losses.{call}(from_logits=True); or use loss='mean_squared_error', which takes any activation.")


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
