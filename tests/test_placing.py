"""Of two ways to place a plan, the one from which more is expected; neither overfills a chip."""
from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dlgraph.layer_graph import Activation, Loss
from dlgraph.mapping import annealing
from dlgraph.mapping.expected import chosen, expected
from dlgraph.mapping.cuts import explicit_cut
from dlgraph.mapping.pacing import pace
from dlgraph.mapping.placement import ChipRoom
from dlgraph.mapping.placing import place_and_pace
from dlgraph.mapping.plan import CoreKind, Plan, make_plan
from dlgraph.mapping.regions import place_plan
from dlgraph.mapping.stages import find_stages
from dlgraph.mapping.topology import ONE_BOARD
from small_nets import random_graph
from test_plan import random_plan

BOARD = sorted(((x, y) for x in range(8) for y in range(8) if -5 < x - y < 4), key=lambda chip: ONE_BOARD.hops((0, 0), chip))
SDRAM = 1 << 20


@pytest.fixture(autouse=True)
def few_moves(monkeypatch) -> None:
    monkeypatch.setattr(annealing, "MOVES_PER_CORE", 40)


def chips() -> list[ChipRoom]:
    return [ChipRoom(x, y, 15 if (x, y) == (0, 0) else 16, 16 * SDRAM) for x, y in BOARD]


def cycles(plan: Plan) -> float:
    return expected(plan, 32, 0.2).cycles_per_sample


def two_hidden_layers() -> Plan:
    graph = random_graph(np.random.default_rng(1), (784, 300, 100, 10), [Activation.RELU],
                         (Activation.SOFTMAX, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False))
    stages = find_stages(graph)
    blocks = dict(zip((stage.name for stage in stages[1:]), ((4, 20, 38), (7, 7, 13), (3, 1))))
    return make_plan(graph, stages, explicit_cut(stages, blocks, 3, 8))


def test_deep_networks_are_spread_out() -> None:
    plan = two_hidden_layers()
    choice = chosen(plan, 32, 0.2)
    simple = place_plan(plan, chips(), {core: 100 for core in plan.cores})
    pace(plan, simple)
    before = cycles(plan)
    placed = place_and_pace(choice, chips(), {core: 100 for core in plan.cores})
    assert cycles(plan) < 0.75 * before
    assert {placed[core] for core in plan.cores if core.kind is CoreKind.INPUT_SOURCE} == {(0, 0)}
    kept = {stream: stream.spacing for stream in plan.streams}
    pace(plan, placed)
    assert {stream: stream.spacing for stream in plan.streams} == kept, "the distances are those of where cores stand"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, SDRAM))
def test_no_chip_is_overfilled_and_nothing_lost(seed: int, sdram: int) -> None:
    plan = random_plan(seed)
    assume(len(plan.cores) <= 15 * len(BOARD))
    needed = {core: sdram for core in plan.cores}
    choice = chosen(plan, 32, 0.2)
    placed = place_and_pace(choice, chips(), needed)
    found = cycles(plan)
    room = {(chip.x, chip.y): chip for chip in chips()}
    assert set(placed) == set(plan.cores)
    for chip, n in Counter(placed.values()).items():
        assert n <= room[chip].free and n * sdram <= room[chip].sdram
    pace(plan, place_plan(plan, chips(), needed))
    assert found <= cycles(plan)
