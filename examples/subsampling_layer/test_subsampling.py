"""Tests of the layer kind subsampling: `python -m pytest` in this folder runs them."""
import numpy as np

from dlgraph import Emulated
from dlgraph.custom_checks import check_equal, check_gradient

from subsampling import SubsamplingLayer

SHAPE = (7, 4, 4)             # (height, width, channels) of what comes in; the last row belongs to no window


def a_layer() -> SubsamplingLayer:
    weights, biases = np.array([0.9, -0.5, 1.2, 0.3]), np.array([0.2, 0.0, -0.1, 0.6])
    return SubsamplingLayer("subsampling", np.rint(weights * 2.0**28).astype(np.int32), np.rint(biases * 2.0**23).astype(np.int32),
                            use_bias=True)


def in_floating_point(x: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    return weights * x[:, :6].reshape(len(x), 3, 2, 2, 2, 4).sum(axis=(2, 4)) + biases


def test_gradient() -> None:
    """The arithmetic of subsampling.py, against differences in floating point."""
    check_gradient(a_layer(), SHAPE, in_floating_point)


def test_machine_and_reference_are_equal() -> None:
    """subsampling.c on an emulated board against subsampling.py, in every bit: in tiles down, and of channels."""
    check_equal(a_layer(), SHAPE, Emulated(board="spinn3"), cuts=[(2, 1, 2)])
