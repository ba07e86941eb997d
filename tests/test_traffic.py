"""What is told of packets: by stream, by router and by link."""
from __future__ import annotations

import functools
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras_models import data, mlp, on_host
from small_nets import random_graph

from dlgraph.errors import DataError
from dlgraph.gfe.traffic import core_traffic, fabric, stream_traffic
from dlgraph.layer_graph import Activation, Loss
from dlgraph.mapping.choose import choose_plan
from dlgraph.mapping.plan import Core, Stream, StreamKind
from dlgraph.mapping.stages import find_stages
from dlgraph.traffic import ChipTraffic, CoreTraffic, Fabric, LinkTraffic, StreamTraffic, Traffic
from dlgraph.vertices.stream_config import asking, ends_in_order
from dlgraph.vertices.stream_counts import IN_WORDS, OUT_WORDS, REQUESTS, RESENT, SENT, count_bytes, read_counts


@functools.cache
def plan_cores() -> list[Core]:
    """No fixture: where a test fails, pytest writes out what its fixtures hold, and cores hold each other."""
    graph = random_graph(np.random.default_rng(1), [64, 32, 10], [Activation.RELU],
                         (Activation.SOFTMAX, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False))
    return choose_plan(graph, find_stages(graph), 32, 60).plan.cores


def counted_by(core: Core, number: dict[Stream, int], received: int) -> bytes:
    """As a core leaves it: of its stream k, 1000 k packets sent, k of them again; k requests for each that comes in."""
    into, out = np.full((len(core.streams_in), IN_WORDS), 7, "<u4"), np.full((len(core.streams_out), OUT_WORDS), 9, "<u4")
    for row, end in zip(into, ends_in_order(core), strict=True):
        row[REQUESTS] = number[end.stream]
    for row, stream in zip(out, core.streams_out, strict=True):
        row[SENT], row[RESENT] = 1000 * number[stream], number[stream]
    return np.uint32(received).tobytes() + into.tobytes() + out.tobytes()


def test_every_stream_is_told_of_as_its_cores_counted_it() -> None:
    cores = plan_cores()
    streams = [stream for core in cores for stream in core.streams_out]
    number = {stream: k for k, stream in enumerate(streams, start=1)}
    counted = {core: read_counts(core, counted_by(core, number, 0)) for core in cores}
    told = stream_traffic(counted, {core: f"stage {core.stage}" for core in cores})
    expected = [stream for stream in streams if stream.kind is not StreamKind.REQUESTS]
    n_told, n_expected, n_streams = len(told), len(expected), len(streams)
    assert n_told == n_expected <= n_streams
    for row, stream in zip(told, expected, strict=True):
        k, n = number[stream], len(stream.consumers)
        assert (row.kind, row.producer) == (stream.kind.value, stream.producer.label)
        assert row.consumers == tuple(core.label for core in stream.consumers)
        assert (row.sent, row.resent, row.delivered, row.requests, row.copies) == (1000 * k, k, 999 * k * n, k * n, 1000 * k * n)


def test_every_core_is_told_of_with_what_was_sent_to_it() -> None:
    cores = plan_cores()
    number = {stream: k for k, stream in enumerate((stream for core in cores for stream in core.streams_out), start=1)}
    counted = {core: read_counts(core, counted_by(core, number, 5)) for core in cores}
    addressed = dict.fromkeys(cores, 0)
    for stream, k in number.items():
        for consumer in stream.consumers:
            addressed[consumer] += 1000 * k
    for core in cores:
        for end in core.streams_in:
            for consumer in asking(core, end).consumers:
                addressed[consumer] += number[end.stream]
    told = core_traffic(counted, {core: f"stage {core.stage}" for core in cores})
    assert [row.vertex for row in told] == [core.label for core in cores]
    assert [(row.addressed, row.received) for row in told] == [(n, 5) for n in addressed.values()]


def test_counts_of_another_length_are_refused() -> None:
    cores = plan_cores()
    core = cores[0]
    for length in (count_bytes(core) - 4, count_bytes(core) + 4, 0):
        with pytest.raises(ValueError, match=f"have {count_bytes(core)} bytes, not {length}"):
            read_counts(core, bytes(length))


def stream(kind: str, sent: int, requests: int = 0, resent: int = 0) -> StreamTraffic:
    return StreamTraffic(kind, "a, units 0..7", "a", ("b",), ("b, 0", "b, 1"), sent, resent, requests)


FABRIC = Fabric(100, 200, 3, 0, 6, (LinkTraffic(0, 0, 0, 50, 3), LinkTraffic(1, 0, 3, 70, 0)))
TRAFFIC = Traffic("emulated SpiNN-3 board", (stream("sums", 10), stream("sums", 10, 2, 4), stream("errors", 5)),
                  (CoreTraffic("b, 0", "b", 25, 25), CoreTraffic("b, 1", "b", 25, 22)),
                  (ChipTraffic(0, 0, 3, 2, 0, 1, 3, 0), ChipTraffic(1, 0, 0, 0, 0, 0, 0, 0)), FABRIC)


def test_text_adds_up_streams_of_a_kind() -> None:
    lines = str(TRAFFIC).splitlines()
    assert lines[2].split() == ["sums", "a", "b", "2", "20", "40", "32", "2", "4"]
    assert lines[3].split() == ["errors", "a", "b", "1", "5", "10", "10", "0", "0"]
    assert lines[4] == ("Copies at 2 cores, requests among them: 50 addressed, 47 came, 3 missing (most at b, 1, of 1 cores)")
    assert lines[5] == ("Re-injectors of 2 chips: 3 packets dropped by routers (most on chip (0, 0), of 1), 2 re-injected, 0 lost "
                        "to full queues, 1 times more than one at once")
    assert lines[8].split() == ["(0,", "0)", "0", "50", "3"]          # the one that dropped comes first
    assert TRAFFIC.missing == 3


def test_without_re_injectors_and_on_a_board_there_is_less() -> None:
    assert len(str(Traffic("SpiNN-5 board", TRAFFIC.streams, TRAFFIC.cores, None, None)).splitlines()) == 5


def test_everything_is_in_the_json() -> None:
    record = json.loads(json.dumps(TRAFFIC.as_json()))
    assert record["streams"][1]["delivered"] == 12 and record["streams"][1]["consumers"] == ["b, 0", "b, 1"]
    assert record["cores"][1]["missing"] == 3
    assert record["fabric"]["links"][0] == {"x": 0, "y": 0, "link": 0, "packets": 50, "dropped": 3}
    assert record["chips"][0]["reinjected"] == 2


def counters(n: int) -> Any:
    return SimpleNamespace(sent={"mc": 5 * n}, delivered={"mc": 7 * n}, dropped={"mc": n}, lost_on_request=2 * n,
                           deliveries_missing=3 * n, link_packets={(1, 0, 2): 11 * n, (0, 0, 5): n},
                           dropped_at={(1, 0, 2): n, (0, 0, 5): 0, (0, 0, 6): 4 * n})


def test_a_machine_s_counters_are_those_since_the_session_began() -> None:
    assert fabric(counters(10), counters(110)) == Fabric(
        500, 700, 100, 200, 300, (LinkTraffic(0, 0, 5, 100, 0), LinkTraffic(1, 0, 2, 1100, 100)))
    assert fabric(None, counters(1)) is None and fabric(counters(1), None) is None


def test_a_network_that_is_on_no_machine_has_none() -> None:
    net = on_host(mlp(4, 5, 3)).reference()
    for _ in range(2):
        with pytest.raises(DataError, match=r"not on a machine now .*reference on this computer.*traffic\(\) before close"):
            net.traffic()
        x, y = data(40)
        net.train(x, y, verbose=0)
