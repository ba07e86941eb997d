"""Questions that are put once: answers that are late, and those behind them."""
from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import pytest
from spinnman.exceptions import SpinnmanTimeoutException
from spinnman.messages.scp.enums import SCPResult

from dlgraph.gfe import patience, scp_questions
from dlgraph.gfe.patience import MACHINE_SECONDS, waits_by

OK = SCPResult.RC_OK.value


class Connection:
    """To one board.  Its answers to questions come after so many time-outs.

    :param late: time-outs before; None: no answer comes
    """

    def __init__(self, late: int | None) -> None:
        self._late = late
        self._sent: list[int] = []

    def get_scp_data(self, request: Any) -> bytes:
        return struct.pack("<H", request.scp_request_header.sequence)

    def send(self, data: bytes) -> None:
        self._sent += struct.unpack("<H", data)

    def receive(self, timeout: float) -> bytes:
        assert timeout > 0
        if self._late is None or self._late > 0 or not self._sent:
            self._late = None if self._late is None else self._late - 1
            raise SpinnmanTimeoutException("receive", timeout)
        return bytes(10) + struct.pack("<HH", OK, self._sent.pop(0)) + b"word"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Each of some boards one question; the results."""
    def of(*boards: Connection) -> list[int | None]:
        selector = SimpleNamespace(get_next_connection=lambda request: request.board)
        monkeypatch.setattr(scp_questions, "FecDataView", SimpleNamespace(get_scamp_connection_selector=lambda: selector))
        monkeypatch.setattr(patience, "LOOK_SECONDS", 0.001)
        requests = [SimpleNamespace(board=board, scp_request_header=SimpleNamespace(sequence=0)) for board in boards]
        return [answer.result for answer in scp_questions.ask(requests, 0.0)]

    return of


def test_a_board_is_heard_beside_one_that_does_not_answer(ask: Any) -> None:
    assert ask(Connection(None), Connection(0), Connection(None), Connection(0)) == [None, OK, None, OK]


def test_a_slow_machine_has_time_to_answer(ask: Any) -> None:
    looks = iter(range(1000))
    with waits_by(lambda: MACHINE_SECONDS / 10 * next(looks)):
        assert ask(Connection(5), Connection(2)) == [OK, OK]
        assert ask(Connection(50), Connection(0)) == [None, OK]
    assert ask(Connection(5), Connection(2)) == [None, None], "a real one has what is said"
