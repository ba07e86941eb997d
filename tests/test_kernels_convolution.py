"""The convolution of a tile: assembly against its C twins on an ARM executor, those against plain NumPy."""
from __future__ import annotations

import ctypes
from dataclasses import dataclass

import arm_kernels
import host_kernels
import numpy as np
import pytest
from host_kernels import address
from hypothesis import given, settings
from hypothesis import strategies as st

INT32 = np.iinfo(np.int32)
EXTREMES = np.array([INT32.min, INT32.min + 1, -65536, -32769, -1, 0, 1, 32767, 65535, 65536, INT32.max - 1, INT32.max])


@pytest.fixture(scope="module")
def machine():
    return arm_kernels.ArmKernels(arm_kernels.shared_elf())


@pytest.fixture(scope="module")
def host():
    return host_kernels.shared()


def even(n):
    return n + n % 2


@dataclass(frozen=True)
class Tile:
    """Geometry in real channels; rows and columns of the input as small as may be, and ``more`` beyond."""

    kernel: tuple[int, int]
    channels: int
    out: tuple[int, int]
    units: int
    strides: tuple[int, int] = (1, 1)
    more: tuple[int, int] = (0, 0)

    @property
    def pitch(self):
        return 1 if self.channels == 1 else even(self.channels)

    @property
    def n_columns(self):
        return -(-self.units // 4) * 4

    @property
    def rows(self):
        return (self.out[0] - 1) * self.strides[0] + self.kernel[0] + self.more[0]

    @property
    def columns(self):
        """Real ones."""
        return (self.out[1] - 1) * self.strides[1] + self.kernel[1] + self.more[1]

    @property
    def width(self):
        return even(self.columns) if self.pitch == 1 else self.columns

    @property
    def image(self):
        return self.rows, self.width, self.pitch

    @property
    def weights(self):
        return *self.kernel, self.pitch, self.n_columns

    @property
    def errors(self):
        return *self.out, self.n_columns

    def words(self, shifted):
        """``convolution_t``, but for the pointer the size of the host's."""
        return [self.rows, self.width, self.pitch, *self.kernel, *self.strides, *self.out, self.n_columns, self.units, shifted]

    def random(self, rng, size, density, sparsity):
        """x, weights, d; zero beyond the real channels.  size None: extremes."""
        def numbers(shape, limit):
            if size is None:
                return rng.choice(EXTREMES, shape).astype(np.int32)
            return rng.integers(-limit, limit, shape).astype(np.int32)
        x = rng.integers(-2**15, 2**15, self.image).astype(np.int16)
        x *= rng.random(x.shape) < density
        x[:, self.columns:] = 0
        x[..., self.channels:] = 0
        weights, d = numbers(self.weights, 2**30), numbers(self.errors, size)
        weights[:, :, self.channels:] = 0
        weights[..., self.units:] = 0
        d *= rng.random(d.shape) < sparsity
        d[..., self.units:] = 0
        return x, weights, d


class HostShape(ctypes.Structure):
    """``convolution_t``"""

    _fields_ = [(f"f{k}", ctypes.c_uint32) for k in range(11)] + [("shifted", ctypes.c_void_p)]


def host_call(host, function, tile, *arrays):
    shape = HostShape(*tile.words(None))
    getattr(host, function + "_c")(ctypes.byref(shape), *(ctypes.c_void_p(address(a)) for a in arrays))
    return host.q_flag_read_and_clear_c()


def arm_call(arm, function, tile, *arrays):
    """(Q, what the arrays are afterwards)"""
    arm.reset()
    arm.take_q()
    shifted = arm.put(np.full(tile.rows * tile.width, 77, np.int16)) if tile.pitch == 1 else 0
    shape = arm.put(np.array(tile.words(shifted), np.uint32))
    at = [arm.put(a) for a in arrays]
    arm.call(function, shape, *at)
    return arm.take_q(), [arm.get(a, array) for a, array in zip(at, arrays, strict=True)]


def check_all(arm, host, tile, rng, size=2**26, density=0.7, sparsity=0.6):
    x, weights, d = tile.random(rng, size, density, sparsity)
    dirt = (rng.integers(-99, 99, tile.errors).astype(np.int32), rng.integers(-99, 99, tile.image).astype(np.int32))
    start = rng.integers(-2**20, 2**20, tile.weights).astype(np.int32) * (np.arange(tile.n_columns) < tile.units)
    for function, arrays in (("convolution_forward", (dirt[0], weights, x)), ("convolution_backward", (dirt[1], weights, d)),
                             ("convolution_gradient", (start.astype(np.int32), x, d))):
        q, results = arm_call(arm, function, tile, *arrays)
        arrays = [a.copy() for a in arrays]
        assert host_call(host, function, tile, *arrays) == q, function
        for k, (result, expected) in enumerate(zip(results, arrays, strict=True)):
            assert np.array_equal(result, expected), (function, k)


TILES = [
    Tile((5, 5), 6, (2, 5), 16), Tile((5, 5), 1, (4, 6), 6), Tile((3, 3), 16, (3, 3), 16), Tile((3, 3), 1, (3, 7), 8),
    Tile((1, 1), 1, (1, 1), 1), Tile((1, 1), 5, (2, 3), 12), Tile((3, 3), 3, (2, 2), 20, (2, 2)),
    Tile((2, 2), 4, (3, 3), 4, (2, 1)), Tile((7, 7), 1, (2, 4), 3, (1, 2)), Tile((1, 9), 1, (1, 5), 4),
    Tile((9, 1), 1, (2, 5), 4), Tile((3, 3), 64, (1, 3), 4), Tile((1, 2), 128, (1, 2), 4), Tile((2, 2), 1, (20, 21), 4),
    Tile((1, 1), 1, (1, 401), 4, (1, 1)), Tile((1, 3), 1, (2, 301), 4, (1, 2)), Tile((1, 1), 2, (2, 251), 8),
    Tile((3, 2), 7, (2, 3), 24, (1, 3), (1, 2)), Tile((3, 3), 1, (3, 8), 6, (2, 1)), Tile((5, 5), 1, (2, 13), 6),
    Tile((3, 5), 1, (4, 4), 9, (1, 1), (1, 2)), Tile((2, 3), 1, (2, 11), 3),
]


@pytest.mark.parametrize("tile", TILES, ids=str)
def test_assembly_is_its_c_twin(machine, host, tile):
    rng = np.random.default_rng(1)
    for size, density, sparsity in ((2**26, 1.0, 1.0), (2**26, 0.5, 0.25), (None, 0.9, 0.8), (2**26, 0.0, 0.0), (2**28, 0.1, 0.05)):
        check_all(machine, host, tile, rng, size, density, sparsity)


@settings(max_examples=60, deadline=None)
@given(st.builds(Tile, kernel=st.tuples(st.integers(1, 5), st.integers(1, 6)), channels=st.integers(1, 9),
                 out=st.tuples(st.integers(1, 4), st.integers(1, 6)), units=st.integers(1, 20),
                 strides=st.tuples(st.integers(1, 3), st.integers(1, 3)), more=st.tuples(st.integers(0, 2), st.integers(0, 2))),
       st.sampled_from([1.0, 0.6, 0.1]), st.sampled_from([1.0, 0.3, 0.05]), st.integers(0, 2**32 - 1))
def test_any_geometry(machine, host, tile, density, sparsity, seed):
    check_all(machine, host, tile, np.random.default_rng(seed), 2**26, density, sparsity)


@pytest.mark.parametrize("tile", [t for t in TILES if t.out[0] * t.out[1] <= 64], ids=str)
def test_c_twin_is_the_formula(host, tile):
    """Straight from the page, in 64 bits."""
    rng = np.random.default_rng(2)
    x, weights, d = tile.random(rng, 2**24, 0.8, 0.7)
    x >>= 4
    wide = [a.astype(np.int64) for a in (x, weights, d)]
    sums, e = np.zeros(tile.errors, np.int64), np.zeros(tile.image, np.int64)
    gradient = rng.integers(-99, 99, tile.weights)
    start = gradient.astype(np.int32)
    for row in range(tile.out[0]):
        for column in range(tile.out[1]):
            at = (slice(row * tile.strides[0], row * tile.strides[0] + tile.kernel[0]),
                  slice(column * tile.strides[1], column * tile.strides[1] + tile.kernel[1]))
            patch, error = wide[0][at][..., None], wide[2][row, column]
            sums[row, column] = ((wide[1] * patch) >> 16).sum((0, 1, 2))
            e[at] += ((error * (wide[1] >> 16)) >> 16).sum(3)
            gradient += (error * patch) >> 16
    for function, result, others, expected in (
            ("convolution_forward", np.ones(tile.errors, np.int32), (weights, x), sums),
            ("convolution_backward", np.ones(tile.image, np.int32), (weights, d), e),
            ("convolution_gradient", start, (x, d), gradient)):
        assert host_call(host, function, tile, result, *others) == 0
        assert np.array_equal(result, expected), function


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("column", [0, 5, 9])
def test_q_is_set_by_one_overflow_only(machine, sign, column):
    """A sum at the very limit does not set it; one unit more does."""
    tile = Tile((1, 2), 2, (1, 3), 12)
    limit = INT32.max if sign > 0 else INT32.min
    for extra, expected in ((0, 0), (1, 1)):
        x, weights = np.zeros(tile.image, np.int16), np.zeros(tile.weights, np.int32)
        d, gradient = np.zeros(tile.errors, np.int32), np.zeros(tile.weights, np.int32)
        d[0, 1, column] = sign * 4
        gradient[0, 0, 0, column] = limit - sign * (1 - extra)
        x[0, 1, 0] = 2**14
        q, _ = arm_call(machine, "convolution_gradient", tile, gradient, x, d)
        assert q == expected

    # eight errors, three and one: each way of going backward
    for n, error, expected in ((12, 2**27, 0), (12, INT32.max, 1), (3, INT32.max, 1), (2, INT32.max, 0), (1, INT32.max, 0)):
        weights, d = np.full(tile.weights, sign * INT32.max, np.int32), np.zeros(tile.errors, np.int32)
        d[0, 2, :n] = error
        q, _ = arm_call(machine, "convolution_backward", tile, np.zeros(tile.image, np.int32), weights, d)
        assert q == expected, n

    # two products of x = -2**15 make 2**31 - 1 or -2**31, the third (x = 2 or -2) nothing or one more
    for step, expected in ((2**15 - 1, 0), (2**15, 1)) if sign > 0 else ((0, 0), (1, 1)):
        x, weights = np.zeros(tile.image, np.int16), np.zeros(tile.weights, np.int32)
        x[0, 1], x[0, 2, 0] = -2**15, sign * 2
        weights[0, 0, :, column] = (INT32.min, INT32.min + 2) if sign > 0 else INT32.max
        weights[0, 1, 0, column] = step
        q, (sums, *_) = arm_call(machine, "convolution_forward", tile, np.zeros(tile.errors, np.int32), weights, x)
        assert q == expected and (expected or sums[0, 1, column] == limit)
