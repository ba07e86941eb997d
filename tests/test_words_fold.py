"""The checksum of a sample, in assembly: as docs/streams.rst defines it."""
from __future__ import annotations

import arm_kernels
import numpy as np
import pytest


def folded(words: np.ndarray, fold: int) -> int:
    for word in words:
        fold = int(word) + (fold >> 5 | fold << 27) & 0xffffffff
    return fold


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
