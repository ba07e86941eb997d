"""Replicas of dense networks: all copies of a vertex stand on one chip."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dlgraph.layer_graph import Activation, Loss
from dlgraph.mapping.cuts import explicit_cut
from dlgraph.mapping.interleaved import can_be_interleaved, interleaved
from dlgraph.mapping.pacing import CORE_CYCLES, pace
from dlgraph.mapping.placement import ChipRoom
from dlgraph.mapping.plan import EXCHANGED, CoreKind, Plan, make_plan
from dlgraph.mapping.regions import place_plan
from dlgraph.mapping.stages import find_stages
from small_nets import random_graph

CHIPS = [ChipRoom(x, y, 15 if (x, y) == (0, 0) else 16) for x in range(4) for y in range(4)]


def plan_of(replicas: int, n_sources: int = 3) -> Plan:
    graph = random_graph(np.random.default_rng(1), (64, 48, 10), [Activation.RELU],
                         (Activation.SOFTMAX, Loss.SPARSE_CATEGORICAL_CROSSENTROPY, False))
    stages = find_stages(graph)
    names = [stage.name for stage in stages[1:]]
    return make_plan(graph, stages, explicit_cut(stages, {names[0]: (2, 3, 3), names[1]: (2, 1, 1)}, n_sources, 4, replicas))


def test_copies_stand_on_one_chip_and_no_chip_is_overfilled() -> None:
    plan = plan_of(5)
    placed = place_plan(plan, CHIPS, dict.fromkeys(plan.cores, 1 << 20))
    assert placed == interleaved(plan, CHIPS, dict.fromkeys(plan.cores, 1 << 20))
    of_copies: dict[tuple[object, ...], set[tuple[int, int]]] = {}
    for core in plan.cores:
        if core.kind is not CoreKind.INPUT_SOURCE:
            of_copies.setdefault((core.stage, core.kind, core.rows, core.columns), set()).add(placed[core])
    assert all(len(chips) == 1 for chips in of_copies.values())
    assert len({chip for chips in of_copies.values() for chip in chips}) > 1
    on_chip = list(placed.values())
    assert all(on_chip.count((chip.x, chip.y)) <= chip.free for chip in CHIPS)


def test_what_copies_exchange_keeps_the_distance_that_cores_need() -> None:
    """It loads no link; without a distance each would get packets faster than it receives them."""
    plan = plan_of(5)
    pace(plan, place_plan(plan, CHIPS, dict.fromkeys(plan.cores, 0)))
    exchanged = [stream for stream in plan.streams if stream.kind in EXCHANGED and stream.producer.kind is CoreKind.WEIGHT_SLICE
                 and stream.producer.stage == 1]
    assert exchanged and all(stream.spacing >= CORE_CYCLES for stream in exchanged)


def test_only_replicas_of_dense_layers_are_interleaved() -> None:
    assert can_be_interleaved(plan_of(2))
    assert not can_be_interleaved(plan_of(1))


def test_says_where_there_is_no_room() -> None:
    plan = plan_of(5)
    with pytest.raises(ValueError, match="room"):
        interleaved(plan, CHIPS[:2], dict.fromkeys(plan.cores, 0))


def test_copies_of_which_one_has_a_place_already_stand_elsewhere() -> None:
    """The others are placed as those of any replicas."""
    whole = plan_of(3)
    core = next(core for core in whole.cores if core.kind is CoreKind.WEIGHT_SLICE and core.replica == 0)
    plan = replace(whole, cores=[other for other in whole.cores if other is not core],
                   neighbourhoods=[[other for other in cores if other is not core] for cores in whole.neighbourhoods])
    with pytest.raises(ValueError, match="places are given"):
        interleaved(plan, CHIPS, dict.fromkeys(plan.cores, 0))
    assert place_plan(plan, CHIPS, dict.fromkeys(plan.cores, 0)).keys() == set(plan.cores)
