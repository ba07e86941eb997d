"""The machine that the integration tests run on: ``DLGRAPH_MACHINE=<host name>`` for a board, else an emulated one."""
from __future__ import annotations

import os
import signal
from typing import Any, Iterator

import pytest

from dlgraph.gfe.executor import GfeExecutor
from dlgraph.machines import MACHINE_VARIABLE, Board, Emulated
from dlgraph.targets import MachineTarget
from integration_tests.packet_balance import check_balance


if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell makes what it runs in the background deaf to Ctrl-C, and so would every program be that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _empty_working_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """GFE writes its reports below the working directory."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("reports"))
    yield
    os.chdir(before)


@pytest.fixture(autouse=True, scope="session")
def _unbalanced() -> Iterator[list[str]]:
    """Looks at every session on a machine when it ends: what was sent must have come, or be counted as lost."""
    found: list[str] = []
    stock = GfeExecutor._close_session

    def close(executor: GfeExecutor) -> None:
        try:
            found.extend(check_balance(executor))
        finally:
            stock(executor)

    GfeExecutor._close_session = close        # type: ignore[method-assign]
    yield found
    GfeExecutor._close_session = stock        # type: ignore[method-assign]
    assert not found, "Packets are not conserved:\n" + "\n".join(found)


@pytest.fixture(autouse=True)
def _packets_are_conserved(_unbalanced: list[str]) -> Iterator[None]:
    """A test fails if a session that ended in it does not balance, the last of the test before among them."""
    yield
    found = list(_unbalanced)
    _unbalanced.clear()
    assert not found, "Packets are not conserved:\n" + "\n".join(found)


class SharedTarget(MachineTarget):
    """A machine that stays up from test to test."""

    def __init__(self, target: MachineTarget) -> None:
        self._target = target
        self.kind = target.kind                   # type: ignore[misc]
        self.emulated = target.emulated           # type: ignore[misc]
        self.version = target.version

    @property
    def options(self) -> dict[str, str]:
        return self._target.options

    @property
    def description(self) -> str:
        return self._target.description

    @property
    def emulated_machine(self) -> Any:
        """The ``spinnemu.Machine``, to bring faults about; None on a board."""
        return getattr(self._target, "machine", None)

    def start(self) -> None:
        self._target.start()

    def counters(self) -> Any:
        return self._target.counters()


def _shared(board: str) -> Iterator[MachineTarget]:
    host = os.environ.get(MACHINE_VARIABLE)
    target = (Board(host, board=board) if host else Emulated(board=board)).target()
    yield SharedTarget(target)
    target.stop()


@pytest.fixture(scope="session")
def spinn3() -> Iterator[MachineTarget]:
    """A board of 4 chips."""
    yield from _shared("spinn3")


@pytest.fixture(scope="module")
def spinn5() -> Iterator[MachineTarget]:
    """A board of 48 chips, not for longer than it is used: to have it stand by takes half a processor."""
    yield from _shared("spinn5")
