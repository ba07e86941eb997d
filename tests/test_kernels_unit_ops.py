"""Unit operations and pooling in C, on the host and compiled for ARM, against the page's formulas in plain Python."""
from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from itertools import product

import arm_kernels
import host_kernels
import numpy as np
import pytest
import slow_arithmetic as slow
from host_kernels import address
from hypothesis import given, settings
from hypothesis import strategies as st

INT32 = np.iinfo(np.int32)
EXTREMES = [INT32.min, INT32.min + 1, -2**28 - 1, -2**28, -65536, -32769, -1, 0, 1, 32767, 65535, 65536, 2**27, INT32.max - 1,
            INT32.max]
KINDS = {"linear": 0, "relu": 1, "sigmoid": 2, "tanh": 3, "leaky relu": 5}


@pytest.fixture(scope="module")
def machine():
    return arm_kernels.ArmKernels(arm_kernels.shared_elf())


@pytest.fixture(scope="module")
def host():
    return host_kernels.shared()


class Kernels:
    """Calls a function on both; arguments are numbers, arrays, and lists: structures of numbers and arrays."""

    def __init__(self, host, machine):
        self.host, self.machine = host, machine

    def _host_pointer(self, argument, kept):
        if isinstance(argument, list):
            content = b""
            for value in argument:
                if isinstance(value, int):
                    content += struct.pack("<I", value & 0xffffffff)
                else:
                    content += b"\0" * (-len(content) % 8) + struct.pack("<Q", self._host_pointer(value, kept))
            argument = np.frombuffer(content + b"\0" * 8, np.uint8)
        kept.append(argument)
        return address(argument)

    def _arm_word(self, argument):
        if isinstance(argument, list):
            argument = np.array([self._arm_word(value) & 0xffffffff for value in argument], np.uint32)
        return argument if isinstance(argument, int) else self.machine.put(argument)

    def __call__(self, name, *arguments):
        """What it returns; arrays that it changes are changed.  Both must do the same."""
        self.machine.reset()
        self.machine.take_q()
        words = [self._arm_word(argument) for argument in arguments]
        on_arm = self.machine.call(name, *words)
        assert self.machine.take_q() == 0
        kept: list = []
        values = [ctypes.c_uint32(a & 0xffffffff) if isinstance(a, int) else ctypes.c_void_p(self._host_pointer(a, kept))
                  for a in arguments]
        function = getattr(self.host, name)
        function.restype = ctypes.c_uint32
        on_host = function(*values)
        for word, argument in zip(words, arguments, strict=True):
            if isinstance(argument, np.ndarray):
                assert np.array_equal(self.machine.get(word, argument), argument), name
        if name.startswith("pooling") and name.endswith("backward"):
            assert on_arm == on_host
        return on_host


@pytest.fixture(scope="module")
def call(host, machine):
    return Kernels(host, machine)


def counter():
    return np.zeros(1, np.uint32)


@dataclass(frozen=True)
class Image:
    """``image_t``, and arrays laid out so."""

    rows: int
    columns: int
    channels: int
    pitch: int
    line: int

    @classmethod
    def plain(cls, rows, columns, channels):
        """Pixels and rows as the convolution wants them."""
        pitch = 1 if channels == 1 else channels + channels % 2
        return cls(rows, columns, channels, pitch, columns * pitch + columns * pitch % 2)

    @property
    def words(self):
        return [self.rows, self.columns, self.channels, self.pitch, self.line]

    @property
    def real(self):
        return self.rows, self.columns, self.channels

    def index(self, row, column, channel):
        return row * self.line + column * self.pitch + channel

    def lay(self, values, dtype, surplus=0):
        """The local image of (rows, columns, channels) numbers."""
        out = np.full(self.rows * self.line, surplus, dtype)
        for at in np.ndindex(*self.real):
            out[self.index(*at)] = values[at]
        return out


def words(rng, shape, size):
    """Random int32 of up to about ``size``, or extremes where size is None."""
    return (rng.choice(EXTREMES, shape) if size is None else rng.integers(-size, size, shape)).astype(np.int64)


def fits(v):
    return INT32.min <= v.min() and v.max() <= INT32.max


def activated(kind, slope, a, fraction, clips):
    if kind != "leaky relu":
        return slow.activate(kind, a, fraction, clips)
    return clips.sat(slow.rnd(a if a > 0 else (a * slope) >> 15, 23 - fraction), 16), 2**15 if a > 0 else slope


IMAGES = [Image.plain(1, 1, 7), Image.plain(2, 3, 6), Image.plain(3, 5, 1), Image(2, 2, 3, 8, 20), Image.plain(2, 3, 4)]


@pytest.mark.parametrize("image", IMAGES, ids=str)
@pytest.mark.parametrize("excess", [-3, -11, 0, 1, 4])
@pytest.mark.parametrize("size", [2**24, None])
def test_biases(call, image, excess, size):
    rng = np.random.default_rng(image.line)
    sums, biases = words(rng, image.real, size), words(rng, image.channels, size and 2**26)
    clips, count = slow.Clips(), counter()
    expected = np.zeros(image.real, np.int64)
    for at in np.ndindex(*image.real):
        expected[at] = clips.sat(slow.rnd(int(sums[at]), excess) + int(biases[at[2]]))
    array = image.lay(sums, np.int32, 7)
    call("add_biases", array, image.words, biases.astype(np.int32), excess, count)
    assert np.array_equal(array, image.lay(expected, np.int32, 7))
    assert count[0] == clips.n


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", IMAGES, ids=str)
@pytest.mark.parametrize("excess", [-11, 0, 4])
def test_biases_and_activation_in_one(call, kind, to, excess):
    rng = np.random.default_rng(11)
    pitch = -(-to.channels // 4) * 4
    before = Image(*to.real, pitch, to.columns * pitch)
    for size, fraction in ((2**26, 11), (None, 13), (2**20, 0)):
        sums, biases = words(rng, to.real, size), words(rng, to.channels, size)
        x, slopes, clips, count = np.zeros(to.real, np.int64), np.zeros(to.real, np.int64), slow.Clips(), counter()
        for at in np.ndindex(*to.real):
            a = clips.sat(slow.rnd(int(sums[at]), excess) + int(biases[at[2]]))
            x[at], slopes[at] = activated(kind, 1234, a, fraction, clips)
        array, derivative = to.lay(x * 0, np.int16, 5), to.lay(x * 0, np.uint16, 6)
        call("activate_sums", KINDS[kind], 1234, before.lay(sums, np.int32), before.words, biases.astype(np.int32), excess,
             fraction, array, derivative, to.words, count)
        assert np.array_equal(array, to.lay(x, np.int16, 5)) and np.array_equal(derivative, to.lay(slopes, np.uint16, 6))
        assert count[0] == clips.n


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fraction", [0, 11, 13, 14])
def test_activations(call, kind, fraction):
    rng = np.random.default_rng(fraction)
    a = np.concatenate([EXTREMES, rng.integers(-2**26, 2**26, 20), rng.integers(-2**12, 2**12, 9)])
    for slope in (0, 1, 2**14, 2**16 - 1) if kind == "leaky relu" else (77,):
        clips, count = slow.Clips(), counter()
        pairs = [activated(kind, slope, int(v), fraction, clips) for v in a]
        x, derivative = np.zeros(a.size, np.int16), np.zeros(a.size, np.uint16)
        call("activate_all", KINDS[kind], slope, a.astype(np.int32), a.size, fraction, x, derivative, count)
        assert list(zip(x.tolist(), derivative.tolist(), strict=True)) == pairs
        assert count[0] == clips.n


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", IMAGES, ids=str)
def test_activations_and_errors_of_an_image(call, kind, to):
    """From a convolution's sums to an image and back; what is no real channel is left alone."""
    rng = np.random.default_rng(4)
    pitch = -(-to.channels // 4) * 4
    sums = Image(*to.real, pitch, to.columns * pitch)
    a, e = words(rng, to.real, 2**25), words(rng, to.real, 2**27)
    clips, count = slow.Clips(), counter()
    x, slopes, d = (np.zeros(to.real, np.int64) for _ in range(3))
    for at in np.ndindex(*to.real):
        x[at], slopes[at] = activated(kind, 9999, int(a[at]), 11, clips)
    array, derivative = to.lay(x * 0, np.int16, 5), to.lay(x * 0, np.uint16, 6)
    call("activate_image", KINDS[kind], 9999, sums.lay(a, np.int32), sums.words, 11, array, derivative, to.words, count)
    assert np.array_equal(array, to.lay(x, np.int16, 5)) and np.array_equal(derivative, to.lay(slopes, np.uint16, 6))
    assert count[0] == clips.n

    clips, count = slow.Clips(), counter()
    for at in np.ndindex(*to.real):
        big = clips.sat(int(e[at]) << 4)
        if kind in ("linear", "relu"):
            d[at] = big if slopes[at] else 0
        else:
            d[at] = clips.sat(slow.rnd(big * int(slopes[at]), 15))
    errors = sums.lay(d * 0, np.int32, 8)
    call("unit_errors_image", KINDS[kind], to.lay(e, np.int32), derivative, to.words, errors, sums.words, count)
    assert np.array_equal(errors, sums.lay(d, np.int32, 8))
    assert count[0] == clips.n


@pytest.mark.parametrize("kind", KINDS)
def test_errors_of_units(call, kind):
    rng = np.random.default_rng(5)
    e = np.array([*EXTREMES, *rng.integers(-2**27, 2**27, 20)] * 5)
    derivative = np.repeat([0, 1, 2**14, 2**15, 2**16 - 1], e.size // 5)
    for name, left in (("unit_errors_all", 4), ("value_errors", 0)):
        clips, count = slow.Clips(), counter()
        big = [clips.sat(int(v) << left) for v in e]
        if kind in ("linear", "relu"):
            expected = [b if f else 0 for b, f in zip(big, derivative, strict=True)]
        else:
            expected = [clips.sat(slow.rnd(b * int(f), 15)) for b, f in zip(big, derivative, strict=True)]
        out = np.zeros(e.size, np.int32)
        call(name, KINDS[kind], e.astype(np.int32), derivative.astype(np.uint16), e.size, out, count)
        assert out.tolist() == expected and count[0] == clips.n


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before, after", [(11, 11), (0, 11), (15, 4), (8, 0)])
def test_activations_of_values(call, kind, before, after):
    rng = np.random.default_rng(6)
    x = np.array([-2**15, -1, 0, 1, 2**15 - 1, *rng.integers(-2**15, 2**15, 30)])
    clips, count = slow.Clips(), counter()
    pairs = [activated(kind, 3000, clips.sat(int(v) << (23 - before)), after, clips) for v in x]
    out, derivative = np.zeros(x.size, np.int16), np.zeros(x.size, np.uint16)
    call("activate_values", KINDS[kind], 3000, x.astype(np.int16), x.size, before, after, out, derivative, count)
    assert list(zip(out.tolist(), derivative.tolist(), strict=True)) == pairs and count[0] == clips.n


@dataclass(frozen=True)
class Pool:
    """One axis of a pooling layer, and the part of it that a tile has: positions start .. stop - 1."""

    size: int
    stride: int
    room: int
    before: int
    after: int
    part: tuple[float, float]

    @property
    def span(self):
        positions = (self.room + self.before + self.after - self.size) // self.stride + 1
        start = int(self.part[0] * positions)
        return start, start + 1 + int(self.part[1] * (positions - 1 - start))

    @property
    def windows(self):
        """Cells of each of these positions that lie in the image."""
        return [[c for c in range(p * self.stride - self.before, p * self.stride - self.before + self.size)
                 if 0 <= c < self.room] for p in range(*self.span)]

    @property
    def cells(self):
        """First and last cell that the tile holds."""
        return self.windows[0][0], self.windows[-1][-1]

    @property
    def first(self):
        return self.span[0] * self.stride - self.before - self.cells[0]


@st.composite
def axes(draw):
    size = draw(st.integers(1, 4))
    before, after = draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))
    room = draw(st.integers(max(1, size - before - after), 9))
    return Pool(size, draw(st.integers(1, 3)), room, before, after, (draw(st.floats(0, 0.99)), draw(st.floats(0, 1))))


def check_pooling(call, vertical, horizontal, channels, size, seed):
    rng = np.random.default_rng(seed)
    rows, columns = vertical.windows, horizontal.windows
    top, left = vertical.cells[0], horizontal.cells[0]
    inside = Image.plain(vertical.cells[1] - top + 1, horizontal.cells[1] - left + 1, channels)
    outside = Image.plain(len(rows), len(columns), channels)
    counts = sorted({len(r) * len(c) for r, c in product(rows, columns)})
    rates = np.array([slow.rate(1.0 / n) for n in range(counts[0], counts[-1] + 1)], np.uint32)
    shape = [*inside.words, *outside.words, vertical.size, horizontal.size, vertical.stride, horizontal.stride, vertical.first,
             horizontal.first, counts[0], rates]
    x = rng.integers(-3, 3, inside.real) if size is None else rng.integers(-2**15, 2**15, inside.real)
    e_out = words(rng, outside.real, size)
    largest, winners, means = (np.zeros(outside.real, np.int64) for _ in range(3))
    e_largest, e_means = (np.zeros(inside.real, np.int64) for _ in range(2))
    for (r, row), (c, column), k in product(enumerate(rows), enumerate(columns), range(channels)):
        cells = [(i - top, j - left, k) for i in row for j in column]
        at = max(cells, key=lambda cell: x[cell])              # the first of equals
        largest[r, c, k], winners[r, c, k] = x[at], inside.index(*at)
        e_largest[at] += e_out[r, c, k]
        m, e = slow.rate(1.0 / len(cells))
        means[r, c, k] = slow.rnd(int(sum(x[cell] for cell in cells)) * m, e)
        for cell in cells:
            e_means[cell] += slow.rnd(int(e_out[r, c, k]) * m, e)
    values, errors = inside.lay(x, np.int16), outside.lay(e_out, np.int32)
    out, at = np.zeros(outside.rows * outside.line, np.int16), np.zeros(outside.rows * outside.line, np.uint16)
    e = np.full(inside.rows * inside.line, 9, np.int32)
    call("pooling_maximum", shape, values, out, at)
    assert np.array_equal(out, outside.lay(largest, np.int16)) and np.array_equal(at, outside.lay(winners, np.uint16))
    overflows = call("pooling_maximum_backward", shape, errors, at, e)
    assert np.array_equal(e, inside.lay(e_largest, np.int64).astype(np.int32))
    assert overflows or fits(e_largest)
    assert not overflows or size is None
    call("pooling_average", shape, values, out)
    assert np.array_equal(out, outside.lay(means, np.int16))
    overflows = call("pooling_average_backward", shape, errors, e)
    assert np.array_equal(e, inside.lay(e_means, np.int64).astype(np.int32))
    assert overflows or fits(e_means)
    assert not overflows or size is None


@settings(max_examples=60, deadline=None)
@given(axes(), axes(), st.integers(1, 5), st.sampled_from([2**24, 2**27, None]), st.integers(0, 2**32 - 1))
def test_pooling(call, vertical, horizontal, channels, size, seed):
    check_pooling(call, vertical, horizontal, channels, size, seed)


def test_pooling_of_a_whole_image(call):
    whole = Pool(17, 1, 17, 0, 0, (0, 0))
    check_pooling(call, whole, whole, 3, 2**26, 1)


def test_overflow_of_an_error_is_told(call):
    """Both windows' largest is the cell between them."""
    inside, outside = Image.plain(1, 3, 1), Image.plain(1, 2, 1)
    shape = [*inside.words, *outside.words, 1, 2, 1, 1, 0, 0, 2, np.array([slow.rate(0.5)], np.uint32)]
    winners = np.array([1, 1], np.uint16)
    for error, expected in ((2**30 - 1, 0), (2**30, 1)):
        errors = np.array([2**30, error], np.int32)
        assert call("pooling_maximum_backward", shape, errors, winners, np.zeros(4, np.int32)) == expected
    for error, expected in ((INT32.max, 1), (INT32.max - 2, 0)):
        errors = np.array([INT32.max, error], np.int32)
        assert call("pooling_average_backward", shape, errors, np.zeros(4, np.int32)) == expected


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5, 0.9, 1 - 2.0**-29])
@pytest.mark.parametrize("image", IMAGES, ids=str)
def test_dropout(call, image, rate):
    rng = np.random.default_rng(8)
    seed, epoch, layer, sample = 7, 3, 4, 59_999
    threshold = min(round(rate * 2**32), 2**32 - 1)
    m, n = slow.rate(1 / (1 - rate))
    whole, first = (9, 11, 13), (2, 3, 5)
    x, e = rng.integers(-2**15, 2**15, image.real), words(rng, image.real, None)
    of_sample = slow.hashed(seed, epoch, 2 + layer, sample)
    clips, error_clips = slow.Clips(), slow.Clips()
    out, e_out = np.zeros(image.real, np.int64), np.zeros(image.real, np.int64)
    for at in np.ndindex(*image.real):
        unit = int(np.ravel_multi_index([a + b for a, b in zip(at, first, strict=True)], whole))
        if slow.hashed(seed, epoch, 2 + layer, sample, unit) >= threshold:
            out[at] = clips.sat(slow.rnd(int(x[at]) * m, n), 16)
            e_out[at] = error_clips.sat(slow.rnd(int(e[at]) * m, n))
    first_unit = int(np.ravel_multi_index(first, whole))
    dropout = [threshold, m, n, first_unit, whole[1] * whole[2], whole[2]]
    values, errors, counts = image.lay(x, np.int16, 5), image.lay(e, np.int32, 5), (counter(), counter())
    call("dropout_forward", dropout, of_sample, image.words, values.copy(), values, counts[0])
    call("dropout_backward", dropout, of_sample, image.words, errors.copy(), errors, counts[1])
    assert np.array_equal(values, image.lay(out, np.int16, 5)) and np.array_equal(errors, image.lay(e_out, np.int32, 5))
    assert (counts[0][0], counts[1][0]) == (clips.n, error_clips.n)
    assert 0 < np.count_nonzero(out) < out.size or rate in (0.0, 1 - 2.0**-29) or out.size < 20
