"""The checksum of a sample, in assembly: as docs/streams.rst defines it."""
from __future__ import annotations

import arm_kernels
import numpy as np
import pytest


def folded(words: np.ndarray, fold: int) -> int:
    for word in words:
        fold = int(word) + (fold >> 5 | fold << 27) & 0xffffffff
        fold ^= fold >> 9
    return fold


def all_folded(samples: np.ndarray, fold: int, mixed: bool = True) -> np.ndarray:
    """Of each row; not mixed, it is linear but for carries."""
    of_all = np.full(len(samples), fold, np.uint32)
    for words in samples.T:
        of_all = words + (of_all >> np.uint32(5) | of_all << np.uint32(27))
        if mixed:
            of_all ^= of_all >> np.uint32(9)
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


#: What is sent is seldom as random as a checksum would like it.
ALIKE = {
    "pixels": pixels,
    "small numbers": lambda rng, n: rng.integers(-3, 4, (n, 48)).astype(np.int32).view(np.uint32),
    "ones": lambda rng, n: rng.integers(-1, 2, (n, 100)).astype(np.int32).view(np.uint32),
    "high bits": lambda rng, n: rng.integers(0, 5, (n, 40)).astype(np.uint32) << np.uint32(28),
    "every other white": lambda rng, n: rng.integers(0, 4, (n, 40)).astype(np.uint32) * np.uint32(0x0ff00000),
}


@pytest.mark.parametrize("kind", ALIKE)
@pytest.mark.parametrize("lost", [2, 3, "some", "another sample's"])
def test_no_loss_is_overlooked(kind: str, lost: int | str) -> None:
    """Of 100,000 samples of words that are much alike, of which a linear checksum overlooks some."""
    rng = np.random.default_rng(7)
    samples = ALIKE[kind](rng, 100_000)
    gone = np.zeros(samples.shape, np.bool_)
    if isinstance(lost, int):
        np.put_along_axis(gone, rng.integers(0, samples.shape[1], (len(samples), lost)), True, axis=1)
    else:
        gone = rng.random(samples.shape) < 0.1
    arrived = np.where(gone, np.roll(samples, 1, axis=0) if lost == "another sample's" else np.uint32(0), samples)
    harmed = (arrived != samples).any(axis=1)
    assert harmed.sum() > 40_000
    assert not (all_folded(samples, 0x12345678) == all_folded(arrived, 0x12345678))[harmed].any()
    assert all_folded(samples[:1], 0x12345678)[0] == folded(samples[0], 0x12345678)
    if kind in ("small numbers", "ones", "high bits") and lost == "some":
        linear = all_folded(samples, 0x12345678, mixed=False) == all_folded(arrived, 0x12345678, mixed=False)
        assert linear[harmed].sum() > 0, "these samples would not show it"
