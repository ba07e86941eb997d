"""What an optimiser keeps of a parameter, from Keras' floats to words and back; formats: ``docs/arithmetic.rst``.

Every float32 in range comes back as it was.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dlgraph.errors import NumberFormatError
from dlgraph.formats import INT32_MAX, INT32_MIN, Float32Array, Int64Array
from dlgraph.optimisers import Int32Array, Plane
from dlgraph.update_words import MAX_EXPONENT, MOMENTUM_EXTRA

_MEAN_BITS, _EXPONENT_BITS = 25, 6
_MEAN_BASE = 60                   #: mean = mantissa * 2**(exponent - 60)
_SQUARE_BITS = 26
_SQUARE_BASE = 96                 #: square = mantissa * 4**exponent * 2**-96


@dataclass(frozen=True)
class FloatState:
    """An optimiser's state as Keras has it.

    :param slots: of every layer with weights, of its kernel and its bias (where it has one): an array for each plane
    """

    iterations: int
    slots: tuple[tuple[tuple[Float32Array, ...], ...], ...]

    def equals(self, other: FloatState) -> bool:
        """In every bit."""
        mine, others = ([array for layer in state.slots for part in layer for array in part] for state in (self, other))
        return (self.iterations == other.iterations and len(mine) == len(others)
                and all(np.array_equal(a, b) for a, b in zip(mine, others, strict=True)))


def plane_from_float(values: npt.ArrayLike, plane: Plane, fraction: int, what: str) -> Int32Array:
    """Words from floats.

    :param fraction: of the parameters
    :param what: the values' name in errors
    :raises NumberFormatError: naming the first value that is outside the format
    """
    given = np.asarray(values).astype(np.float64)
    if plane is Plane.MOMENTUM:
        scaled = np.rint(given * 2.0 ** (fraction + MOMENTUM_EXTRA))
        # a momentum that was saturated at the format's end came out as the end itself, rounded to float32
        scaled = np.where(scaled == INT32_MAX + 1, INT32_MAX, scaled)
        _refuse((scaled >= INT32_MIN) & (scaled <= INT32_MAX), given, what)
        return scaled.astype(np.int32)
    _refuse(np.isfinite(given) & ((plane is Plane.MEAN) | (given >= 0)), given, what)
    part, exponent = np.frexp(given)
    if plane is Plane.MEAN:
        mantissa = np.rint(part * 2.0**_MEAN_BITS).astype(np.int64)
        over = mantissa == 2**_MEAN_BITS
        mantissa, e = np.where(over, mantissa >> 1, mantissa), exponent.astype(np.int64) + over + (_MEAN_BASE - _MEAN_BITS)
        words = (mantissa << _EXPONENT_BITS) | e
    else:
        e = (exponent.astype(np.int64) + (_SQUARE_BASE - _SQUARE_BITS + 1)) >> 1
        mantissa = np.rint(np.ldexp(given, (_SQUARE_BASE - 2 * e).astype(np.int32))).astype(np.int64)
        over = mantissa == 2**_SQUARE_BITS
        mantissa, e = np.where(over, mantissa >> 2, mantissa), e + over
        words = (e << _SQUARE_BITS) | mantissa
    _refuse((e <= MAX_EXPONENT) | (given == 0), given, what)
    return np.where((given == 0) | (e < 0), 0, words).astype(np.uint32).view(np.int32)


def plane_to_float(words: Int32Array, plane: Plane, fraction: int) -> Float32Array:
    """The float32 nearest to each value.

    :param fraction: of the parameters
    """
    wide: Int64Array = words.astype(np.int64)
    if plane is Plane.MOMENTUM:
        return (wide * 2.0 ** -(fraction + MOMENTUM_EXTRA)).astype(np.float32)
    if plane is Plane.MEAN:
        exponent = (wide & (2**_EXPONENT_BITS - 1)) - _MEAN_BASE
        return np.ldexp((wide >> _EXPONENT_BITS).astype(np.float64), exponent.astype(np.int32)).astype(np.float32)
    wide = wide & 0xffffffff
    exponent = 2 * (wide >> _SQUARE_BITS) - _SQUARE_BASE
    return np.ldexp((wide & (2**_SQUARE_BITS - 1)).astype(np.float64), exponent.astype(np.int32)).astype(np.float32)


def check_words(words: Int32Array, plane: Plane) -> None:
    """Refuse words that training does not make, and that its tables have no places for.

    :raises ValueError: saying which plane
    """
    wide: Int64Array = words.astype(np.int64)
    if plane is Plane.MOMENTUM:
        return
    if plane is Plane.MEAN:
        mantissa, most = np.abs(wide >> _EXPONENT_BITS), 2**_MEAN_BITS
        ok = (mantissa >= most >> 1) & (mantissa <= most)
    else:
        ok = (wide & (2**_SQUARE_BITS - 1)) >= 2 ** (_SQUARE_BITS - 2)
    if not np.all(ok | (wide == 0)):
        raise ValueError(f"it has words of the optimiser's {plane.value} that are none")


def _refuse(ok: npt.NDArray[np.bool_], given: npt.NDArray[np.float64], what: str) -> None:
    if not np.all(ok):
        at = tuple(int(i) for i in np.argwhere(~ok)[0])
        raise NumberFormatError(f"{what}: {int(np.count_nonzero(~ok))} of {given.size} values are outside the format, the first is "
                                f"{float(given[at])!r} at {list(at)}")
