"""The checksum of a sample, in assembly: as docs/streams.rst defines it."""
from __future__ import annotations

from collections.abc import Callable

import arm_kernels
import numpy as np
import pytest


def folded(words: np.ndarray, fold: int) -> int:
    for word in words:
        fold = int(word) + fold * 0x9e3779b1 & 0xffffffff
        fold ^= fold >> 15
    return fold


def all_folded(samples: np.ndarray, fold: int) -> np.ndarray:
    """Of each row."""
    of_all = np.full(len(samples), fold, np.uint32)
    for words in samples.T:
        of_all = of_all * np.uint32(0x9e3779b1) + words
        of_all ^= of_all >> np.uint32(15)
    return of_all


def rotating(samples: np.ndarray, mixed: bool) -> np.ndarray:
    """Weaker ones, of each row: the state is rotated instead; not mixed, it is linear but for carries."""
    of_all = np.full(len(samples), 0x12345678, np.uint32)
    for words in samples.T:
        of_all = words + (of_all >> np.uint32(5) | of_all << np.uint32(27))
        if mixed:
            of_all ^= of_all >> np.uint32(9)
    return of_all


def multiplying(samples: np.ndarray) -> np.ndarray:
    """Another weaker one, of each row: it is not mixed."""
    of_all = np.full(len(samples), 0x12345678, np.uint32)
    for words in samples.T:
        of_all = of_all * np.uint32(0x9e3779b1) + words
    return of_all


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 7, 8, 97, 400])
def test_any_number_of_words(n: int) -> None:
    machine = arm_kernels.ArmKernels(arm_kernels.shared_elf())
    rng = np.random.default_rng(n)
    words = rng.integers(0, 2**32, n, dtype=np.uint32)
    words[rng.random(n) < 0.4] = 0
    start = int(rng.integers(2**32))
    assert machine.call("words_fold", machine.put(words), n, start) == folded(words, start)


def test_words_in_other_places_and_lost_ones_make_another() -> None:
    machine = arm_kernels.ArmKernels(arm_kernels.shared_elf())
    samples = ([5, 0, 0, 5, 7], [0, 5, 0, 5, 7], [5, 0, 0, 0, 7], [0, 0, 0, 0, 0], [5, 0, 0, 5, 7, 0])
    assert len({machine.call("words_fold", machine.put(np.array(sample, np.uint32)), len(sample), 1) for sample in samples}) == 5


def pixels(rng: np.random.Generator, n: int) -> np.ndarray:
    """Pairs of the activations of grey values, most of them black or white."""
    values = np.rint(np.clip(rng.normal(100, 250, (n, 64)), 0, 255) / 255 * 4096).astype(np.uint32)
    return values[:, ::2] | values[:, 1::2] << np.uint32(16)


def numbers(scale: float, shift: int = 0) -> Callable[[np.random.Generator, int], np.ndarray]:
    """Such as errors and gradients: most are small."""
    return lambda rng, n: (np.rint(rng.laplace(0, scale, (n, 48))).astype(np.int64) << shift).astype(np.uint32)


#: What is sent is seldom as random as a checksum would like it.
ALIKE: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "pixels": pixels,
    "small numbers": lambda rng, n: rng.integers(-3, 4, (n, 48)).astype(np.int32).view(np.uint32),
    "ones": lambda rng, n: rng.integers(-1, 2, (n, 100)).astype(np.int32).view(np.uint32),
    "some 30": numbers(30), "some 300": numbers(300), "some 3000": numbers(3000), "some 100,000": numbers(1e5),
    "coarse": numbers(30, 12), "coarser": numbers(10, 20),
    "high bits": lambda rng, n: rng.integers(0, 5, (n, 40)).astype(np.uint32) << np.uint32(28),
    "every other white": lambda rng, n: rng.integers(0, 4, (n, 40)).astype(np.uint32) * np.uint32(0x0ff00000),
}


def neighbours(rng: np.random.Generator, shape: tuple[int, int], most: int) -> np.ndarray:
    """Two to ``most`` words of each row side by side: congestion loses what follows each other."""
    first = rng.integers(0, shape[1] - most, (shape[0], 1))
    index = np.arange(shape[1])
    return (index >= first) & (index < first + rng.integers(2, most + 1, (shape[0], 1)))


@pytest.mark.parametrize("kind", ALIKE)
@pytest.mark.parametrize("lost", ["two", "three", "neighbours", "some", "another sample's", "another sample's neighbours"])
def test_no_loss_is_overlooked(kind: str, lost: str) -> None:
    """Of 100,000 samples of words that are much alike, of which weaker checksums overlook some."""
    rng = np.random.default_rng(7)
    samples = ALIKE[kind](rng, 100_000)
    gone = np.zeros(samples.shape, np.bool_)
    if lost in ("two", "three"):
        n = {"two": 2, "three": 3}[lost]
        np.put_along_axis(gone, rng.integers(0, samples.shape[1], (len(samples), n)), True, axis=1)
    elif lost.endswith("neighbours"):
        gone = neighbours(rng, samples.shape, 4)
    else:
        gone = rng.random(samples.shape) < 0.1
    arrived = np.where(gone, np.roll(samples, 1, axis=0) if lost.startswith("another") else np.uint32(0), samples)
    harmed = (arrived != samples).any(axis=1)
    assert harmed.sum() > 40_000
    assert not (all_folded(samples, 0x12345678) == all_folded(arrived, 0x12345678))[harmed].any()
    assert all_folded(samples[:1], 0x12345678)[0] == folded(samples[0], 0x12345678)
    if kind in ("small numbers", "ones", "high bits") and lost == "some":
        assert (rotating(samples, False) == rotating(arrived, False))[harmed].any(), "these samples would not show it"
    if kind in ("some 30", "some 300") and lost.endswith("neighbours"):
        assert (rotating(samples, True) == rotating(arrived, True))[harmed].any(), "these samples would not show it"
    if kind in ("high bits", "coarser") and lost == "some":
        assert (multiplying(samples) == multiplying(arrived))[harmed].any(), "these samples would not show it"
