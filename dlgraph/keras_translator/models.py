"""Which Keras models dlgraph takes, before their layers are looked at."""
from __future__ import annotations

from typing import Any

from dlgraph.errors import ModelError
from dlgraph.keras_translator.keras_objects import is_keras, is_legacy, module_of

ACCEPTED_MODELS = ("dlgraph accepts Sequential and Functional models with one input and one output, in which each layer is "
                   "used once.")


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
    if not is_plain(model):
        raise ModelError(
            f"Model {model.name!r} is of the class {kind}, a class of your own. {ACCEPTED_MODELS} Build it with "
            f"keras.Sequential([...]) or keras.Model(inputs, outputs).")
    if not model.built:
        raise ModelError(
            f"Model {model.name!r} is not built, so its weights do not exist yet. Begin it with "
            f"keras.Input(shape), or call model.build((None, ...)) first.")
    if not getattr(model, "compiled", False):
        raise ModelError(
            f"Model {model.name!r} is not compiled. Call model.compile(optimizer='sgd', loss=..., "
            f"metrics=['accuracy']) before from_keras.")


def input_shape(model: Any) -> tuple[int, ...]:
    """The shape of one sample, without the batch.

    :raises ModelError: where an axis is open, there is no value in it, or there are several inputs
    """
    shape = model.input_shape
    if isinstance(shape, dict) and len(shape) == 1:
        shape = next(iter(shape.values()))
    if isinstance(shape, list) and len(shape) == 1:
        shape = shape[0]
    if isinstance(shape, (list, dict)):
        raise ModelError(f"Model {model.name!r} has {len(shape)} inputs. {ACCEPTED_MODELS}")
    if any(axis is None for axis in shape[1:]):
        raise ModelError(f"Model {model.name!r} has the input shape {tuple(shape)}, with an axis of open size. "
                         f"dlgraph accepts inputs whose axes, but for the batch, are all given; give them in "
                         f"keras.Input(shape).")
    if 0 in shape[1:]:
        raise ModelError(f"Model {model.name!r} has the input shape {tuple(shape)}, without any value. dlgraph accepts "
                         f"axes from 1; give another keras.Input(shape).")
    return tuple(int(axis) for axis in shape[1:])


def is_plain(model: Any) -> bool:
    """Whether a thing is a Sequential or Functional model, not one of a user's own class."""
    return is_keras(type(model)) and type(model).__name__ in ("Sequential", "Functional")
