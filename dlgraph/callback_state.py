"""What callbacks know of the epochs so far, for checkpoints.

Keras' own reset themselves when a training begins; what three of them have gathered until then is put back afterwards.  A callback
of the user's is asked for it where it has methods ``state_dict()`` and ``load_state_dict(state)``.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from dlgraph.checkpoint import CallbackState
from dlgraph.keras_translator.keras_objects import is_keras

#: Keras' callback -> its numbers; and where it keeps weights of the model.
_NUMBERS = {
    "EarlyStopping": ("wait", "stopped_epoch", "best_epoch", "best"),
    "ReduceLROnPlateau": ("wait", "cooldown_counter", "best"),
    "ModelCheckpoint": ("best",),
}
_WEIGHTS = {"EarlyStopping": "best_weights"}
_OWN = ("state_dict", "load_state_dict")


def states_of(callbacks: Sequence[Any]) -> list[CallbackState]:
    """Of those that have one."""
    found = []
    for callback in callbacks:
        kind = type(callback).__name__
        known = _known(callback)
        if _has_own(callback):
            found.append(CallbackState(kind, callback.state_dict()))
        elif known is not None:
            numbers = {name: _number(getattr(callback, name, None)) for name in _NUMBERS[known]}
            weights = getattr(callback, _WEIGHTS[known], None) if known in _WEIGHTS else None
            found.append(CallbackState(kind, numbers, [np.asarray(each, np.float32) for each in weights or []]))
    return found


def put_back(callbacks: Sequence[Any], states: Sequence[CallbackState]) -> list[str]:
    """Give callbacks the states they had, the first of a class to the first of that class.

    :return: classes of states that nobody took
    """
    left = list(states)
    for callback in callbacks:
        known = _known(callback)
        state = next((each for each in left if each.kind == type(callback).__name__), None)
        if state is None or not (known is not None or _has_own(callback)):
            continue
        left.remove(state)
        if _has_own(callback):
            callback.load_state_dict(state.values)
        elif known is not None and isinstance(state.values, dict):
            for name in _NUMBERS[known]:
                value = state.values.get(name)
                if value is None or type(value) in (int, float):
                    setattr(callback, name, value)
            if known in _WEIGHTS:
                setattr(callback, _WEIGHTS[known], state.weights or None)
    return [state.kind for state in left]


@contextmanager
def logs_go_on(callbacks: Sequence[Any]) -> Iterator[None]:
    """While a training begins that goes on, CSVLogger adds to its file instead of writing it anew."""
    loggers = [each for each in callbacks if type(each).__name__ == "CSVLogger" and is_keras(type(each)) and not each.append]
    for each in loggers:
        each.append = True
    try:
        yield
    finally:
        for each in loggers:
            each.append = False


def _has_own(callback: Any) -> bool:
    return all(callable(getattr(callback, name, None)) for name in _OWN)


def _known(callback: Any) -> str | None:
    """The name of Keras' class, for objects of it and of classes made from it."""
    names = [kind.__name__ for kind in type(callback).__mro__ if is_keras(kind)]
    return next((name for name in names if name in _NUMBERS), None)


def _number(value: Any) -> int | float | None:
    if value is None:
        return None
    array = np.asarray(value)
    return int(array) if array.dtype.kind in "iub" else float(array)
