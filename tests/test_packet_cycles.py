"""The streams' inner loops stay as fast as they are: cycles per packet at an emulated core, wait cycles of its devices included."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))

from packet_cycles import PacketCounter  # noqa: E402

#: With the 5 wait cycles of src/timing.h for a read of a device, and 1 for a write through the buffer.
MOST = {"packet_ring_fiq": 26, "streams_drain": 47, "stream_send_run": 25}


@pytest.fixture(scope="module")
def costs(tmp_path_factory):
    return PacketCounter(tmp_path_factory.mktemp("packets")).costs()


@pytest.mark.parametrize("function", MOST)
def test_cycles_per_packet(costs, function):
    assert 10 < costs[function].per_packet <= MOST[function]
    assert costs[function].per_packet % 1 == 0, "each packet costs the same"


def test_interrupts_cost_nothing_besides(costs):
    assert costs["packet_ring_fiq"].cycles == 0
