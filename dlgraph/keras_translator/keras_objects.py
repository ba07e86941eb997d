"""What can be known of a Keras object without importing Keras.

``tf.keras`` and standalone Keras 3 (on any backend) are the same classes, so everything here goes by class names,
modules and ``get_config()``.
"""
from __future__ import annotations

from typing import Any

#: Modules in which Keras 3 defines its classes and functions.
KERAS = ("keras.src.", "keras.")
#: Modules in which Keras 2 defined them.
LEGACY = ("tf_keras.", "tensorflow.python.keras.", "keras.engine.", "keras.src.engine.")


def class_name(thing: Any) -> str:
    """The name of a thing's class, of a class itself, or of a function."""
    if isinstance(thing, type):
        return thing.__name__
    if callable(thing) and hasattr(thing, "__name__"):
        return str(thing.__name__)
    return type(thing).__name__


def module_of(thing: Any) -> str:
    """The module that defines a thing's class, a class itself, or a function, ending in a dot."""
    if isinstance(thing, type) or (callable(thing) and hasattr(thing, "__name__")):
        return str(getattr(thing, "__module__", "")) + "."
    return str(type(thing).__module__) + "."


def is_keras(thing: Any) -> bool:
    """Whether Keras 3 itself (not a user's subclass or function of the same name) defines the thing."""
    return module_of(thing).startswith(KERAS) and not is_legacy(thing)


def is_legacy(thing: Any) -> bool:
    """Whether Keras 2 defines the thing, or a base class of it."""
    classes = thing.__mro__ if isinstance(thing, type) else type(thing).__mro__
    return any(f"{each.__module__}.".startswith(LEGACY) for each in classes)


def snake_case(name: str) -> str:
    """``MeanSquaredError`` and ``mean_squared_error`` both as the latter."""
    parts = []
    for position, letter in enumerate(name):
        if letter.isupper() and position and not name[position - 1].isupper():
            parts.append("_")
        parts.append(letter.lower())
    return "".join(parts)
