"""Copies from chip to chip: every chip that is asked for one has a neighbour that has it, on one board and on several."""
from __future__ import annotations

import random
from collections import defaultdict
from types import SimpleNamespace

import pytest
from spinn_machine import CoreSubsets, Machine
from spinn_machine.config_setup import unittest_setup
from spinn_machine.virtual_machine import virtual_machine_by_boards
from spinn_utilities.config_holder import set_config
from spinnman.messages.scp.impl import AppCopyRun
from spinnman.model.enums import CPUState
from spinnman.processes import application_copy_run_process as stock

from dlgraph.errors import MachineError
from dlgraph.gfe import tree_copies
from dlgraph.gfe.tree_copies import pruned

READY, WAITING, FAILED = CPUState.READY.value, CPUState.IDLE.value, CPUState.RUN_TIME_EXCEPTION.value


def machine_of(boards: int, dead: set[tuple[int, int]]) -> Machine:
    """Booted from chip to chip around those that are dead."""
    unittest_setup()
    set_config("Machine", "version", "5")
    machine = virtual_machine_by_boards(boards)
    for place in dead:
        del machine._chips[place]
    order, seen = [machine.boot_chip], {(0, 0)}
    for chip in order:
        for link in chip.router.links:
            place = link.destination_x, link.destination_y
            if place in machine._chips and place not in seen:
                seen.add(place)
                machine[place]._parent_link = (link.source_link_id + 3) % 6
                order.append(machine[place])
    return machine


@pytest.mark.parametrize("boards", [1, 3])
@pytest.mark.parametrize("dead", [set(), {(1, 1), (0, 2), (4, 4), (5, 2)}], ids=["whole", "with dead chips"])
def test_who_is_asked_has_a_neighbour_that_has_it(monkeypatch, boards: int, dead: set[tuple[int, int]]) -> None:
    machine = machine_of(boards, dead)
    places = sorted(machine._chips)
    monkeypatch.setattr(stock, "SpiNNManDataView", SimpleNamespace(get_machine=lambda: machine))
    has: set[tuple[int, int]] = set()

    def send(process: object, request: AppCopyRun) -> None:
        place = request.sdp_header.destination_chip_x, request.sdp_header.destination_chip_y
        link = machine[place].parent_link
        assert machine.xy_over_link(*place, link) in has and place not in has
        has.add(place)

    monkeypatch.setattr(stock.ApplicationCopyRunProcess, "_send_request", send)
    for seed in range(20):
        wanted = set(random.Random(seed).sample(places, 1 + 2 * seed))
        has = {(0, 0)}
        with tree_copies._only_to(wanted):
            stock.ApplicationCopyRunProcess(SimpleNamespace()).run(4, 30, CoreSubsets(), 0, True)
        assert wanted <= has and len(has) <= len(places)
    has = {(0, 0)}
    stock.ApplicationCopyRunProcess(SimpleNamespace()).run(4, 30, CoreSubsets(), 0, True)
    assert has == set(places)                                 # afterwards all is as it was


def test_a_chip_that_is_on_no_branch_is_an_error() -> None:
    """Cores would take what lies there: what was loaded before, or nothing."""
    tree = defaultdict(list, {(0, 0): [SimpleNamespace(x=1, y=0)], (1, 0): [SimpleNamespace(x=0, y=0)]})
    assert list(filter(None, pruned(tree, (0, 0), {(1, 0)}).values()))              # a ring has an end
    with pytest.raises(MachineError, match=r"Chips \(2, 2\) cannot be loaded"):
        pruned(tree, (0, 0), {(1, 0), (2, 2)})


def test_the_next_binary_waits_for_the_last(monkeypatch) -> None:
    """Chips that do not say are asked again; a core that has failed takes nothing any more."""
    answers = [{(0, 0): [READY, WAITING, READY]}, {(0, 0): [READY, READY, WAITING], (1, 0): [READY, READY, FAILED]}]
    asked = []

    def survey(places: object, chips: set[tuple[int, int]]) -> SimpleNamespace:
        asked.append(chips)
        return SimpleNamespace(states=answers.pop(0))

    monkeypatch.setattr(tree_copies, "survey", survey)
    tree_copies._wait_until_taken({(0, 0): {1}, (1, 0): {1, 2}})
    assert asked == [{(0, 0), (1, 0)}] * 2 and not answers


def test_nobody_waits_for_ever(monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(tree_copies, "time", SimpleNamespace(
        monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds)))
    monkeypatch.setattr(tree_copies, "survey", lambda places, chips: SimpleNamespace(states={}))
    tree_copies._wait_until_taken({(0, 0): {1}})
    assert tree_copies.READY_SECONDS <= now[0] < tree_copies.READY_SECONDS + 1
