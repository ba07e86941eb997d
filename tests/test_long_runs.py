"""What the long runs look at (``make test-long``): that they would see what is wrong."""
from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import fields, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from long_packets import Counts  # noqa: E402
from resources import growth_per_step, held_by  # noqa: E402

GOOD = Counts(sent_by_core=1000, taken_by_core=998, sent=1000, over_link=999, delivered=998, dropped=0, lost=5, duplicated=3)


def test_counts_that_balance() -> None:
    assert all(GOOD.balance().values())


@pytest.mark.parametrize("name", [field.name for field in fields(Counts) if field.name != "over_link"])
def test_one_packet_too_many_is_seen(name: str) -> None:
    assert not all(replace(GOOD, **{name: getattr(GOOD, name) + 1}).balance().values())


def test_growth_is_seen_behind_noise() -> None:
    noise = [0, 700, -300, 90, -5000, 10, 40, -20, 0, 3]
    assert abs(growth_per_step(noise)) < 100
    assert growth_per_step([1000 * i + extra for i, extra in enumerate(noise)]) == pytest.approx(1000, abs=100)


def test_what_a_process_holds() -> None:
    before = held_by(os.getpid())
    assert before.resident_bytes > 1 << 20
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        after = held_by(os.getpid())
    finally:
        stop.set()
        thread.join()
        child.communicate()
    assert (after.open_files, after.threads, after.children) == (before.open_files + 1, before.threads + 1, before.children + 1)
