"""MNIST, from wherever it is on this computer."""
from __future__ import annotations

import logging
import os
from pathlib import Path

from dlgraph.data.digits import digits
from dlgraph.data.idx import read_folder
from dlgraph.data.images import DataSet
from dlgraph.data.npz import read_npz
from dlgraph.errors import DataError

log = logging.getLogger(__name__)


def mnist(path: str | os.PathLike[str] | None = None, *, download: bool = False, fallback: bool = False) -> DataSet:
    """Handwritten digits: 60,000 to train and 10,000 to test, of 28 x 28 pixels (LeCun, Cortes and Burges).

    :param path: a file in the form of Keras' ``mnist.npz``, or a folder with the four idx files, compressed or not; None for
        the file in Keras' cache, ``~/.keras/datasets/mnist.npz`` (or below ``KERAS_HOME``)
    :param download: where ``path`` is None and the cache has no file, let Keras download it
    :param fallback: where there is none, take :func:`dlgraph.data.digits` and say so, in the description and in the log
    :raises DataError: if there is none and no fallback is wanted; if a file is damaged or another one, in any case
    """
    if path is not None:
        given = Path(path).expanduser()
        if given.is_dir():
            return read_folder(given)
        if given.exists():
            return read_npz(given)
        raise DataError(f"There is no file or folder {given}. Give a file in the form of Keras' mnist.npz, or a folder with "
                        f"MNIST's four idx files.")
    cached = keras_cache() / "mnist.npz"
    if cached.is_file():
        return read_npz(cached, f"MNIST, from Keras' cache ({cached})")
    if download:
        return _downloaded()
    if fallback:
        log.warning("MNIST is not on this computer (%s): taking scikit-learn's digits in its place. They are fewer and "
                    "easier; figures for MNIST do not hold for them.", cached)
        found = digits()
        return DataSet(found.x_train, found.y_train, found.x_test, found.y_test,
                       f"{found.description}, as MNIST is not on this computer")
    raise DataError(f"MNIST is not in Keras' cache: there is no {cached}. Give download=True, the path of a file in the form of "
                    f"Keras' mnist.npz or of a folder with the four idx files, or fallback=True for scikit-learn's digits.")


def keras_cache() -> Path:
    """Where Keras keeps data sets."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def _downloaded() -> DataSet:
    import keras

    try:
        (x, y), (test_x, test_y) = keras.datasets.mnist.load_data()
    except Exception as error:       # no network, no room, another file at the other end
        raise DataError(f"Keras cannot download MNIST: {error}. Give the path of a file that is on this computer.") from error
    return DataSet(x, y, test_x, test_y, "MNIST, downloaded by Keras")
