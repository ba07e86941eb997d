"""The wait for the end of a pass: when it ends, and why it says that it will not."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from spinnman.messages.scp.enums import SCPResult
from spinnman.messages.scp.impl import CountState, GetChipInfo, ReadMemory
from spinnman.model.enums import CPUState

from dlgraph.gfe import pass_end
from dlgraph.gfe.pass_end import STALL_MS, Findings
from dlgraph.gfe.scp_questions import Answer
from dlgraph.vertices.pass_parameters import RESULT_BYTES, STATUS_OK, STATUS_SILENCE

OK, NO_REPLY = SCPResult.RC_OK.value, SCPResult.RC_P2P_NOREPLY.value
#: Two chips with two vertices each.
PLACES = {name: SimpleNamespace(x=x, y=0, p=p) for name, x, p in (("a", 0, 3), ("b", 0, 4), ("c", 1, 3), ("d", 1, 4))}


class LeftToGfe(Exception):
    """What GFE says of cores that failed for another reason."""


class Board:
    """Answers for SC&MP.  What happens on it is a function of milliseconds.

    :param state: of a vertex at a time
    :param reached: whether a chip answers at a time; of the first one, whether the board does
    :param left_out: vertices that are in no count
    """

    def __init__(self, state: Any, reached: Any = lambda chip, ms: True, statuses: dict[str, int] | None = None,
                 left_out: str = "") -> None:
        self.ms = 0
        self.asked = 0
        self.left_out = left_out
        self._state, self._reached, self._statuses = state, reached, statuses or {}

    def sleep(self, seconds: float) -> None:
        self.ms += round(1000 * seconds)

    def ask(self, requests: list[Any], seconds: float) -> list[Answer]:
        if not self._reached((0, 0), self.ms):
            self.sleep(seconds)
            return [Answer()] * len(requests)
        self.asked += len(requests)
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Answer:
        there = {name: place for name, place in PLACES.items() if self._reached((place.x, place.y), self.ms)}
        at = request.sdp_header.destination_chip_x, request.sdp_header.destination_chip_y
        if isinstance(request, CountState):
            n = sum(self._state(name, self.ms).value == request.argument_2 for name in there if name not in self.left_out)
            return Answer(OK if len(there) == len(PLACES) else NO_REPLY, n.to_bytes(4, "little"))
        if not self._reached(at, self.ms):
            return Answer(NO_REPLY)
        if isinstance(request, GetChipInfo):
            states = bytearray(18)
            for name, place in there.items():
                if (place.x, place.y) == at:
                    states[place.p] = self._state(name, self.ms).value
            return Answer(OK, bytes(12) + states)
        assert isinstance(request, ReadMemory)
        if request.argument_2 != RESULT_BYTES:
            return Answer(OK, self.ms.to_bytes(8, "little"))
        words = np.zeros(RESULT_BYTES // 4, "<u4")
        words[0] = self._statuses["abcd"[request.argument_1]]
        return Answer(OK, words.tobytes())


def outcome(monkeypatch: pytest.MonkeyPatch, board: Board) -> Findings | None:
    """What the wait finds, or None where the pass ends."""
    root = SimpleNamespace(x=0, y=0)

    class Machine:
        boot_chip = root
        ethernet_connected_chips = [root]

        def __getitem__(self, chip: tuple[int, int]) -> SimpleNamespace:
            beyond_the_edge = any((PLACES[name].x, PLACES[name].y) == chip for name in board.left_out)
            return SimpleNamespace(x=chip[0], y=chip[1], nearest_ethernet_x=8 if beyond_the_edge else 0, nearest_ethernet_y=0)

    def gfe(*unused: object) -> None:
        raise LeftToGfe

    monkeypatch.setattr(pass_end, "ask", board.ask)
    monkeypatch.setattr(pass_end, "time", SimpleNamespace(sleep=board.sleep, monotonic=lambda: board.ms / 1000))
    monkeypatch.setattr(pass_end, "FecDataView", SimpleNamespace(
        get_machine=Machine, get_app_id=lambda: 17, get_cores_for_type=lambda kind: None,
        get_transceiver=lambda: SimpleNamespace(wait_for_cores_to_be_in_state=gfe)))
    watch = pass_end._Watch(PLACES, "abcd".index)                     # type: ignore[arg-type]
    try:
        watch.wait()
    except pass_end._Broken as broken:
        return broken.findings
    return None


def running_until(ms: int, then: CPUState = CPUState.READY) -> Any:
    return lambda name, now: CPUState.RUNNING if now < ms else then


def test_a_pass_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(running_until(5000))
    assert outcome(monkeypatch, board) is None
    assert 5000 <= board.ms < 5200
    assert board.asked < 3 * 51 + 2, "but for three counts at a time nothing is asked"


@pytest.mark.parametrize("last", "bd")
def test_a_pass_ends_on_chips_that_no_count_has(monkeypatch: pytest.MonkeyPatch, last: str) -> None:
    """Of a board that lies across the edge of a machine of several."""
    board = Board(lambda name, ms: CPUState.READY if name != last or ms >= 700 else CPUState.RUNNING, left_out="cd")
    assert outcome(monkeypatch, board) is None and board.ms >= 700


def test_a_core_that_no_count_has_waited_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(lambda name, ms: CPUState.RUN_TIME_EXCEPTION if name == "d" else CPUState.RUNNING,
                  statuses={"d": STATUS_SILENCE}, left_out="cd")
    found = outcome(monkeypatch, board)
    assert found is not None and set(found.waited) == {"d"}


def test_a_core_that_waited_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(lambda name, ms: CPUState.RUN_TIME_EXCEPTION if name in "ac" and ms > 1000 else CPUState.RUNNING,
                  statuses={"a": STATUS_SILENCE, "c": STATUS_SILENCE})
    found = outcome(monkeypatch, board)
    assert found is not None and set(found.waited) == {"a", "c"} and not found.unreachable and board.ms < 1300


def test_another_failure_is_left_to_gfe(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(lambda name, ms: CPUState.RUN_TIME_EXCEPTION if name in "ac" else CPUState.RUNNING,
                  statuses={"a": STATUS_SILENCE, "c": STATUS_OK})
    with pytest.raises(LeftToGfe):
        outcome(monkeypatch, board)


def test_a_core_that_nobody_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(lambda name, ms: CPUState.RUNNING if ms < 3000 or name == "d" else CPUState.READY)
    found = outcome(monkeypatch, board)
    assert found is not None and found.unfinished == ["d"] and not found.waited
    assert 3000 + STALL_MS <= board.ms < 5000


def test_cores_that_end_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = {"a": 1000, "b": 2000, "c": 3000, "d": 4000}
    board = Board(lambda name, ms: CPUState.RUNNING if ms < ends[name] else CPUState.READY)
    assert outcome(monkeypatch, board) is None and board.ms >= 4000


def test_a_chip_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(running_until(10_000), lambda chip, ms: chip == (0, 0) or ms < 2000)
    found = outcome(monkeypatch, board)
    assert found is not None and found.unreachable == {(1, 0)} and not found.waited
    assert 2000 + STALL_MS <= board.ms < 4000


def test_a_core_that_waits_for_a_chip_that_does_not_answer_says_more(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(lambda name, ms: CPUState.RUN_TIME_EXCEPTION if name == "b" and ms > 3000 else CPUState.RUNNING,
                  lambda chip, ms: chip == (0, 0) or ms < 2000, statuses={"b": STATUS_SILENCE})
    found = outcome(monkeypatch, board)
    assert found is not None and set(found.waited) == {"b"} and found.unreachable == {(1, 0)} and board.ms < 4000


def test_a_chip_that_answers_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answers were lost on the way, again and again, but never for long."""
    board = Board(running_until(20_000), lambda chip, ms: chip == (0, 0) or ms % 1000 < 200)
    assert outcome(monkeypatch, board) is None


def test_a_board_that_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(running_until(60_000), lambda chip, ms: ms < 2000)
    found = outcome(monkeypatch, board)
    assert found is not None and found.ethernet == (0, 0)
    assert 12_000 <= board.ms < 15_000


def test_a_board_that_is_away_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(running_until(20_000), lambda chip, ms: not 2000 < ms < 9000)
    assert outcome(monkeypatch, board) is None


def test_an_answer_that_a_slow_machine_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host waits long for it; it is one answer."""
    class Slow(Board):
        def ask(self, requests: list[Any], seconds: float) -> list[Answer]:
            return super().ask(requests, 10 * seconds)

    board = Slow(running_until(60_000), lambda chip, ms: not 2000 < ms < 2200)
    assert outcome(monkeypatch, board) is None
