"""Checks of the arguments of ``train``, ``predict`` and ``evaluate`` that are not data."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dlgraph.errors import CheckpointError, DataError

#: Arguments of Keras' methods that dlgraph has no use for, with the way out.
NOT_SUPPORTED = {
    "steps_per_epoch": "Every epoch uses every sample once; give fewer samples.",
    "validation_steps": "Every sample is validated; give fewer samples.",
    "steps": "Every sample is used; give fewer samples.",
    "callbacks": "They are called by train; leave them out.",
}
#: Arguments of Keras' methods that change nothing here.
WITHOUT_EFFECT = ("validation_batch_size",)


def check_batch_size(batch_size: Any, n_samples: int) -> int:
    """The batch size, 32 where the user gives none.

    :raises DataError: for one that is no whole number from 1 to the number of samples
    """
    if batch_size is None:
        batch_size = 32
    size = check_integer("batch_size", batch_size, 1)
    if size > n_samples:
        raise DataError(f"batch_size={size} is larger than the data: there are {n_samples} samples. Give batch_size="
                        f"{n_samples} or less.")
    return size


def check_file(name: str, path: Any) -> Path:
    """The name of a file, there or not.

    :raises DataError: for anything else
    """
    if not _is_path(path):
        raise DataError(f"{name}={path!r} is not a path. Give the name of a file, such as 'training.npz'.")
    if os.path.isdir(path):
        raise CheckpointError(f"{name}={os.fspath(path)!r} is a folder. Give the name of a file, such as "
                              f"{os.path.join(path, 'training.npz')!r}.")
    return Path(path)


def check_folder(name: str, path: Any) -> Path:
    """The name of a folder, there or not.

    :raises DataError: for anything else
    """
    if not _is_path(path):
        raise DataError(f"{name}={path!r} is not a path. Give the name of a folder, such as 'training'.")
    if os.path.exists(path) and not os.path.isdir(path):
        raise CheckpointError(f"{name}={os.fspath(path)!r} is not a folder. Give the name of one, or of one that is to be made.")
    return Path(path)


def check_integer(name: str, value: Any, least: int) -> int:
    """A whole number, also of NumPy's types.

    :raises DataError: for anything else, or one below ``least``
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise DataError(f"{name}={value!r} is not a whole number. Give a whole number from {least}.")
    if value < least:
        raise DataError(f"{name}={value} is too small. Give a whole number from {least}.")
    return int(value)


def check_resume(resume: Any, checkpoint: Any) -> None:
    """:raises DataError: for anything but "auto", True and False, and for True without a checkpoint"""
    if not isinstance(resume, bool) and not (isinstance(resume, str) and resume == "auto"):
        raise DataError(f"resume={resume!r} is not known. Give 'auto', True or False.")
    if resume is True and checkpoint is None:
        raise DataError("resume=True goes on from a checkpoint, but none is named. Give checkpoint=path as well.")


def check_shuffle(shuffle: Any) -> bool:
    """Whether to shuffle.

    :raises DataError: for anything but True and False
    """
    if not isinstance(shuffle, (bool, np.bool_)):
        raise DataError(f"shuffle={shuffle!r} is not known. Give True or False.")
    return bool(shuffle)


def refuse_others(others: dict[str, Any], method: str) -> None:
    """Refuse arguments of Keras' methods that dlgraph has no use for.

    :raises DataError: with the way out
    :raises TypeError: for arguments that Keras does not know either
    """
    for name, value in others.items():
        if name in NOT_SUPPORTED:
            if value is not None:
                raise DataError(f"{name} is not supported by {method}. {NOT_SUPPORTED[name]}")
        elif name not in WITHOUT_EFFECT:
            raise TypeError(f"{method}() got an unexpected keyword argument {name!r}")


def validation_epochs(frequency: Any) -> Callable[[int], bool]:
    """Epoch -> whether to validate after it, from Keras' ``validation_freq``.

    :raises DataError: for what is neither a number nor a list of numbers from 1
    """
    if isinstance(frequency, (list, tuple, set)):
        chosen = {check_integer("validation_freq", each, 1) for each in frequency}
        return lambda epoch: epoch + 1 in chosen
    every = check_integer("validation_freq", frequency, 1)
    return lambda epoch: (epoch + 1) % every == 0


def _is_path(path: Any) -> bool:
    name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    return isinstance(name, str) and name != "" and "\0" not in name
