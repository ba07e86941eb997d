"""The streams' inner loops stay as fast as they are: cycles per packet at an emulated core, wait cycles of its devices included."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent / "benchmarks"))

from packet_cycles import PacketCounter  # noqa: E402

#: With the 5 wait cycles of src/timing.h for a read of a device, and 1 for a write through the buffer.
MOST = {"streams_receive": 40, "words_fold": 6, "stream_send_run": 25}
#: Of a marker, whose interrupt is longer too.
MOST_OF_MARKER = {"streams_receive": 47, "streams_drain": 118, "words_fold": 17}


@pytest.fixture(scope="module")
def costs(tmp_path_factory):
    return PacketCounter(tmp_path_factory.mktemp("packets")).costs()


@pytest.mark.parametrize("function", MOST)
def test_cycles_per_packet(costs, function):
    assert 1 < costs[function].per_packet <= MOST[function]
    assert costs[function].per_packet % 0.25 == 0, "each packet costs the same; words are folded by four"


@pytest.mark.parametrize("function", MOST_OF_MARKER)
def test_cycles_of_a_sample(costs, function):
    assert 0 < costs[function].cycles <= MOST_OF_MARKER[function]


def test_taking_markers_costs_no_more_with_many_words(costs):
    assert costs["streams_drain"].per_packet == 0
