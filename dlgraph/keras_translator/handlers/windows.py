"""Windows that move over an image: their sizes, strides and padding as rows and columns."""
from __future__ import annotations

from collections.abc import Sequence

from dlgraph.layers import Padding


def rows_and_columns(given: int | Sequence[int], fill: int) -> tuple[int, int]:
    """Keras' number or pair; of a layer that has one axis only, that is the rows.

    :param fill: for the columns then
    """
    numbers = [given] if isinstance(given, int) else [int(n) for n in given]
    return numbers[0], numbers[1] if len(numbers) > 1 else fill


def explicit_padding(mode: str, image: Sequence[int], size: tuple[int, int], strides: tuple[int, int]) -> Padding:
    """Zeros around an image.

    :param mode: Keras' ``"valid"``, ``"same"`` as TensorFlow does it, or ``"causal"``: all of them before
    :param image: height, width, ...
    :param size: of the windows
    """
    def of_axis(n: int, k: int, s: int) -> tuple[int, int]:
        if mode == "causal":
            return k - 1, 0
        total = max((-(-n // s) - 1) * s + k - n, 0) if mode == "same" else 0
        return total // 2, total - total // 2

    return (of_axis(image[0], size[0], strides[0]), of_axis(image[1], size[1], strides[1]))
