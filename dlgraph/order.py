"""The random choices: a counter-based generator, and the order of samples made from it.

The rules are in ``docs/arithmetic.rst``, *Order of samples*.
"""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dlgraph.formats import clog2

Words = npt.NDArray[np.uint32]

_ROUNDS = 6
_MASK32 = 0xffffffff
_GOLDEN = 0x9e3779b1
_MIX = 0x85ebca6b
_PURPOSE_SHUFFLE = 1


def hash_words(*words: int) -> int:
    """``hash`` of the arithmetic: 32 bits from five unsigned 32-bit words (or its state after fewer)."""
    h = 0x243f6a88
    for word in words:
        h = ((h ^ (word & _MASK32)) * _GOLDEN) & _MASK32
        h ^= h >> 15
        h = (h * _MIX) & _MASK32
        h ^= h >> 13
    return h


def hash_step(state: Words, words: Words) -> Words:
    """One more word of ``hash``, for many at once.

    :param state: uint32, what :func:`hash_words` gave for the words before
    :param words: uint32, of a shape that fits
    """
    with np.errstate(over="ignore"):           # NumPy warns where a lone number wraps
        h = (state ^ words) * np.uint32(_GOLDEN)
        h = (h ^ (h >> np.uint32(15))) * np.uint32(_MIX)
    return h ^ (h >> np.uint32(13))


def round_keys(seed: int, epoch: int) -> list[int]:
    """The six 32-bit keys that order an epoch."""
    return [hash_words(seed, epoch, _PURPOSE_SHUFFLE, i, 0) for i in range(_ROUNDS)]


def half_bits(n: int) -> int:
    """Bits in each half of a position, ``h``."""
    return max(1, (clog2(n) + 1) // 2)


def order(n: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Which sample each position of an epoch uses: a permutation of 0..n-1.

    :param n: number of samples, 1 .. 2**32
    :param seed: unsigned 32 bits
    :param epoch: counts on over calls of ``train``
    """
    half = half_bits(n)
    mask = np.uint32((1 << half) - 1)
    keys = [np.uint32(k) for k in round_keys(seed, epoch)]
    result = np.arange(n, dtype=np.uint32)
    pending = np.arange(n)
    while pending.size:                       # positions whose value is still outside 0..n-1, or fresh
        k = result[pending]
        left, right = k >> np.uint32(half), k & mask
        for key in keys:
            v = (right ^ key) * np.uint32(_GOLDEN)
            v = (v ^ (v >> np.uint32(15))) * np.uint32(_MIX)
            left, right = right, left ^ ((v >> np.uint32(16)) & mask)
        k = (left << np.uint32(half)) | right
        result[pending] = k
        pending = pending[k.astype(np.int64) >= n]
    return result.astype(np.int64)
