"""The idx format, in which MNIST was first published: a magic number, the sizes, then bytes.

http://yann.lecun.com/exdb/mnist: all numbers are big-endian; the magic number is two zero bytes, 8 for unsigned bytes, and the
number of axes, so 2051 for images and 2049 for labels.
"""
from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from dlgraph.data.images import MAX_BYTES, DataSet, check_images
from dlgraph.errors import DataError

#: Names with a dash, as published, and with a dot, as some tools unpack them.
_SEPARATORS = ("-", ".")


def read_folder(folder: Path) -> DataSet:
    """MNIST's four files, each as it is or with ``.gz``.

    :raises DataError: naming the file that is missing, and for what :func:`read_idx` refuses
    """
    (x, y), (test_x, test_y) = _pair(folder, "train"), _pair(folder, "t10k")
    if x.shape[1:] != test_x.shape[1:]:
        raise DataError(f"The training images in {folder} are of {_size(x)} pixels, the test images of {_size(test_x)}. They "
                        f"must be of one size.")
    return DataSet(x, y, test_x, test_y, f"MNIST, from the idx files in {folder}")


def read_idx(path: Path, n_axes: int) -> npt.NDArray[np.uint8]:
    """One file of unsigned bytes.

    :param path: compressed if it begins with gzip's mark, whatever its name
    :param n_axes: 3 for images, 1 for labels
    :raises DataError: if it cannot be read, has another magic number, not as many bytes as its header says, or more than
        :data:`~dlgraph.data.images.MAX_BYTES`
    """
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not packed:
                return _read(path, file, n_axes)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _read(path, unpacked, n_axes)
    except (OSError, EOFError, zlib.error) as error:       # gzip's own error is an OSError
        raise DataError(f"{path} cannot be read: {error}. Get the file again.") from error


def _read(path: Path, file: BinaryIO | gzip.GzipFile, n_axes: int) -> npt.NDArray[np.uint8]:
    """The header is believed only as far as the bytes go: what a small file says, or unpacks to, may be any size."""
    header = 4 + 4 * n_axes
    content = file.read(header)
    if len(content) < header:
        raise DataError(f"{path} is cut off: it has {len(content)} bytes, and the header of an idx file of "
                        f"{n_axes} {'axes' if n_axes > 1 else 'axis'} alone has {header}. Get the file again.")
    magic, *shape = (int(number) for number in np.frombuffer(content, ">u4", 1 + n_axes))
    expected = 0x800 + n_axes
    if magic != expected:
        kind = "images" if n_axes == 3 else "labels"
        raise DataError(f"{path} begins with the number {magic}, and an idx file of {kind} begins with {expected}. It is "
                        f"another file, or damaged.")
    wanted = prod(shape)
    says = f"its header says {' x '.join(map(str, shape))} = {wanted} bytes"
    if wanted > MAX_BYTES:
        raise DataError(f"{path} is too large, or damaged: {says}, and dlgraph reads up to {MAX_BYTES}.")
    data = file.read(wanted + 1)
    if len(data) != wanted:
        found = f"has {len(data)}" if len(data) < wanted else "has more"
        raise DataError(f"{path} {'is cut off' if len(data) < wanted else 'is too long'}: {says}, and it {found}. Get the file "
                        f"again.")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _pair(folder: Path, part: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Images and labels of the training or test part."""
    x = read_idx(_find(folder, f"{part}-images", "idx3-ubyte"), 3)
    y = read_idx(_find(folder, f"{part}-labels", "idx1-ubyte"), 1)
    check_images(x, y, f"{part}-images", f"{part}-labels", str(folder))
    return x, y


def _find(folder: Path, name: str, ending: str) -> Path:
    names = [f"{name}{separator}{ending}{packed}" for separator in _SEPARATORS for packed in ("", ".gz")]
    for each in names:
        if (folder / each).is_file():
            return folder / each
    raise DataError(f"{folder} has none of {', '.join(names)}. Give a folder with MNIST's four idx files, or a file in the "
                    f"form of Keras' mnist.npz.")


def _size(x: npt.NDArray[np.uint8]) -> str:
    return f"{x.shape[1]} x {x.shape[2]}"
