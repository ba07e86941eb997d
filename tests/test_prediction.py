"""Recognition, measured: its arithmetic against cases worked out by hand."""
from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest  # noqa: E402

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))

import prediction  # noqa: E402
from prediction import Pass, Place  # noqa: E402

PLACE = Place(103, 12)


def test_many_samples() -> None:
    """500 in 50 ms: 10,000/s.  200 cores are loaded, 103 and 97 of the system: (26.84 + 6.8) W x 50 ms = 1.682 J, and a million
    packets of 1.8 nJ, 1.8 mJ.  Of 12 chips: a quarter of 26.84 W, and of the cores 103 + 2 x 12 + 1 = 128, 4.352 W: 0.5531 J."""
    found = prediction.throughput(Pass(500, 0.05, 1_000_000), PLACE)
    assert found["samples_per_s"] == pytest.approx(10_000) and found["routed_per_sample"] == 2_000
    joules = found["joules_per_sample"]
    assert joules["whole"] == pytest.approx((1.682 + 0.0018) / 500)
    assert joules["used"] == pytest.approx((0.5531 + 0.0018) / 500)
    assert joules["idle"] == pytest.approx(26.84 * 0.05 / 500)


def test_one_sample_at_a_time() -> None:
    """200, 250, 400 us: the one in the middle takes 33.64 W x 250 us = 8.41 mJ, and 1,000 packets, 1.8 uJ."""
    passes = [Pass(1, seconds, 1_000) for seconds in (400e-6, 200e-6, 250e-6)]
    found = prediction.latency(passes, PLACE)
    assert found["seconds"] == {"minimum": 200e-6, "median": 250e-6, "maximum": 400e-6} and found["passes"] == 3
    assert found["joules_per_sample"]["whole"] == pytest.approx(8.41e-3 + 1.8e-6)
    assert prediction.latency(passes[:2], PLACE)["seconds"]["median"] == 200e-6, "the lower of two"


def test_idle_watts_of_the_chips_in_use() -> None:
    assert PLACE.watts_idle == pytest.approx(6.71)
