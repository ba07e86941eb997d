"""A machine as the runs see it: options for the Graph Front End, started before a run and stopped after it."""
from __future__ import annotations

import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlparse

from dlgraph.binaries import BinariesError, translated_binaries
from dlgraph.board.claim import Share
from dlgraph.errors import MachineError
from dlgraph.reachability import board_answers, boot_board, server_answers

if TYPE_CHECKING:
    import spinnemu

log = logging.getLogger(__name__)


class MachineTarget(ABC):
    """One machine.

    ``start`` makes sure that it is there; ``stop`` gives it back; both may be called again.
    """

    #: ``"emulated"``, ``"board"`` or ``"spalloc"``.
    kind: ClassVar[str]
    #: Whether the machine is software; every report says so.
    emulated: bool = False
    #: Of the boards, as the Graph Front End numbers them: ``"3"`` (4 chips) or ``"5"`` (48 chips).
    version: str = "5"
    #: How many of them, as far as that is known before they are there.
    boards: int = 1
    #: Whether it is to count where the cycles of cores go.
    profiles: bool = False

    @property
    @abstractmethod
    def options(self) -> dict[str, str]:
        """Options for the Graph Front End's ``[Machine]`` section.  Valid once started."""

    @property
    def boards_to_ask_for(self) -> int | None:
        """How many boards the Graph Front End is to ask a server for; None where there is none to ask."""
        return None

    @property
    @abstractmethod
    def description(self) -> str:
        """What reports call it, such as ``"emulated SpiNN-5 board"``."""

    @abstractmethod
    def start(self) -> None:
        """Make sure that the machine is there.

        :raises MachineError: where it is not, with what to do
        """

    def counters(self) -> spinnemu.Counters | None:
        """What only an emulated machine counts; None elsewhere."""
        return None

    @property
    def clock(self) -> Callable[[], float | None] | None:
        """Seconds of machine time since power-on, of a machine that may be slower than a real one; None where it is gone.  No clock
        where the machine keeps time with this computer, or cannot be asked.
        """
        return None

    def start_profile(self, programs: Sequence[spinnemu.CodeGroups]) -> None:  # noqa: B027 - nothing to do, as it does not profile
        """Count where the cycles of cores go from now on, if it :attr:`profiles`."""

    def end_profile(self) -> spinnemu.Profile | None:
        """What was counted since; None where nothing was."""
        return None

    def restart(self) -> None:  # noqa: B027 - nothing to do unless a subclass says so
        """A part has died during a run: let the machine find out what it still has, if that is in our power."""

    def stop(self) -> None:  # noqa: B027 - nothing to give back unless a subclass says so
        """Give back what ``start`` took."""


def _boards_in_words(version: str, boards: int) -> str:
    return f"SpiNN-{version} board" if boards == 1 else f"machine of {boards} SpiNN-{version} boards"


def translations() -> list[Path]:
    """What makes the binaries faster on an emulated board: nothing at first, while it is made in the background.

    Results and times of the machine are the same with and without.
    """
    import spinnemu
    try:
        found = spinnemu.translations.library_later(translated_binaries())
    except (spinnemu.EmulatorError, OSError, BinariesError) as error:
        log.info("The emulated board runs without a translation of its binaries: %s", error)
        return []
    return [] if found is None else [found]


class EmulatedTarget(MachineTarget):
    """An emulated board, or three of them, in a process of its own, at a loopback address."""

    kind = "emulated"
    emulated = True

    def __init__(self, board: str, version: str, address: str | None, threads: int = 1, faults: Any = None,
                 profile: bool = False, boards: int = 1) -> None:
        self.board = board
        self.boards = boards
        self.version = version
        self.wanted_address = address
        self.threads = threads
        #: ``spinnemu.Faults``, or None.
        self.faults = faults
        self.profiles = profile
        #: The running ``spinnemu.Machine``, or None.
        self.machine: Any = None

    @property
    def options(self) -> dict[str, str]:
        if self.machine is None:
            raise MachineError("The emulated board is not started.")
        return {"version": self.version, "machine_name": self.machine.address}

    @property
    def description(self) -> str:
        return f"emulated {_boards_in_words(self.version, self.boards)}"

    def start(self) -> None:
        if self.machine is not None:
            return
        try:
            import spinnemu
        except ImportError as error:
            raise MachineError(f"The emulated machine cannot be used, as the package spinnemu cannot be imported "
                               f"({error}). Install dlgraph again, or name a board: machine=dlgraph.Board(hostname)."
                               ) from error
        try:
            self.machine = spinnemu.Machine(
                board=self.board, boards=self.boards, address=self.wanted_address, threads=self.threads,
                translations=translations(), faults=self.faults)
        except spinnemu.AddressBusyError as error:
            raise MachineError(
                f"The emulated board cannot answer at {self.wanted_address}: {error}. Leave the address out for a free "
                f"one.") from error
        except (spinnemu.EmulatorError, OSError, ValueError) as error:
            raise MachineError(f"The emulated board cannot be started: {error}.") from error

    def counters(self) -> spinnemu.Counters | None:
        return None if self.machine is None else self.machine.counters()

    @property
    def clock(self) -> Callable[[], float | None]:
        return self._seconds

    def _seconds(self) -> float | None:
        import spinnemu
        with contextlib.suppress(spinnemu.EmulatorError, OSError):        # it has been closed, or its process was killed
            if (counters := self.counters()) is not None:
                return counters.seconds
        return None

    def start_profile(self, programs: Sequence[spinnemu.CodeGroups]) -> None:
        if self.machine is not None and self.profiles:
            self.machine.start_profile(programs)

    def end_profile(self) -> spinnemu.Profile | None:
        if self.machine is None or not self.profiles:
            return None
        profile: spinnemu.Profile = self.machine.profile()
        self.machine.stop_profile()
        return profile

    def restart(self) -> None:
        if self.machine is None:
            return
        import spinnemu
        try:
            self.machine.reset()
        except (spinnemu.EmulatorError, OSError) as error:
            log.warning("The emulated board does not start again (%s); the next run takes another.", error)
            self.stop()

    def stop(self) -> None:
        machine, self.machine = self.machine, None
        if machine is not None:
            machine.close()


class BoardTarget(MachineTarget):
    """A board on the network, booted if need be, which no other program that uses dlgraph has meanwhile."""

    kind = "board"

    def __init__(self, hostname: str, version: str) -> None:
        self.hostname = hostname
        self.version = version
        self.emulated = hostname.startswith("127.")      # no board is inside this computer
        self._share: Share | None = None

    @property
    def options(self) -> dict[str, str]:
        return {"version": self.version, "machine_name": self.hostname}

    @property
    def description(self) -> str:
        return f"{'emulated ' if self.emulated else ''}SpiNN-{self.version} board at {self.hostname}"

    def start(self) -> None:
        self._boot()
        if self._share is None:
            self._share = Share(self.hostname)
        else:
            self._share.keep()

    def stop(self) -> None:
        share, self._share = self._share, None
        if share is not None:
            share.give_back()

    def _boot(self) -> None:
        if board_answers(self.hostname):
            return
        log.warning("The board %s does not answer; trying to boot it.", self.hostname)
        boot_board(self.hostname, self.version)
        if not board_answers(self.hostname, seconds=5.0):
            raise MachineError(
                f"No answer at {self.hostname}: nothing answers on UDP port 17893, neither before nor after sending "
                f"the boot image to port 54321. Check the name, the board's power and its cable, and that no firewall "
                f"stands between; or run without a board: machine=dlgraph.Emulated().")


class SpallocTarget(MachineTarget):
    """A board, or several, that the Graph Front End borrows from a spalloc server when it is set up, and gives back at its end."""

    kind = "spalloc"

    def __init__(self, server: str, port: int, user: str | None, machine: str | None, boards: int = 1) -> None:
        self.boards = boards
        self.server = server
        self.port = port
        self.user = user
        self.machine = machine

    @property
    def options(self) -> dict[str, str]:
        options = {"version": self.version, "spalloc_server": self.server, "spalloc_port": str(self.port)}
        if self.user is not None:
            options["spalloc_user"] = self.user
        if self.machine is not None:
            options["spalloc_machine"] = self.machine
        return options

    @property
    def description(self) -> str:
        return f"{_boards_in_words(self.version, self.boards)} of the spalloc server {self.server}"

    @property
    def boards_to_ask_for(self) -> int:
        return self.boards

    def start(self) -> None:
        url = urlparse(self.server if "://" in self.server else f"spalloc://{self.server}")
        new_style = url.scheme in ("http", "https")
        default = {"http": 80, "https": 443}.get(url.scheme, self.port)
        server_answers(url.hostname or self.server, url.port or default, speaks_json=not new_style)


class HostTarget(MachineTarget):
    """No machine: the reference computes on this computer."""

    kind = "host"

    @property
    def options(self) -> dict[str, str]:
        return {}

    @property
    def description(self) -> str:
        return "reference on this computer"

    def start(self) -> None:
        """Nothing to start."""
