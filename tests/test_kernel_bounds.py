"""Kernels beside what the processor permits: the bound is one, and the record is what is counted today."""
from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.append(str(BENCHMARKS))


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    from kernel_bounds import Counter, rows_of
    counter = Counter(tmp_path_factory.mktemp("bounds"))
    return rows_of(counter, counter.code_sizes)


def test_a_bound_by_hand() -> None:
    """64 inputs, 8 units: a load and a multiply-add each, 32 words of inputs, 8 sums that come in and go out."""
    from kernel_bounds import dense_bound
    assert dense_bound("forward", 64, 8, 512) == 2 * 512 + 32 + 16
    assert dense_bound("backward", 64, 8, 512) == 2 * 512 + 64 + 8
    assert dense_bound("gradient", 64, 8, 512) == 3 * 512 + 32 + 8


def test_no_dense_kernel_is_faster_than_the_bound(rows) -> None:
    dense = [row for row in rows if row.kernel.startswith("dense")]
    assert len(dense) > 8 and all(1 < row.cycles / row.bound < 1.6 for row in dense)


def test_the_record_is_of_these_kernels(rows) -> None:
    record = json.loads((BENCHMARKS / "results" / "kernel_bounds.json").read_text(encoding="utf-8"))
    assert [(row["kernel"], row["shape"], row["products"], row["bound"]) for row in record["rows"]] == [
        (row.kernel, row.shape, row.products, row.bound) for row in rows]
    for recorded, row in zip(record["rows"], rows, strict=True):
        # dense kernels are assembly; around the convolution's inner loops is C
        assert row.cycles == pytest.approx(recorded["cycles"], rel=0 if row.kernel.startswith("dense") else 0.02)
