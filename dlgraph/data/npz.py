"""Keras' form of MNIST: one ``.npz`` with four arrays."""
from __future__ import annotations

import io
import zipfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph.data.images import MAX_BYTES, DataSet, check_images
from dlgraph.errors import DataError

NAMES = ("x_train", "y_train", "x_test", "y_test")
#: How a file begins that holds one array alone (numpy.lib.format).
_ONE_ARRAY = b"\x93NUMPY"


def read_npz(path: Path, description: str | None = None) -> DataSet:
    """A file in the form of Keras' ``mnist.npz``.

    :param description: in words; None for one that names the file
    :raises DataError: if it cannot be read, its arrays are not images with labels, or one is larger than
        :data:`~dlgraph.data.images.MAX_BYTES`
    """
    try:
        arrays = _arrays(path)
    except DataError:
        raise
    except Exception as error:       # zipfile, zlib, lzma and NumPy have errors of a dozen kinds for what is no such file
        raise DataError(f"{path} cannot be read as a file of NumPy arrays: {error}. Give a file in the form of Keras' "
                        f"mnist.npz.") from error
    x, y, test_x, test_y = arrays
    check_images(x, y, "x_train", "y_train", str(path))
    check_images(test_x, test_y, "x_test", "y_test", str(path))
    if x.shape[1:] != test_x.shape[1:]:
        raise DataError(f"x_train in {path} has the shape {x.shape}, and x_test {test_x.shape}. Their images must be of one "
                        f"size.")
    return DataSet(x, y.astype(np.uint8), test_x, test_y.astype(np.uint8), description or f"MNIST, from {path}")


def _arrays(path: Path) -> list[npt.NDArray[Any]]:
    with open(path, "rb") as file:
        if file.read(len(_ONE_ARRAY)) == _ONE_ARRAY:
            raise DataError(f"{path} holds one array. dlgraph accepts a file in the form of Keras' mnist.npz, with the arrays "
                            f"{', '.join(NAMES)}.")
        with zipfile.ZipFile(file) as archive:
            there = [name.removesuffix(".npy") for name in archive.namelist()]
            missing = [name for name in NAMES if name not in there]
            if missing:
                raise DataError(f"{path} has no array {missing[0]!r}; it has {', '.join(there) or 'none'}. dlgraph accepts "
                                f"a file in the form of Keras' mnist.npz, with the arrays {', '.join(NAMES)}.")
            return [_array(path, archive, name) for name in NAMES]


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """One array; neither the archive's table nor the array's header is believed about its size before the bytes are there."""
    size = archive.getinfo(f"{name}.npy").file_size
    if size > MAX_BYTES:
        raise DataError(f"{name} in {path} is too large, or the file is damaged: it says {size} bytes, and dlgraph reads up to "
                        f"{MAX_BYTES}.")
    data = archive.read(f"{name}.npy")
    header = io.BytesIO(data)
    version = np.lib.format.read_magic(header)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"version {version[0]}.{version[1]} of the array {name}")
    shape, fortran_order, dtype = readers[version](header)
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects, which are not loaded")
    wanted, found = prod(shape) * dtype.itemsize, len(data) - header.tell()
    if wanted != found or min(shape, default=0) < 0:
        raise ValueError(f"the header of {name} says {wanted} bytes, and it has {found}")
    return np.frombuffer(data, dtype, offset=header.tell()).reshape(shape, order="F" if fortran_order else "C")
