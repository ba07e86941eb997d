"""The kernels stay as fast as they are: cycles on the emulated core, against bounds a little above today's."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    from kernel_cycles import Counter
    return Counter(tmp_path_factory.mktemp("cycles"))


@pytest.mark.parametrize("kernel, most", [("dense_forward", 2.55), ("dense_backward", 2.42), ("dense_gradient", 3.55)])
def test_cycles_per_multiply_add(counter, kernel, most):
    """The floors are 2, 2 and 3 for a load, a multiply-add and, in the gradient, a store."""
    count, products = counter.dense(kernel, 64, 64, 1.0)
    assert count.cycles / products < most


@pytest.mark.parametrize("kernel", ["dense_forward", "dense_gradient"])
def test_zeros_cost_little(counter, kernel):
    full, _ = counter.dense(kernel, 200, 32, 1.0)
    tenth, _ = counter.dense(kernel, 200, 32, 0.1)
    none, _ = counter.dense(kernel, 200, 32, 0.0)
    assert tenth.cycles < 0.18 * full.cycles
    assert none.cycles < 5 * 200


@pytest.mark.parametrize("shift, most", [(36, 12.0), (30, 16.0)])
def test_cycles_per_update(counter, shift, most):
    assert counter.update("sgd_update", 1024, shift).cycles < 1024 * most
    assert counter.update("sgd_update", 1024, shift, zeros=True).cycles < 1024 * 4


#: (place in TILES, forward, backward, gradient): cycles per multiply-add between real channels
CONVOLUTIONS = [(1, 2.6, 4.8, 3.5), (2, 2.5, 2.7, 3.0), (5, 2.5, 2.7, 2.45), (6, 2.45, 2.6, 2.5), (7, 2.75, 2.6, 2.6)]


@pytest.mark.parametrize("tile, forward, backward, gradient", CONVOLUTIONS)
def test_cycles_of_a_convolution(counter, tile, forward, backward, gradient):
    from kernel_cycles import TILES
    for name, most in (("forward", forward), ("backward", backward), ("gradient", gradient)):
        count, products = counter.convolution(f"convolution_{name}", TILES[tile])
        assert count.cycles / products < most, name


def test_zeros_in_a_convolution_cost_little(counter):
    from kernel_cycles import TILES
    for name, most in (("forward", 0.55), ("backward", 0.65), ("gradient", 0.4)):
        full, _ = counter.convolution(f"convolution_{name}", TILES[5])
        quarter, _ = counter.convolution(f"convolution_{name}", TILES[5], 0.25)
        assert quarter.cycles < most * full.cycles, name


@pytest.mark.parametrize("name, most", [("decay", 28), ("momentum", 42), ("nesterov", 100), ("adam", 235), ("amsgrad", 245),
                                        ("rmsprop", 180), ("rmsprop, momentum", 210)])
def test_cycles_per_update_of_an_optimiser(counter, name, most):
    from kernel_cycles import OPTIMISERS
    assert counter.optimiser(OPTIMISERS[name], 256).cycles < 256 * most
    assert counter.optimiser(OPTIMISERS[name], 256, fresh=True).cycles < 256 * 20
