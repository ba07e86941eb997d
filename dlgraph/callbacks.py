"""Keras callbacks, called once per epoch: the machine trains a whole epoch without the host."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dlgraph.errors import DataError
from dlgraph.keras_translator.keras_objects import is_keras

BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end", "on_test_batch_begin",
               "on_test_batch_end", "on_predict_batch_begin", "on_predict_batch_end")
#: Keras' own callbacks that have batch hooks -> whether these do nothing, as the callback is set, that an epoch needs.
PER_EPOCH: dict[str, Callable[[Any], bool]] = {
    "ModelCheckpoint": lambda callback: getattr(callback, "save_freq", None) == "epoch",
    "BackupAndRestore": lambda callback: getattr(callback, "save_freq", None) == "epoch",
    "TensorBoard": lambda callback: (getattr(callback, "update_freq", None) == "epoch" and not callback.write_steps_per_second
                                     and not getattr(callback, "_should_trace", False)),
    "TerminateOnNaN": lambda callback: True,                  # every number of a training in fixed point is finite
}
#: What to do where that is not so.
WAYS_OUT = {
    "ModelCheckpoint": "give it save_freq='epoch'",
    "BackupAndRestore": "give it save_freq='epoch'",
    "TensorBoard": "give it update_freq='epoch', profile_batch=0 and write_steps_per_second=False",
}


class History:
    """The course of a training, with Keras' attributes.

    :ivar history: key -> value per epoch
    :ivar epoch: numbers of the epochs, from 0
    :ivar params: ``epochs``, ``steps`` and ``verbose`` of the call
    :ivar model: the Keras model
    :ivar machine_seconds: per epoch, from the first sample to the last update at 200 MHz; 0 on the host
    :ivar saturations: per epoch, layer name -> values that were clipped to their number format
    :ivar checkpoint_error: why the checkpoint is not what training ended with, such as ``"No space left on device"``; None where it
        is, or none was asked for
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.params: dict[str, Any] = {}
        self.model: Any = None
        self.machine_seconds: list[float] = []
        self.saturations: list[dict[str, int]] = []
        self.checkpoint_error: str | None = None

    def set_model(self, model: Any) -> None:
        """As Keras calls it; the model is kept as ``model``."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """As Keras calls it; kept as ``params``."""
        self.params = params

    def add(self, epoch: int, logs: dict[str, float]) -> None:
        """Note a finished epoch."""
        self.epoch.append(epoch)
        for key, value in logs.items():
            self.history.setdefault(key, []).append(value)


class CallbackList:
    """The user's callbacks, called in order.

    :param callbacks: one, or several, or Keras' own ``CallbackList``
    :raises DataError: for what is not a callback, or one that wants to be called in the middle of an epoch
    """

    def __init__(self, callbacks: Any) -> None:
        self.callbacks = _as_list(callbacks)
        for callback in self.callbacks:
            _check(callback)

    def set_up(self, model: Any, params: dict[str, Any]) -> None:
        """Before everything else."""
        for callback in self.callbacks:
            callback.set_params(dict(params))
            callback.set_model(model)

    def call(self, hook: str, *arguments: Any) -> None:
        """Call a hook, such as ``"on_epoch_end"``, of every callback."""
        for callback in self.callbacks:
            method = getattr(callback, hook, None)
            if method is not None:
                method(*arguments)


def _as_list(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    if hasattr(callbacks, "callbacks"):
        callbacks = callbacks.callbacks
    if isinstance(callbacks, Iterable) and not isinstance(callbacks, (str, bytes)):
        flat: list[Any] = []
        for each in callbacks:
            flat += _as_list(each)
        return flat
    return [callbacks]


def _check(callback: Any) -> None:
    kind = type(callback).__name__
    if isinstance(callback, type) or not all(hasattr(callback, hook) for hook in
                                             ("set_model", "set_params", "on_epoch_end", "on_train_begin")):
        name = callback.__name__ if isinstance(callback, type) else repr(callback)
        raise DataError(f"callbacks has {name}, which is not a callback. Give objects of keras.callbacks.Callback.")
    by_batch = [hook for hook in BATCH_HOOKS if _overrides(callback, hook)]
    if by_batch:
        raise DataError(
            f"The callback {kind} has {by_batch[0]}, but the machine trains a whole epoch without the host, so nothing "
            f"can be called between batches. dlgraph accepts callbacks per epoch (on_epoch_begin, on_epoch_end, "
            f"on_train_begin, on_train_end), such as EarlyStopping, LearningRateScheduler, or ModelCheckpoint with "
            f"save_freq='epoch'; {WAYS_OUT.get(kind, 'leave this one out')}.")


def _overrides(callback: Any, hook: str) -> bool:
    """Whether a batch hook does anything."""
    if hook in vars(callback):                                            # LambdaCallback
        return True
    for kind in type(callback).__mro__:
        if hook in vars(kind):
            if not is_keras(kind):
                return True
            if kind.__name__ in ("Callback", "History"):
                return False
            return kind.__name__ not in PER_EPOCH or not PER_EPOCH[kind.__name__](callback)
    return False
