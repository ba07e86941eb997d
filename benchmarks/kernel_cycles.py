"""Cycles of the core-side kernels, counted by the emulated ARM968E-S.

    python benchmarks/kernel_cycles.py

Needs the cross compiler (ziglang, or ``ARM_CC``) and a C compiler for the host.
"""
from __future__ import annotations

import struct
import sys
import tempfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

_ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_ROOT), str(_ROOT / "tests"), str(_ROOT / "emulator" / "tests")]

import arm_kernels  # noqa: E402
import cpu_harness  # noqa: E402

from dlgraph.formats import mean_rate  # noqa: E402
from dlgraph.optimisers import Adam, Optimiser, RmsProp, Sgd  # noqa: E402
from dlgraph.order import half_bits, round_keys  # noqa: E402
from dlgraph.reference import optimisers  # noqa: E402
from dlgraph.update_words import Array, constants, step  # noqa: E402

_STOP = 0x7f00
_WAIT_FOR_INTERRUPT = 0xee070f90      # mcr p15, 0, r0, c7, c0, 4
_STACK = cpu_harness.DTCM_BASE + cpu_harness.DTCM_BYTES - 64


#: At usual rates.
OPTIMISERS = {"decay": Sgd(0.1, weight_decay=0.01), "momentum": Sgd(0.1, momentum=0.9),
              "nesterov": Sgd(0.1, momentum=0.9, nesterov=True), "adam": Adam(0.001), "amsgrad": Adam(0.001, amsgrad=True),
              "rmsprop": RmsProp(0.001), "rmsprop, momentum": RmsProp(0.001, momentum=0.9)}


@dataclass(frozen=True)
class Count:
    """Of one call."""

    cycles: int
    instructions: int


@dataclass(frozen=True)
class Tile:
    """Of a convolution: positions and output channels."""

    name: str
    kernel: tuple[int, int]
    channels: int
    out: tuple[int, int]
    units: int


TILES = (
    Tile("LeNet-5, first", (5, 5), 1, (28, 28), 6),
    Tile("LeNet-5, first, part", (5, 5), 1, (7, 28), 6),
    Tile("LeNet-5, second", (5, 5), 6, (2, 5), 16),
    Tile("LeNet-5, second", (5, 5), 6, (10, 10), 8),
    Tile("3x3, 1 to 32", (3, 3), 1, (13, 26), 8),
    Tile("3x3, 16 to 16", (3, 3), 16, (8, 8), 16),
    Tile("3x3, 32 to 16", (3, 3), 32, (4, 8), 16),
    Tile("3x3, 64 to 8", (3, 3), 64, (4, 4), 8),
    Tile("1x1, 64 to 16", (1, 1), 64, (8, 8), 16),
)


class Counter:
    """Calls kernels on one emulated core, everything in ITCM and DTCM."""

    def __init__(self, folder: Path) -> None:
        self._elf = arm_kernels.shared_elf()
        self._library = cpu_harness.build_library(folder)

    @property
    def code_sizes(self) -> dict[str, int]:
        """Bytes of every function."""
        return self._elf.sizes

    def count(self, name: str, *arguments: Any) -> Count:
        """Call a function: numbers are passed on, arrays are placed in DTCM and their addresses passed.

        A list is placed as words, arrays in it as their addresses.
        """
        core = cpu_harness.Core(self._library)
        for address, content in self._elf.loaded:
            core.write(address, content)
        core.arm(_STOP, _WAIT_FOR_INTERRUPT)
        free = self._elf.first_free

        def word(argument: Any) -> int:
            nonlocal free
            if isinstance(argument, list):
                argument = np.array([word(value) for value in argument], np.uint32)
            if not isinstance(argument, np.ndarray):
                return int(argument) & 0xffffffff
            core.write(free, argument.tobytes())
            free += -(-argument.nbytes // 8) * 8
            return free - -(-argument.nbytes // 8) * 8

        words = [word(argument) for argument in arguments]
        assert free < _STACK - 1024
        state = core.state
        for register, word in enumerate(words[:4]):
            state.r[register] = word
        core.write(_STACK, struct.pack(f"<{len(words[4:])}I", *words[4:]))
        state.r[13], state.r[14], state.r[15] = _STACK, _STOP, self._elf.symbols[name]
        before = state.cycles, state.instructions
        core.run(before[0] + 10**8)
        assert state.sleeping, "the kernel did not return"
        result = Count(state.cycles - before[0] - 1, state.instructions - before[1] - 1)
        core.close()
        return result

    def dense(self, name: str, rows: int, columns: int, density: float) -> tuple[Count, int]:
        """A kernel of the dense layer, and its multiply-adds (without those of zeros that it skips)."""
        rng = np.random.default_rng(0)
        matrix = rng.integers(-2**26, 2**26, (rows, columns)).astype(np.int32)
        x = rng.permutation((np.arange(rows) < round(rows * density)) * 1000).astype(np.int16)
        d, e = np.full(columns, 12345, np.int32), np.zeros(rows, np.int32)
        if name.startswith("dense_backward"):
            return self.count(name, e, matrix, d, rows, columns), rows * columns
        vectors = (matrix, x, d) if name.startswith("dense_gradient") else (d, matrix, x)
        return self.count(name, *vectors, rows, columns), np.count_nonzero(x) * columns

    def convolution(self, name: str, tile: Tile, nonzero: float = 1.0) -> tuple[Count, int]:
        """A kernel of the convolution, and its multiply-adds between real channels, zeros too."""
        rng = np.random.default_rng(0)
        pitch = 1 if tile.channels == 1 else tile.channels + tile.channels % 2
        rows, columns = (out - 1 + kernel for out, kernel in zip(tile.out, tile.kernel))
        width = columns + columns % 2 if pitch == 1 else columns
        n_columns = -(-tile.units // 4) * 4
        x = rng.integers(1, 2**11, (rows, width, pitch)).astype(np.int16)
        d = rng.integers(1, 2**20, (*tile.out, n_columns)).astype(np.int32)
        for array, real in ((x, tile.channels), (d, tile.units)):
            array *= rng.random(array.shape) < nonzero
            array[..., real:] = 0
        weights = rng.integers(-2**26, 2**26, (*tile.kernel, pitch, n_columns)).astype(np.int32)
        weights[:, :, tile.channels:] = 0
        weights[..., tile.units:] = 0
        shifted = np.zeros(x.size if pitch == 1 else 1, np.int16)
        shape = [rows, width, pitch, *tile.kernel, 1, 1, *tile.out, n_columns, tile.units, shifted]
        arrays = {"forward": (np.zeros(d.shape, np.int32), weights, x), "backward": (np.zeros(x.shape, np.int32), weights, d),
                  "gradient": (weights, x, d)}[name.removesuffix("_c").removeprefix("convolution_")]
        products = prod(tile.kernel) * tile.channels * tile.units * prod(tile.out)
        return self.count(name, shape, *arrays), products

    def update(self, name: str, count: int, shift: int, zeros: bool = False) -> Count:
        """A step of gradient descent."""
        weights = np.arange(count, dtype=np.int32)
        gradient = np.zeros(count, np.int32) if zeros else np.arange(1, count + 1, dtype=np.int32)
        return self.count(name, weights, gradient, count, 2**30 + 12345, shift)

    def optimiser(self, optimiser: Optimiser, count: int, fresh: bool = False) -> Count:
        """A step of an optimiser, the fourth; or the first, without any gradient."""
        rng, array, rate = np.random.default_rng(0), Array(28, 22, 0, 0), optimiser.learning_rate
        held = constants(optimiser)
        weights = rng.integers(-2**26, 2**26, count).astype(np.int32)
        state = np.zeros((len(optimiser.planes), count), np.int32)
        for k in range(0 if fresh else 3):
            sums = rng.normal(0, 2**14, count).astype(np.int64)
            weights, state, _ = optimisers.update(held, step(optimiser, rate, k, 32, 1.0, array), weights, sums, state)
        gradient = np.zeros(count, np.int32) if fresh else rng.normal(0, 2**14, count).astype(np.int32)
        now = step(optimiser, rate, 3, 32, 1.0, array)
        return self.count("optimiser_update", np.array(held.words(), np.uint32), np.array(now.words(), np.uint32), weights,
                          gradient, state, count)


def _print_dense(counter: Counter) -> None:
    print(f"{'kernel':18} {'rows':>5} {'cols':>5} {'nonzero':>8} {'cycles':>8} {'per MAC':>8} {'per weight':>11}")
    for rows, columns, density in ((64, 64, 1.0), (98, 16, 1.0), (98, 16, 0.19), (196, 32, 0.19), (49, 128, 0.5),
                                   (16, 8, 1.0)):
        for name in ("dense_forward", "dense_backward", "dense_gradient"):
            count, products = counter.dense(name, rows, columns, density)
            print(f"{name:18} {rows:5} {columns:5} {density:8.0%} {count.cycles:8} {count.cycles / products:8.2f} "
                  f"{count.cycles / (rows * columns):11.2f}")
    for name in ("dense_forward_c", "dense_backward_c", "dense_gradient_c"):
        count, products = counter.dense(name, 64, 64, 1.0)
        print(f"{name:18} {64:5} {64:5} {1:8.0%} {count.cycles:8} {count.cycles / products:8.2f}")


def _print_convolution(counter: Counter) -> None:
    print("\nconvolution, cycles per multiply-add; a load, a multiply-add and, in the gradient, a store each would be 2, 2, 3")
    print(f"{'tile':22} {'positions':>9} {'units':>6} {'nonzero':>8} {'forward':>8} {'backward':>9} {'gradient':>9}")
    for tile in TILES:
        for nonzero in (1.0, 0.25):
            results = [counter.convolution(f"convolution_{name}", tile, nonzero) for name in ("forward", "backward", "gradient")]
            cells = [f"{count.cycles / products:9.2f}" for count, products in results]
            print(f"{tile.name:22} {tile.out[0]:4}x{tile.out[1]:<4} {tile.units:6} {nonzero:8.0%} {''.join(cells)}")


def _print_unit_operations(counter: Counter) -> None:
    """Of an image of 8 x 8 pixels with 6 channels, behind a convolution and before a pooling by 2 x 2."""
    print("\nunit operations, cycles per value that goes in")
    rows = columns = 8
    channels = 6
    n = rows * columns * channels
    image, sums = [rows, columns, channels, 6, 48], [rows, columns, channels, 8, 64]
    halves = [rows // 2, columns // 2, channels, 6, 24]
    rng = np.random.default_rng(0)
    a, e = (rng.integers(-2**20, 2**20, size).astype(np.int32) for size in (512, n))
    x, f, clips = rng.integers(-2**11, 2**11, n).astype(np.int16), np.ones(n, np.uint16), np.zeros(1, np.uint32)
    biases, shares = np.zeros(channels, np.int32), np.array([(2**30, 32)], np.uint32)
    pool = [*image, *halves, 2, 2, 2, 2, 0, 0, 4, shares]
    dropout = [2**31, 2**30, 29, 0, 48, 6]
    winners = np.zeros(n // 4, np.uint16)
    calls: list[tuple[str, str, tuple[Any, ...]]] = [("biases", "add_biases", (a, sums, biases, 0, clips))]
    calls.append(("biases and ReLU", "activate_sums", (1, 0, a, sums, biases, 0, 11, x, f, image, clips)))
    for kind, name in ((0, "linear"), (1, "ReLU"), (5, "leaky ReLU"), (3, "tanh")):
        calls.append((name, "activate_image", (kind, 9830, a, sums, 11, x, f, image, clips)))
        calls.append((f"{name}, error", "unit_errors_image", (kind, e, f, image, a, sums, clips)))
    calls += [("maximum", "pooling_maximum", (pool, x, x, winners)),
              ("maximum, error", "pooling_maximum_backward", (pool, e, winners, e)),
              ("average", "pooling_average", (pool, x, x, clips)), ("average, error", "pooling_average_backward", (pool, e, e)),
              ("dropout", "dropout_forward", (dropout, 1, image, x, x, clips)),
              ("dropout, error", "dropout_backward", (dropout, 1, image, e, e, clips))]
    for name, function, arguments in calls:
        print(f"{name}: {counter.count(function, *arguments).cycles / n:.1f}")


def _print_update(counter: Counter) -> None:
    for shift in (36, 30):
        for zeros in (False, True):
            cycles = [counter.update(name, 1024, shift, zeros).cycles / 1024 for name in ("sgd_update", "sgd_update_c")]
            what = "zeros" if zeros else "numbers"
            print(f"sgd_update, shift {shift}, {what}: {cycles[0]:.2f} per weight, in C {cycles[1]:.2f}")


def _print_optimisers(counter: Counter) -> None:
    for name, optimiser in OPTIMISERS.items():
        cycles = [counter.optimiser(optimiser, 512, fresh).cycles / 512 for fresh in (False, True)]
        print(f"optimiser_update, {name}: {cycles[0]:.1f} per weight, never trained and without gradient {cycles[1]:.1f}")


def _print_functions(counter: Counter) -> None:
    word = np.zeros(1, np.uint32)
    for name, arguments in (("exp_neg", (12345678,)), ("recip", (2**30 + 12345,)), ("sigma", (-7654321,)),
                            ("tanh_31", (7654321,)), ("ln_big", (123, 2)),
                            ("order_sample", (5, 60_000, half_bits(60_000), np.array(round_keys(1, 1), np.uint32)))):
        print(f"{name}: {counter.count(name, *arguments).cycles}")
    n, mean = 10, mean_rate(10)
    a, zeros = np.arange(-2**25, 2**25, 2**26 // n, np.int32)[:n], np.zeros(n, np.int32)
    for name, kind, loss in (("softmax, sparse categorical cross-entropy", 4, 0), ("sigmoid, binary cross-entropy", 2, 2),
                             ("linear, mean squared error", 0, 3)):
        config = np.array([kind, loss, 1 if loss < 2 else 3, 0, mean.mantissa, mean.shift], np.uint32)
        count = counter.count("loss_evaluate", np.zeros(2, np.int64), config, n, a, zeros, zeros, zeros, word)
        print(f"{name}: {count.cycles / n:.0f} per output ({n} outputs)")


def main() -> None:
    """Print every figure."""
    with tempfile.TemporaryDirectory() as folder:
        counter = Counter(Path(folder))
        _print_dense(counter)
        _print_convolution(counter)
        _print_unit_operations(counter)
        _print_update(counter)
        _print_optimisers(counter)
        _print_functions(counter)


if __name__ == "__main__":
    main()
