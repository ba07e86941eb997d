"""scikit-learn's handwritten digits, brought to MNIST's form: for computers that have no MNIST."""
from __future__ import annotations

import numpy as np

from dlgraph.data.images import DataSet, Images
from dlgraph.errors import DataError
from dlgraph.order import order

_N_TEST = 360
_SIDE, _INNER = 28, 20       # MNIST's digits are 20 x 20 pixels, in the middle of 28 x 28


def digits() -> DataSet:
    """1,797 digits of 8 x 8 pixels (UCI's *Optical Recognition of Handwritten Digits*), enlarged to 20 x 20 in the middle of
    28 x 28 as MNIST's are.

    1,437 are for training and 360 for tests, always the same ones.  Nothing is downloaded: scikit-learn carries them.

    :raises DataError: if scikit-learn is not installed
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError("scikit-learn is not installed, so its digits are not there: pip install scikit-learn.") from error
    small, labels = load_digits(return_X_y=True)
    shuffled = order(len(small), seed=0, epoch=0)
    x, y = _enlarged(small.reshape(-1, 8, 8)[shuffled]), labels[shuffled].astype(np.uint8)
    return DataSet(x[_N_TEST:], y[_N_TEST:], x[:_N_TEST], y[:_N_TEST],
                   f"scikit-learn's {len(x):,} handwritten digits of 8 x 8 pixels, enlarged to {_SIDE} x {_SIDE}")


def _enlarged(small: np.ndarray) -> Images:
    """0 .. 16 in 8 x 8 to 0 .. 255 in 28 x 28, bilinear."""
    at = (np.arange(_INNER) + 0.5) * 8 / _INNER - 0.5
    matrix = np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(8)))        # (20, 8)
    matrix /= matrix.sum(axis=1, keepdims=True)
    inner = np.einsum("ik,nkl,jl->nij", matrix, small * (255 / 16), matrix)
    x = np.zeros((len(small), _SIDE, _SIDE), np.uint8)
    edge = (_SIDE - _INNER) // 2
    x[:, edge:edge + _INNER, edge:edge + _INNER] = np.rint(inner)
    return x
