"""Keras' form of MNIST: one ``.npz`` with four arrays."""
from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from dlgraph.data.images import DataSet, check_images
from dlgraph.errors import DataError

NAMES = ("x_train", "y_train", "x_test", "y_test")


def read_npz(path: Path, description: str | None = None) -> DataSet:
    """A file in the form of Keras' ``mnist.npz``.

    :param description: in words; None for one that names the file
    :raises DataError: if it cannot be read, or its arrays are not images with labels
    """
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise DataError(f"{path} holds one array. dlgraph accepts a file in the form of Keras' mnist.npz, with the arrays "
                            f"{', '.join(NAMES)}.")
        with file:
            missing = [name for name in NAMES if name not in file]
            if missing:
                raise DataError(f"{path} has no array {missing[0]!r}; it has {', '.join(file.files) or 'none'}. dlgraph accepts "
                                f"a file in the form of Keras' mnist.npz, with the arrays {', '.join(NAMES)}.")
            arrays = [file[name] for name in NAMES]
    except DataError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read as a file of NumPy arrays: {error}. Give a file in the form of Keras' "
                        f"mnist.npz.") from error
    x, y, test_x, test_y = arrays
    check_images(x, y, "x_train", "y_train", str(path))
    check_images(test_x, test_y, "x_test", "y_test", str(path))
    if x.shape[1:] != test_x.shape[1:]:
        raise DataError(f"x_train in {path} has the shape {x.shape}, and x_test {test_x.shape}. Their images must be of one "
                        f"size.")
    return DataSet(x, y.astype(np.uint8), test_x, test_y.astype(np.uint8), description or f"MNIST, from {path}")
