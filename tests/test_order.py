"""The order of samples is a bijection, follows the rule to the bit, and depends on seed and epoch."""
import numpy as np
import pytest

from dlgraph.order import hash_words, order, round_keys


def slow_order(k: int, n: int, keys: list[int]) -> int:
    """Straight from docs/arithmetic.rst."""
    bits = 0
    while 2**bits < n:
        bits += 1
    h = max(1, (bits + 1) // 2)
    mask = 2**h - 1
    while True:
        left, right = k >> h, k & mask
        for key in keys:
            v = ((right ^ key) * 0x9e3779b1) % 2**32
            v = v ^ (v >> 15)
            v = (v * 0x85ebca6b) % 2**32
            left, right = right, left ^ ((v >> 16) & mask)
        k = (left << h) | right
        if k < n:
            return k


def test_bijection_for_every_small_number():
    for n in range(1, 2001):
        assert np.array_equal(np.sort(order(n, 7, n)), np.arange(n)), n


@pytest.mark.parametrize("n", [4096, 4097, 60_000, 65_535, 65_537, 123_457, 1_000_003])
def test_bijection_for_large_numbers(n):
    result = order(n, 12345, 3)
    assert np.bincount(result, minlength=n).max() == 1 and result.size == n


@pytest.mark.parametrize("n", [1, 2, 3, 5, 16, 17, 100, 1000, 4097])
def test_as_the_rule_says(n):
    keys = round_keys(99, 4)
    assert order(n, 99, 4).tolist() == [slow_order(k, n, keys) for k in range(n)]


def test_depends_on_seed_and_epoch():
    base = order(1000, 1, 0)
    assert not np.array_equal(base, order(1000, 1, 1))
    assert not np.array_equal(base, order(1000, 2, 0))
    assert np.array_equal(base, order(1000, 1, 0))


def test_looks_shuffled():
    result = order(60_000, 0, 0)
    assert abs(np.corrcoef(np.arange(60_000), result)[0, 1]) < 0.02
    assert np.count_nonzero(np.diff(result) == 1) < 20


def test_hash_is_fixed():
    h = 0x243f6a88
    for w in (1, 2, 3, 4, 5):
        h = ((h ^ w) * 0x9e3779b1) % 2**32
        h ^= h >> 15
        h = (h * 0x85ebca6b) % 2**32
        h ^= h >> 13
    assert hash_words(1, 2, 3, 4, 5) == h
