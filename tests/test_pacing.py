"""Pacing: however cores are placed, no family of streams fills a link, and what stays on a chip is not held up."""
from __future__ import annotations

import random
from collections import Counter
from typing import Hashable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlgraph.mapping import pacing
from dlgraph.mapping.pacing import (
    CORE_CYCLES, EXCHANGE_LOAD, INPUT_LOAD, LEAST_BURST, LEAST_SPACING, LINK_CYCLES, LOAD, pace, pace_anywhere,
)
from dlgraph.mapping.plan import EXCHANGED, Core, CoreKind, Plan, Stream
from dlgraph.mapping.topology import BOARD_LINK_SLOWNESS, ONE_BOARD, Topology
from test_plan import random_plan

chips = st.tuples(st.integers(0, 7), st.integers(0, 7))


@given(chips, chips, st.sampled_from([ONE_BOARD, Topology(12, 12), Topology(12), Topology(0, 12)]))
def test_ways_are_shortest_and_lead_there(start: tuple[int, int], end: tuple[int, int], topology: Topology) -> None:
    links = topology.way(start, end)
    assert len(links) == topology.hops(start, end) == topology.distance(start, end) <= ONE_BOARD.hops(start, end)
    assert [start, *(to for _, to in links)] == [*(of for of, _ in links), end]
    assert all(topology.hops(of, to) == 1 for of, to in links)


def test_edges_that_meet_make_ways_short() -> None:
    torus = Topology(12, 12)
    assert torus.way((11, 11), (0, 0)) == [((11, 11), (0, 0))] and torus.hops((0, 0), (11, 0)) == 1
    assert max(torus.hops((0, 0), (x, y)) for x in range(12) for y in range(12)) == 8, "as in any 12 x 12 torus of hexagons"
    assert [Topology(12).hops((0, 0), end) for end in ((11, 0), (0, 11))] == [1, 11]
    assert [Topology(0, 12).hops((0, 0), end) for end in ((11, 0), (0, 11))] == [11, 1]


def test_links_between_boards_count_for_more() -> None:
    """Chips of x = 0 and 1 on two boards."""
    topology = Topology(board_of={(x, 0): (x // 2, 0) for x in range(4)})
    assert topology.distance((0, 0), (3, 0)) == 2 + BOARD_LINK_SLOWNESS and topology.hops((0, 0), (3, 0)) == 3


def test_what_goes_to_another_board_keeps_more_distance() -> None:
    plan = random_plan(4)
    alone = {core: (number % 4, 0) for number, core in enumerate(plan.cores)}
    pace(plan, alone)
    before = [stream.spacing for stream in plan.streams]
    pace(plan, alone, Topology(board_of={(x, 0): (x // 2, 0) for x in range(4)}))
    after = [stream.spacing for stream in plan.streams]
    assert all(b <= a for b, a in zip(before, after, strict=True)) and before != after


def families(plan: Plan) -> dict[Hashable, list[Stream]]:
    """Streams of a kind between two stages; of one replica where only one takes its turn, or each goes its own way."""
    found: dict[Hashable, list[Stream]] = {}
    for stream in plan.streams:
        producer, consumer = stream.producer, stream.consumers[0]
        alone = stream.kind not in EXCHANGED and plan.replicas_of(consumer) >= plan.replicas_of(producer)
        turn = consumer.replica if alone else None
        if stream.n_words:
            found.setdefault((stream.kind, producer.stage, consumer.stage, turn), []).append(stream)
    return found


def for_cores(streams: list[Stream]) -> int:
    """The distance at which no core gets packets of a family faster than it receives them; 0 where none gets many."""
    words: Counter[Core] = Counter()
    received: Counter[Core] = Counter()
    at_once: Counter[Core] = Counter()
    for stream in streams:
        words[stream.producer] += stream.n_words
    for stream in streams:
        for consumer in stream.consumers:
            received[consumer] += stream.n_words
            at_once[consumer] += stream.n_words / words[stream.producer]
    return round(CORE_CYCLES * max((each for core, each in at_once.items() if received[core] >= LEAST_BURST), default=0))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_links_never_fill(seed: int) -> None:
    """Were all producers of a family to send at once, no link would carry more than its share."""
    plan = random_plan(seed)
    choice = random.Random(seed)
    chip_of = {core: (choice.randrange(3), choice.randrange(3)) for core in plan.cores}
    pace(plan, chip_of)
    for streams in families(plan).values():
        kind = streams[0].kind
        share = (EXCHANGE_LOAD if kind in EXCHANGED
                 else INPUT_LOAD if streams[0].producer.kind is CoreKind.INPUT_SOURCE else LOAD)
        words: Counter[Core] = Counter()
        for stream in streams:
            words[stream.producer] += stream.n_words
        rate: Counter[Hashable] = Counter()
        for stream in streams:
            links = {link for end in stream.consumers for link in ONE_BOARD.way(chip_of[stream.producer], chip_of[end])}
            assert links or stream.spacing == 0 or stream.spacing == for_cores(streams)
            assert stream.spacing == 0 or stream.spacing >= LEAST_SPACING
            for link in links:
                rate[link] += stream.n_words / words[stream.producer] / max(stream.spacing, LEAST_SPACING)
        assert all(LINK_CYCLES * each <= share * 1.02 or all(stream.spacing == 0 for stream in streams) for each in rate.values())
        if for_cores(streams) > CORE_CYCLES:
            assert all(stream.spacing >= for_cores(streams) for stream in streams)
        if all(stream.spacing == 0 for stream in streams):
            assert all(LINK_CYCLES * each * LEAST_SPACING <= share * (LEAST_SPACING + 1) for each in rate.values())


@pytest.mark.parametrize("seed", range(8))
def test_unknown_places_give_some_pace(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before there is a machine; more links are taken to share the load than none."""
    plan = random_plan(seed)
    pace_anywhere(plan)
    assert all(stream.spacing == 0 or stream.spacing >= LEAST_SPACING for stream in plan.streams)
    many = {stream: stream.spacing for stream in plan.streams}
    monkeypatch.setattr(pacing, "LIKELY_LINKS", 1)
    pace_anywhere(plan)
    assert all(stream.spacing >= many[stream] for stream in plan.streams)
