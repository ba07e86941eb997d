"""An emulated machine gets the time that it needs to answer; a real one the time by the computer's clock."""
from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from spinnman.connections.scp_request_pipeline import SCPRequestPipeLine
from spinnman.exceptions import SpiNNManCoresNotInStateException, SpinnmanTimeoutException
from spinnman.messages.scp.enums import SCPResult
from spinnman.model import CPUInfos
from spinnman.model.enums import CPUState
from spinnman.transceiver.base_transceiver import BaseTransceiver

from dlgraph.gfe import patience
from dlgraph.gfe.patience import MACHINE_SECONDS, Deadline, waits_by

SECONDS = 0.01


class SlowMachine:
    """Answers once it has got so far by its own clock, which goes on by a millisecond with each look at it.

    :param answers_at: seconds
    """

    def __init__(self, answers_at: float = 0.0) -> None:
        self.looks = 0
        self.answers_at = answers_at
        self.sent = 0

    def clock(self) -> float:
        self.looks += 1
        return self.looks / 1000

    # as a connection of SpiNNMan's

    def get_scp_data(self, request: Any) -> bytes:
        return b""

    def send(self, data: bytes) -> None:
        self.sent += 1

    def receive_scp_response(self, timeout: float) -> tuple[SCPResult, int, bytes, int]:
        if self.looks / 1000 < self.answers_at:
            raise SpinnmanTimeoutException("receive", timeout)
        return SCPResult.RC_OK, self.sequence, b"", 0

    sequence = 0


@pytest.fixture(autouse=True)
def short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LOOK_SECONDS", 0.001)


def test_a_real_machine_has_the_time_that_is_said() -> None:
    with waits_by(None):
        deadline = Deadline(SECONDS)
        assert 0 < deadline.left() <= SECONDS
        time.sleep(SECONDS)
        assert deadline.left() == 0.0


def test_an_emulated_one_has_time_by_its_own_clock_as_well() -> None:
    machine = SlowMachine()
    with waits_by(machine.clock):
        deadline = Deadline(SECONDS)
        assert deadline.left() > 0 and not machine.looks, "its clock is not looked at before"
        time.sleep(SECONDS)
        while deadline.left():
            pass
    assert MACHINE_SECONDS <= machine.looks / 1000 < MACHINE_SECONDS + 0.005


def test_a_machine_that_is_gone_has_none() -> None:
    with waits_by(lambda: None):
        assert Deadline(0.0).left() == 0.0


def ask(machine: SlowMachine) -> tuple[list[Any], list[Any]]:
    """One request, without a second try: answers and errors."""
    pipeline = SCPRequestPipeLine(machine, n_retries=0, packet_timeout=0.001)      # type: ignore[arg-type]
    request: Any = SimpleNamespace(scp_request_header=SimpleNamespace(sequence=0), get_scp_response=lambda: SimpleNamespace(
        read_bytestring=lambda data, offset: None))
    answers: list[Any] = []
    errors: list[Any] = []
    pipeline.send_request(request, answers.append, lambda *error: errors.append(error))
    machine.sequence = request.scp_request_header.sequence
    pipeline.finish()
    return answers, errors


def test_spinnman_waits_for_a_slow_answer() -> None:
    machine = SlowMachine(answers_at=MACHINE_SECONDS / 2)
    with waits_by(machine.clock):
        answers, errors = ask(machine)
    assert len(answers) == 1 and not errors and machine.sent == 1
    answers, errors = ask(SlowMachine(answers_at=MACHINE_SECONDS / 2))
    assert not answers and len(errors) == 1, "as it does by itself"


def test_spinnman_gives_up_where_there_is_no_answer() -> None:
    machine = SlowMachine(answers_at=1e9)
    with waits_by(machine.clock):
        answers, errors = ask(machine)
    assert not answers and len(errors) == 1 and machine.looks / 1000 >= MACHINE_SECONDS


def late(seconds: float | None, state: CPUState) -> SpiNNManCoresNotInStateException:
    """What SpiNNMan says of one core that has not come as far as it was to."""
    found = CPUInfos()
    found.add_info(SimpleNamespace(x=0, y=0, p=3, physical_cpu_id=4, state=state))                    # type: ignore[arg-type]
    return SpiNNManCoresNotInStateException(seconds, frozenset({CPUState.READY}), found)


@pytest.mark.parametrize("state, ready_at, comes", [
    (CPUState.C_MAIN, 0.1, True), (CPUState.C_MAIN, 9.0, False), (CPUState.RUN_TIME_EXCEPTION, 0.1, False)])
def test_cores_get_ready_by_the_machines_clock(monkeypatch: pytest.MonkeyPatch, state: CPUState, ready_at: float,
                                               comes: bool) -> None:
    machine = SlowMachine()
    seen: list[float | None] = []

    def wait(self: Any, subsets: Any, app_id: int, states: Any, *, timeout: float | None = None) -> None:
        seen.append(timeout)
        if machine.looks / 1000 < ready_at:
            raise late(timeout, state)

    monkeypatch.setattr(BaseTransceiver, "wait_for_cores_to_be_in_state", wait)
    with waits_by(machine.clock):
        arguments: Any = (None, None, 17, CPUState.READY)
        if comes:
            BaseTransceiver.wait_for_cores_to_be_in_state(*arguments, timeout=0.2)
        else:
            with pytest.raises(SpiNNManCoresNotInStateException):
                BaseTransceiver.wait_for_cores_to_be_in_state(*arguments, timeout=0.2)
    assert seen[0] == 0.2 and (len(seen) == 1) == (state is CPUState.RUN_TIME_EXCEPTION)
    assert BaseTransceiver.wait_for_cores_to_be_in_state is wait
