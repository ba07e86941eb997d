"""Momentum in assembly against its C twin, where numbers are clipped too."""
from __future__ import annotations

import ctypes

import arm_kernels
import host_kernels
import numpy as np
import pytest

INT32 = np.iinfo(np.int32)


def spread(rng: np.random.Generator, n: int, bits: int) -> np.ndarray:
    """Numbers of every size up to so many bits without the sign, and their limits."""
    numbers = (rng.integers(INT32.min, INT32.max, n, endpoint=True) >> rng.integers(31 - bits, 32, n)).astype(np.int32)
    numbers[rng.random(n) < 0.2] = 0
    numbers[rng.random(n) < 0.1] = (1 << bits) - 1
    numbers[rng.random(n) < 0.1] = -(1 << bits)
    return numbers


def address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


@pytest.fixture(scope="module", name="host")
def _host() -> ctypes.CDLL:
    host = host_kernels.shared()
    host.momentum_update_c.restype = host.words_magnitude_c.restype = ctypes.c_uint32
    host.momentum_update_c.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_uint32]
    host.words_magnitude_c.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    return host


@pytest.mark.parametrize("left, right", [(0, 1), (0, 2), (0, 30), (1, 1), (2, 1), (13, 1), (30, 1)])
def test_assembly_and_c(host: ctypes.CDLL, left: int, right: int) -> None:
    machine = arm_kernels.ArmKernels(arm_kernels.shared_elf())
    rng = np.random.default_rng(100 * left + right)
    clips_of_momenta = clips_of_parameters = 0
    for n in (0, 1, 2, 61, 300):
        parameters, gradient, momenta = spread(rng, n, 31), spread(rng, n, 31 - left), spread(rng, n, 31)
        step = np.array([rng.integers(2**30 - 2**24, 2**30), rng.integers(2**31 - 2**24, 2**31), 1 << right - 1, right, left],
                        np.int32)
        machine.reset()
        machine.take_q()
        places = [machine.put(array) for array in (parameters, gradient, momenta, step)]
        clips = machine.call("momentum_update", *places, n)
        there = [array.copy() for array in (parameters, gradient, momenta)]
        assert clips == host.momentum_update_c(*(address(array) for array in (*there, step)), n)
        for place, expected in zip(places, there):
            np.testing.assert_array_equal(machine.get(place, expected), expected)
        assert not there[1].any() and machine.take_q() == 0
        clips_of_momenta += np.isin(there[2], (INT32.min, INT32.max)).sum()
        clips_of_parameters += np.isin(there[0], (INT32.min, INT32.max)).sum()
    assert clips_of_parameters > 0 and (clips_of_momenta > 0 or right > 1)


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 8, 61])
def test_magnitude(host: ctypes.CDLL, n: int) -> None:
    machine = arm_kernels.ArmKernels(arm_kernels.shared_elf())
    rng = np.random.default_rng(n)
    for bits in range(1, 32, 5):
        words = spread(rng, n, bits)
        found = machine.call("words_magnitude", machine.put(words), n)
        assert found == host.words_magnitude_c(address(words), n) == int(np.bitwise_or.reduce(words ^ (words >> 31), initial=0))
        machine.reset()
