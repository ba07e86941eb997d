"""Tests of the layer kind prelu: `python -m pytest` in this folder runs them."""
import numpy as np

from dlgraph import Emulated
from dlgraph.custom_checks import check_equal, check_gradient

from prelu import PReluLayer

SHAPE = (6, 5, 4)             # (height, width, channels) of what comes in


def a_layer() -> PReluLayer:
    slopes = np.array([0.25, -0.5, 1.2, 0.0])
    return PReluLayer("prelu", np.rint(slopes * 2.0**28).astype(np.int32))


def in_floating_point(x: np.ndarray, slopes: np.ndarray, biases: np.ndarray) -> np.ndarray:
    return np.where(x >= 0, x, slopes * x)


def test_gradient() -> None:
    """The arithmetic of prelu.py, against differences in floating point."""
    check_gradient(a_layer(), SHAPE, in_floating_point)


def test_machine_and_reference_are_equal() -> None:
    """prelu.c on an emulated board against prelu.py, in every bit: in tiles down, and of channels."""
    check_equal(a_layer(), SHAPE, Emulated(board="spinn3"), cuts=[(2, 1, 2)])
