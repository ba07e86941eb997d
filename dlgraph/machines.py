"""Which machine a network runs on: what the user says, and what the runs get of it.

The user says :class:`Emulated`, :class:`Board` or :class:`Spalloc`, or nothing: then the environment variable
``DLGRAPH_MACHINE`` (the host name of a board) or the user's Graph Front End configuration decides, and else it is an
emulated board.  :func:`resolve` makes of it a :class:`MachineTarget`, which is started before the Graph Front End is
set up and stopped after it.
"""
from __future__ import annotations

import configparser
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping
from urllib.parse import urlparse

from dlgraph.errors import MachineError
from dlgraph.targets import BoardTarget, EmulatedTarget, MachineTarget, SpallocTarget

if TYPE_CHECKING:
    import spinnemu

#: Board name -> the version number by which the Graph Front End knows it.
BOARD_VERSIONS = {"spinn3": "3", "spinn5": "5"}
#: Names the host of a board to run on.
MACHINE_VARIABLE = "DLGRAPH_MACHINE"
CONFIG_NAME = "spiNNakerGraphFrontEnd.cfg"
#: Of the largest machine: ten cabinets of five racks of 24.
MOST_BOARDS = 1200


def _check_emulated_boards(boards: object, board: str) -> None:
    if isinstance(boards, bool) or not isinstance(boards, int) or boards not in (1, 3):
        raise MachineError(f"boards={boards!r} is not supported: an emulated machine has one board, or three SpiNN-5 boards that "
                           f"are linked to each other. Give boards=1 or boards=3; more boards take a real machine, such as "
                           f"dlgraph.Spalloc(server, user=..., boards=6).")
    if boards != 1 and board != "spinn5":
        raise MachineError(f"boards={boards} is not supported with board={board!r}: only SpiNN-5 boards are linked to each other. "
                           f"Give board='spinn5', or boards=1.")


def _check_lent_boards(boards: object) -> None:
    if isinstance(boards, bool) or not isinstance(boards, int) or not 1 <= boards <= MOST_BOARDS:
        raise MachineError(f"boards={boards!r} is not a number of boards. Give a whole number from 1 to {MOST_BOARDS}, such as "
                           f"boards=3, or leave it out for one.")


def _check_board(board: str) -> None:
    if board not in BOARD_VERSIONS:
        raise MachineError(f"board={board!r} is not known. dlgraph accepts 'spinn5' (48 chips) and 'spinn3' (4 chips).")


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise MachineError(f"{name}={value!r} is not a name. Give it as text, such as {name}='spinnaker.example.org'.")
    if not value.isprintable():
        raise MachineError(f"{name}={value!r} has characters that no name has. Give it as plain text.")


def _checked_faults(faults: object, board: str, boards: int) -> spinnemu.Faults | None:
    """What the emulated board is told, or None.

    :raises MachineError: for faults that cannot be
    """
    if faults is None:
        return None
    from spinnemu.faults import Faults
    try:
        checked = Faults.of(faults)                          # type: ignore[arg-type]
        checked.check_board(board, boards)
    except ValueError as error:
        raise MachineError(f"faults={faults!r} cannot be brought about: {error}") from error
    return checked


@dataclass(frozen=True)
class Emulated:
    """An emulated board on this computer, or three of them.

    :param boards: 1, or 3: SpiNN-5 boards that are linked to each other, 144 chips
    :param board: ``"spinn5"`` (48 chips) or ``"spinn3"`` (4 chips)
    :param address: the loopback address it answers at, such as ``"127.0.0.5"``; None for a free one.  Three boards: that of the
        first; the others have the two that follow it
    :param threads: 1 or 2 of this computer's, with the same result; two are faster where hundreds of cores are busy and this
        computer has nothing else to do
    :param faults: what is to go wrong: ``spinnemu.Faults`` or a dictionary of its parameters, such as
        ``{"drop": 1e-4, "duplicate": 1e-3, "reorder": 1e-3, "datagram_loss": 0.02, "seed": 7}``; None for nothing
    :param profile: count where the cycles of every core go, for :meth:`~dlgraph.Network.cycles`: the same results and machine time,
        but the emulated board takes longer for a pass
    """

    boards: int = 1
    board: str = "spinn5"
    address: str | None = None
    threads: int = 1
    faults: spinnemu.Faults | Mapping[str, Any] | None = None
    profile: bool = False

    def __post_init__(self) -> None:
        _check_board(self.board)
        _check_emulated_boards(self.boards, self.board)
        if isinstance(self.threads, bool) or self.threads not in (1, 2):
            raise MachineError(f"threads={self.threads!r} is not supported: an emulated board runs on 1 or 2 threads.")
        if self.address is not None:
            _check_text("address", self.address)
            if not self.address.startswith("127.") or self.address in ("127.0.0.1", "127.0.1.1"):
                raise MachineError(f"address={self.address!r} cannot be used. An emulated board answers at a loopback "
                                   f"address of its own: 127.x.y.z, but not 127.0.0.1, which the host software treats "
                                   f"in a special way. Leave it out for a free one.")
        if not isinstance(self.profile, bool):
            raise MachineError(f"profile={self.profile!r} is not supported: give True, to count where cycles go, or False.")
        object.__setattr__(self, "faults", _checked_faults(self.faults, self.board, self.boards))

    def target(self) -> MachineTarget:
        """What runs get of it; nothing is started yet."""
        return EmulatedTarget(self.board, BOARD_VERSIONS[self.board], self.address, self.threads, self.faults,
                              self.profile, self.boards)


@dataclass(frozen=True)
class Board:
    """A SpiNNaker board on the network.

    :param hostname: its host name or IP address
    :param board: ``"spinn5"`` (48 chips) or ``"spinn3"`` (4 chips)
    """

    hostname: str
    board: str = "spinn5"

    def __post_init__(self) -> None:
        _check_text("hostname", self.hostname)
        _check_board(self.board)

    def target(self) -> MachineTarget:
        """What runs get of it; nothing is started yet."""
        return BoardTarget(self.hostname, BOARD_VERSIONS[self.board])


@dataclass(frozen=True)
class Spalloc:
    """A board, or several, lent by a spalloc server, for as long as the network is open.

    :param server: the server's host name, ``spalloc://user@host:port``, or the ``https://`` address of a new-style
        server
    :param port: of an old-style server
    :param user: on whose behalf; the servers ask for an e-mail address
    :param machine: the name of one of the server's machines, or None for any
    :param boards: how many SpiNN-5 boards to ask for; the server gives as many, or some more, that are linked to each other
    """

    server: str
    port: int = 22244
    user: str | None = None
    machine: str | None = None
    boards: int = 1

    def __post_init__(self) -> None:
        _check_text("server", self.server)
        _check_lent_boards(self.boards)
        if isinstance(self.port, bool) or not isinstance(self.port, int) or not 0 < self.port < 65536:
            raise MachineError(f"port={self.port!r} is not a port number. Give 1 to 65535; spalloc servers use 22244.")
        if self.user is None and "@" not in self.server:
            raise MachineError(f"The spalloc server {self.server!r} needs to know on whose behalf it lends a board. "
                               f"Give user='you@example.org'.")
        for name in ("user", "machine"):
            if getattr(self, name) is not None:
                _check_text(name, getattr(self, name))
        try:
            urlparse(self.server if "://" in self.server else f"spalloc://{self.server}").port  # noqa: B018 - looks at it
        except ValueError as error:
            raise MachineError(f"server={self.server!r} is not the address of a server: {error}. Give a host name, "
                               f"'spalloc://user@host:port' or 'https://host'.") from error

    def target(self) -> MachineTarget:
        """What runs get of it; nothing is started yet."""
        return SpallocTarget(self.server, self.port, self.user, self.machine, self.boards)


Machine = Emulated | Board | Spalloc


def resolve(machine: Machine | None) -> MachineTarget:
    """What to run on.

    :param machine: the user's choice; None for the default, in this order: the environment variable
        ``DLGRAPH_MACHINE``, the Graph Front End configuration file in the current directory or the home directory
        where it names a machine, an emulated board
    :raises MachineError: for anything else
    """
    if machine is None:
        return default_machine().target()
    if isinstance(machine, (Emulated, Board, Spalloc)):
        return machine.target()
    hint = f" For the board {machine!r}, give dlgraph.Board({machine!r})." if isinstance(machine, str) else ""
    raise MachineError(f"machine={machine!r} is not a machine. dlgraph accepts dlgraph.Emulated(), "
                       f"dlgraph.Board(hostname), dlgraph.Spalloc(server, user=...) or None.{hint}")


def default_machine() -> Machine:
    """The machine where the user names none; see :func:`resolve`."""
    hostname = os.environ.get(MACHINE_VARIABLE, "").strip()
    if hostname:
        return Board(hostname)
    return configured_machine([Path.home() / f".{CONFIG_NAME}", Path.cwd() / CONFIG_NAME]) or Emulated()


class _GfeParser(configparser.RawConfigParser):
    """Takes option names as the Graph Front End does, which ignores case and underscores."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr.lower().replace("_", "")


def configured_machine(paths: list[Path]) -> Machine | None:
    """The machine that Graph Front End configuration files name, or None.

    :param paths: the files, later ones override earlier ones; absent ones are skipped
    """
    parser = _GfeParser(strict=False)
    try:
        parser.read(paths)
        named = {key: value.strip() for key, value in parser.items("Machine")} if parser.has_section("Machine") else {}
    except (configparser.Error, ValueError) as error:        # what is no text is a ValueError
        raise MachineError(f"The Graph Front End configuration cannot be read: {error}. Mend the file, or name the "
                           f"machine by machine=dlgraph.Emulated().") from error
    named = {key: value for key, value in named.items() if value.lower() not in ("", "none")}
    if "spallocserver" in named:
        try:
            return Spalloc(named["spallocserver"], port=int(named.get("spallocport", 22244)),
                           user=named.get("spallocuser", "unknown user"), machine=named.get("spallocmachine"))
        except ValueError as error:
            raise MachineError(f"The Graph Front End configuration has spalloc_port={named['spallocport']}, which is "
                               f"not a number.") from error
    if "machinename" in named:
        return Board(named["machinename"], board="spinn3" if named.get("version") in ("2", "3") else "spinn5")
    return None
