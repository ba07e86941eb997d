"""What every source of images gives."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph.errors import DataError

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]

N_CLASSES = 10
#: Bytes of one array.  MNIST's images have 47 million, those of its largest relative (EMNIST) 639 million.
MAX_BYTES = 1 << 30


@dataclass(frozen=True)
class DataSet:
    """Images of digits with their labels.

    Unpacks as what Keras' ``load_data`` returns: ``(x_train, y_train), (x_test, y_test) = dlgraph.data.mnist()``.

    :ivar x_train: uint8 (n, height, width), 0 is the paper and 255 the ink
    :ivar y_train: uint8 (n,), 0 .. 9
    :ivar x_test: as x_train
    :ivar y_test: as y_train
    :ivar description: what it is and where it comes from, in words
    """

    x_train: Images
    y_train: Labels
    x_test: Images
    y_test: Labels
    description: str

    def __iter__(self) -> Iterator[tuple[Images, Labels]]:
        yield self.x_train, self.y_train
        yield self.x_test, self.y_test


def check_images(x: npt.NDArray[Any], y: npt.NDArray[Any], x_name: str, y_name: str, where: str) -> None:
    """Refuse what are not images of bytes with one label each.

    :param where: the file or folder, for the error
    :raises DataError: naming the array and what it is
    """
    if x.dtype != np.uint8 or x.ndim != 3 or 0 in x.shape:
        raise DataError(f"{x_name} in {where} has the dtype {x.dtype} and the shape {x.shape}. MNIST's images have the dtype "
                        f"uint8 and the shape (samples, rows, columns).")
    if y.dtype.kind not in "iu" or y.ndim != 1:
        raise DataError(f"{y_name} in {where} has the dtype {y.dtype} and the shape {y.shape}. MNIST's labels are whole "
                        f"numbers of the shape (samples,).")
    if len(x) != len(y):
        raise DataError(f"{x_name} in {where} has {len(x)} images, but {y_name} has {len(y)} labels. Every image needs one.")
    if y.min() < 0 or y.max() >= N_CLASSES:
        raise DataError(f"{y_name} in {where} has labels from {y.min()} to {y.max()}. MNIST's are from 0 to {N_CLASSES - 1}.")
