"""Checks of what a graph's layers are given."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlgraph.errors import ModelError
from dlgraph.layers import Padding

PADDINGS = ("valid", "same", "causal")


def one_of(names: Any) -> str:
    """``'a', 'b' or 'c'`` for an error text."""
    quoted = [repr(name) for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]


def is_whole(given: Any) -> bool:
    """Whether it is a whole number, also of NumPy's types."""
    return isinstance(given, (int, np.integer)) and not isinstance(given, (bool, np.bool_))


def whole(layer: str, what: str, given: Any, least: int = 1) -> int:
    """A whole number.

    :param layer: the layer's name, for the error
    :raises ModelError: for anything else, or one below ``least``
    """
    if not is_whole(given) or given < least:
        raise ModelError(f"Layer {layer!r} was given {what}={given!r}. dlgraph accepts a whole number from {least}.")
    return int(given)


def rows_and_columns(layer: str, what: str, given: Any, on_line: bool) -> tuple[int, int]:
    """A number or a pair as rows and columns; on a line, which has no columns, 1 of these.

    :raises ModelError: for anything else
    """
    numbers = list(given) if isinstance(given, (tuple, list)) else [given] if on_line else [given, given]
    if on_line and len(numbers) == 1:
        numbers.append(1)
    if len(numbers) != 2 or not all(is_whole(n) and n >= 1 for n in numbers) or (on_line and numbers[1] != 1):
        accepted = "one number" if on_line else "a number, or a pair (rows, columns),"
        raise ModelError(f"Layer {layer!r} was given {what}={given!r}. dlgraph accepts {accepted} from 1.")
    return int(numbers[0]), int(numbers[1])


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


def given_padding(layer: str, given: Any, on_line: bool) -> Padding:
    """Zeros around an image, given as numbers: one for all sides, (before, after) of a line, ((above, below), (left, right)).

    :raises ModelError: for anything else
    """
    sides: Any = given
    if is_whole(given):
        sides = ((given, given), (0, 0) if on_line else (given, given))
    elif on_line and isinstance(given, (tuple, list)) and len(given) == 2 and all(map(is_whole, given)):
        sides = (tuple(given), (0, 0))
    pairs = isinstance(sides, (tuple, list)) and len(sides) == 2 and all(
        isinstance(pair, (tuple, list)) and len(pair) == 2 and all(is_whole(n) and n >= 0 for n in pair) for pair in sides)
    if not pairs:
        accepted = "a number, or (before, after)" if on_line else "a number, or ((above, below), (left, right))"
        raise ModelError(f"Layer {layer!r} was given padding={given!r}. dlgraph accepts {accepted}, all from 0.")
    (top, bottom), (left, right) = sides
    return ((int(top), int(bottom)), (int(left), int(right)))


def padding_of(layer: str, given: Any, on_line: bool, image: Sequence[int], size: tuple[int, int],
               strides: tuple[int, int]) -> Padding:
    """Of windows: by name, or given as numbers.

    :raises ModelError: for anything else
    """
    if isinstance(given, str):
        known = PADDINGS if on_line else PADDINGS[:2]
        if given not in known:
            raise ModelError(f"Layer {layer!r} was given padding={given!r}. dlgraph accepts {one_of(known)}, or zeros on each "
                             f"side: {'(before, after)' if on_line else '((above, below), (left, right))'}.")
        return explicit_padding(given, image, size, strides)
    return given_padding(layer, given, on_line)
