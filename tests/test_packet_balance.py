"""The check that every integration test makes of its machine: it fails where counts do not balance."""
from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dlgraph.traffic import ChipTraffic, CoreTraffic, Fabric, Traffic  # noqa: E402
from integration_tests.packet_balance import Losses, check_balance, losses, unexplained  # noqa: E402

CORE = CoreTraffic("a, units 0..7", "a", addressed=20, received=20)


@pytest.mark.parametrize("received, counted, balances", [
    (20, Losses(), True),
    (19, Losses(), False),
    (21, Losses(), False),
    (19, Losses(lost=1), True),
    (18, Losses(lost=1), False),
    (21, Losses(lost=5, added=1), True),
    (22, Losses(lost=5, added=1), False),
    (19, Losses(dropped=9), False),                      # all of these were re-injected
    (19, Losses(dropped=2, unsaved=1), True),
    (17, Losses(dropped=2, unsaved=1), False),
])
def test_what_is_missing_must_be_counted_as_lost(received: int, counted: Losses, balances: bool) -> None:
    wrong = unexplained([CORE, replace(CORE, received=received)], counted)
    assert (wrong == []) == balances
    if not balances:
        assert wrong[0] == f"a, units 0..7: 20 sent to it, {received} came"


def test_cores_that_each_lost_what_all_may_have_lost() -> None:
    wrong = unexplained([replace(CORE, received=19)] * 2, Losses(lost=1))
    assert len(wrong) == 1 and wrong[0].startswith("2 copies are missing in all")


def counters(lost: int = 0, dropped: int = 0, added: int = 0, **faults: int) -> Any:
    return SimpleNamespace(deliveries_lost=lost, deliveries_dropped=dropped, deliveries_added=added, faults=faults)


CHIP = ChipTraffic(0, 0, 5, 4, 0, 1, 5, 0)


def test_losses_are_those_since_the_session_began() -> None:
    fabric = Fabric(100, 200, 5, 0, 0, ())
    traffic = Traffic("emulated SpiNN-3 board", (), (CORE,), (CHIP,), fabric)
    assert losses(traffic, counters(1, 2, 3), counters(11, 22, 33)) == Losses(10, 20, 30, unsaved=1)
    on_a_board = replace(traffic, fabric=None)
    assert losses(on_a_board, None, None).unsaved == 1
    assert losses(replace(on_a_board, chips=(replace(CHIP, missed=0),)), None, None) == Losses()


class Executor:
    """Tells of traffic as an executor does; an empty pass changes nothing."""

    def __init__(self, received: int, **faults: int) -> None:
        self._counters_before = counters()
        self.target = SimpleNamespace(counters=lambda: counters(**faults))
        self._vertices: list[Any] = []
        self._parameters_on_machine = True
        self.passes = 0
        self.session = SimpleNamespace(run_pass=self._run, write=lambda blocks: None)
        self.set_up = None
        self.received = received

    def _run(self, set_up: None) -> None:
        self.passes += 1

    def traffic(self) -> Traffic:
        return Traffic("emulated SpiNN-3 board", (), (replace(CORE, received=self.received),), (), Fabric(10, 20, 0, 0, 0, ()))


def test_a_session_that_lost_a_packet_is_seen() -> None:
    good: Any = Executor(20)
    assert check_balance(good) == [] and good.passes == 0
    bad: Any = Executor(19)
    assert check_balance(bad)[0] == "a, units 0..7: 20 sent to it, 19 came" and bad.passes == 1
    dead: Any = Executor(19, kill_core=1)
    assert check_balance(dead) == []
