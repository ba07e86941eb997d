"""Starts, stops and questions the process of an emulated machine."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import boards as layout
from . import boot_image, build, translation_key
from .errors import AddressBusyError, EmulatorError
from .faults import PACKET_TYPES, Death, Faults, PacketFault, SlowCore
from .profile import CodeGroups, Profile, profile_text
from .seal import is_whole
from .serial_rom import serial_roms

#: hardware version of each kind of board
BOARDS = {"spinn3": 3, "spinn5": 5}
#: what the engine calls three SpiNN-5 boards (``enum BoardKind`` in ``src/machine.h``)
_TRIAD = 53
CLOCK_HZ = 200_000_000
SCP_PORT = 17893
#: 255 is a broadcast address where a network has 256
_LAST_OCTET = 254
BOOT_PORT = 54321
#: booted states in the cache; 3 MB (4 chips), 37 MB (48 chips) or 110 MB (144 chips) each
_SNAPSHOTS_KEPT = 16


@dataclass(frozen=True)
class Counters:
    """What a machine has done since it was switched on.  "Emulated" all of it."""

    #: cycles of the 200 MHz clock, start-up included
    cycles: int
    #: instructions of all cores
    instructions: int
    #: cores that stopped at something that is no instruction
    faulted_cores: int
    #: packets that cores sent, by type ("mc", "p2p", "nn", "fr")
    sent: dict[str, int]
    #: copies of packets that reached cores
    delivered: dict[str, int]
    #: copies of packets that went over links
    forwarded: dict[str, int]
    #: packets that routers gave up
    dropped: dict[str, int]
    #: copies sent out of links that end nowhere
    unconnected: dict[str, int]
    #: multicast packets that went straight on for want of an entry
    default_routed: int
    #: packets over each link, by (x, y, link)
    link_packets: dict[tuple[int, int, int], int] = field(repr=False)
    #: packets that a router gave up while an output was blocked, by (x, y, output): links, then physical cores
    dropped_at: dict[tuple[int, int, int], int] = field(repr=False)
    #: cycles that each core was awake, by (x, y, physical core)
    awake: dict[tuple[int, int, int], int] = field(repr=False)
    #: instructions of each core, by (x, y, physical core)
    core_instructions: dict[tuple[int, int, int], int] = field(repr=False)
    #: the physical core that is monitor, by (x, y)
    monitors: dict[tuple[int, int], int] = field(repr=False)
    datagrams_in: int
    datagrams_out: int
    #: repeats of requests that were still being worked on
    repeats_dropped: int
    #: datagrams that are none the board could get or send
    refused: int
    frames_lost: int
    dma_transfers: int
    dma_bytes: int
    #: packets of all types that vanished by faults on request: lost, corrupt, or in a chip that died
    lost_on_request: int
    #: how often each kind of fault on request happened, by its name in :class:`Faults`, or ``"kill_link"``, ``"kill_core"``,
    #: ``"kill_chip"``, ``"slow_core"``.  A packet that was held back, but not overtaken in time, is one of ``"delay"``
    faults: dict[str, int]
    #: packets that vanished by faults on request, by (x, y, port) of the router: links by which they came, then physical cores
    vanished_at: dict[tuple[int, int, int], int] = field(repr=False)
    #: copies of multicast packets that cores did not get because of faults on request other than drops, by the routing tables
    deliveries_lost: int
    #: likewise, because routers gave packets up, on request or not
    deliveries_dropped: int
    #: copies that cores got, or that vanished later, because packets were duplicated
    deliveries_added: int
    #: packets that faults hold back just now
    held: int
    #: packets that should have been held back, but too many were already
    not_held: int

    @property
    def seconds(self) -> float:
        """Emulated time since power-on in seconds."""
        return self.cycles / CLOCK_HZ

    @property
    def deliveries_missing(self) -> int:
        """Copies of multicast packets that cores did not get: packets sent, times the cores that each goes to, are those delivered
        and these, when nothing is on its way."""
        return self.deliveries_lost + self.deliveries_dropped - self.deliveries_added

    @staticmethod
    def _from_stats(stats: dict[str, Any]) -> Counters:
        chips = [tuple(chip) for chip in stats["chips"]]

        def by_type(name: str) -> dict[str, int]:
            return dict(zip(PACKET_TYPES, stats[name]))

        def by_part(name: str) -> dict[tuple[int, int, int], int]:
            return {(x, y, part): value for (x, y), row in zip(chips, stats[name])
                    for part, value in enumerate(row)}

        same = ("cycles", "instructions", "faulted_cores", "default_routed", "datagrams_in",
                "datagrams_out", "repeats_dropped", "refused", "frames_lost", "dma_transfers",
                "dma_bytes", "lost_on_request", "faults", "deliveries_lost", "deliveries_dropped", "deliveries_added",
                "held", "not_held")
        return Counters(
            sent=by_type("sent"), delivered=by_type("delivered"), forwarded=by_type("forwarded"),
            dropped=by_type("dropped"), unconnected=by_type("unconnected"),
            link_packets=by_part("link_packets"), dropped_at=by_part("dropped_at"), awake=by_part("core_cycles_awake"),
            core_instructions=by_part("core_instructions"),
            monitors=dict(zip(chips, stats["monitor_cores"])),
            vanished_at={(x, y, port): count for x, y, port, count in stats["vanished_at"]},
            **{name: stats[name] for name in same})


class Machine:
    """An emulated SpiNNaker board, or three of them, in a process of its own.

    A context manager; without ``with``, call :meth:`close`.  The process ends with this one in
    any case.

    :param board: ``"spinn3"`` (4 chips) or ``"spinn5"`` (48 chips)
    :param boards:
        1, or 3: three SpiNN-5 boards, each linked to the other two, of 12 x 12 chips whose opposite edges meet.  Each has an
        Ethernet, of its chip (0, 0), (4, 8) or (8, 4) of the machine
    :param address:
        where it listens, on UDP ports 17893 and 54321; a free loopback address if not given.
        Not 127.0.0.1, which SpiNNMan takes for a machine that is not there.  Of several boards the first one's; the others have
        those that follow it: see :attr:`addresses`
    :param boot:
        start with SC&MP running; otherwise the board waits to be booted over UDP
    :param dead_chips: (x, y) of chips that the board's serial ROM declares dead
    :param dead_cores: (x, y, physical core), likewise
    :param dead_links: (x, y, link), likewise
    :param record: file for a log of what the host did, with emulated times
    :param expose: allow an address that is not a loopback address
    :param snapshots: keep the booted state in the user's cache folder, to start faster
    :param threads:
        host threads, 1 or 2, with the same result; two are faster when hundreds of cores are awake
        and the host has nothing else to do, and slower otherwise
    :param translations:
        libraries that :mod:`spinnemu.translate` made of programs; cores run these faster, with the same result
    :param faults:
        what is to go wrong, :class:`Faults` or a dictionary of its parameters.  Parts that die without a moment are dead before
        there is power; everything else begins when the machine is ready, and again after :meth:`reset`
    :raises ValueError: for faults, addresses or boards that cannot be
    :raises EmulatorError: if the machine does not start, or a translation belongs to another version of the emulator
    """

    def __init__(
            self, board: str = "spinn5", address: str | None = None, *, boot: bool = True,
            dead_chips: Iterable[tuple[int, int]] = (),
            dead_cores: Iterable[tuple[int, int, int]] = (),
            dead_links: Iterable[tuple[int, int, int]] = (),
            record: str | os.PathLike[str] | None = None,
            expose: bool = False, snapshots: bool = True, threads: int = 1,
            translations: Iterable[str | os.PathLike[str]] = (),
            faults: Faults | Mapping[str, Any] | None = None, boards: int = 1) -> None:
        self._threads = threads
        self._translations = [os.path.abspath(path) for path in translations]
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        #: fingerprint of the state at the end of a recorded run; set by :meth:`close`
        self.final_state_hash: str | None = None
        self.board = _checked_board(board)
        layout.check(board, boards)
        self.boards = boards
        self._faults = None if faults is None else Faults.of(faults)
        if self._faults is not None:
            self._faults.check_board(board, boards, booted=boot)
        rom = serial_roms(boards, dead_chips, dead_cores, dead_links)
        if address is not None:
            self.address = _checked_address(address, expose, boards)
            self._ready = self._start(rom, boot, record, None, snapshots)
        else:
            self._ready = self._start_somewhere(rom, boot, record, snapshots)
        atexit.register(self.close)

    def _start_somewhere(self, rom: bytes, boot: bool, record: Any, snapshots: bool) -> dict[str, Any]:
        attempts = 20
        for attempt in range(attempts):
            self.address = free_address(self.boards)
            try:
                return self._start(rom, boot, record, None, snapshots)
            except AddressBusyError:         # taken since we looked
                if attempt == attempts - 1:
                    raise
        raise AssertionError("unreachable")

    def _start(self, rom: bytes, boot: bool, record: Any, replay: Any, snapshots: bool) -> dict[str, Any]:
        for translation in self._translations:
            if not is_whole(Path(translation)):
                raise EmulatorError(f"{translation} is no translation of programs, or damaged; "
                                    f"python -m spinnemu.translate makes one")
        library = build.library()
        image = boot_image.patched_image(BOARDS[self.board]) if boot else b""
        dead = "" if self._faults is None else self._faults._dead_from_the_start()
        kind = self.board if self.boards == 1 else f"{self.boards}x{self.board}"
        key = _snapshot_key(library, image, rom, kind, self.address, dead)
        path = build.cache_folder() / f"booted-{kind}-{key[:24]}.snapshot"
        main_thread = threading.current_thread() is threading.main_thread()
        options = {
            "library": str(library), "board": _kind(self.board, self.boards), "address": self.address,
            "image": image.hex(), "serial_rom": rom.hex(),
            "snapshot_path": str(path) if boot and snapshots else None, "snapshot_key": key,
            "record": os.fspath(record) if record is not None else None,
            "replay": os.fspath(replay) if replay is not None else None,
            # The kernel's signal comes when the *thread* that started the process ends.
            "die_with_parent": int(main_thread), "threads": self._threads,
            "translations": self._translations, "translation_key": translation_key.key(),
            "faults": None if self._faults is None else self._faults._text(),
        }
        # Ctrl-C is for us, who end the engine; it ignores it itself, but not before its interpreter runs
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-E", "-s", str(Path(__file__).with_name("engine.py")), json.dumps(options)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=build.environment())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        try:
            ready = self._event("ready")
        except BaseException:
            self.close()
            raise
        if boot and snapshots and not ready["from_snapshot"]:
            _forget_old_snapshots(path)
        return ready

    # --- control channel -----------------------------------------------------------------

    def _event(self, wanted: str) -> dict[str, Any]:
        process = self._process
        assert process is not None and process.stdout is not None
        line = process.stdout.readline()
        if not line.endswith("\n"):          # nothing, or what it had no time to finish
            code = process.wait()
            raise EmulatorError(f"the emulated machine ended with status {code}")
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "error":
            if "port" in event:
                raise AddressBusyError(self.addresses[event["board"]], event["port"], event["message"])
            raise EmulatorError(event["message"])
        if event["event"] != wanted:
            raise EmulatorError(f"the emulated machine said {event['event']!r}, not {wanted!r}")
        return event

    def _ask(self, command: str, wanted: str) -> dict[str, Any]:
        with self._lock:
            if self._process is None or self._process.stdin is None:
                raise EmulatorError("the emulated machine is closed")
            try:
                self._process.stdin.write(command + "\n")
                self._process.stdin.flush()
            except OSError as error:
                raise EmulatorError("the emulated machine is gone") from error
            return self._event(wanted)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of the boards, in the order of their Ethernet chips' coordinates."""
        start, _, last = self.address.rpartition(".")
        return tuple(f"{start}.{int(last) + number}" for number in range(self.boards))

    @property
    def process_id(self) -> int:
        """Of the process that the machine runs in."""
        if self._process is None:
            raise EmulatorError("the emulated machine is closed")
        return self._process.pid

    @property
    def from_snapshot(self) -> bool:
        """Whether the booted state came from the cache."""
        return bool(self._ready["from_snapshot"])

    def counters(self) -> Counters:
        """What the machine has done up to now."""
        return Counters._from_stats(self._ask("stats", "stats"))

    def state_hash(self) -> tuple[int, str]:
        """Emulated time in cycles and a fingerprint of memories, registers and tables."""
        event = self._ask("hash", "hash")
        return event["cycles"], event["hash"]

    def start_profile(self, programs: Iterable[CodeGroups]) -> None:
        """Count from now on, from zero, where the cycles of some cores go, instead of what was counted before.

        Results and emulated times stay the same; the cores that are counted take longer to emulate.

        :param programs: each with the cores that run it; a core is counted by what they run when this is called
        :raises ValueError: for groups or cores that cannot be
        """
        self._ask(f"start_profile {profile_text(programs, self.board, self.boards)}", "profiling")

    def stop_profile(self) -> None:
        """Count no more, and forget."""
        self._ask("stop_profile", "profiling")

    def profile(self) -> Profile:
        """What was counted since :meth:`start_profile`.

        :raises EmulatorError: if it was not called, or not since :meth:`reset`
        """
        return Profile._from_event(self._ask("profile", "profile"))

    def faults(self, faults: Faults | Mapping[str, Any] | None = None, *, drop_every: int = 0, lose_every: int = 0,
               **parameters: Any) -> None:
        """What is to go wrong from now on, instead of what was; ``faults()`` ends it.  What died stays dead.

        :param faults: :class:`Faults`, or a dictionary of its parameters
        :param drop_every: one in so many multicast packets that routers take is dropped; 0 for none
        :param lose_every: one in so many vanishes without a trace; 0 for none
        :param parameters: of :class:`Faults`, instead of ``faults``: ``machine.faults(drop=0.01, seed=3)``
        :raises ValueError: for faults that cannot be
        """
        if faults is not None and parameters:
            raise ValueError(f"Faults are given twice: as {faults!r} and as {', '.join(parameters)}. Give one of them.")
        counted = [PacketFault(kind, every=every) for kind, every in (("lose", lose_every), ("drop", drop_every)) if every]
        given = Faults.of(parameters if faults is None else faults)
        given = replace(given, packets=(*counted, *given.packets))
        given.check_board(self.board, self.boards, booted=False)
        self._ask(f"faults {given._text()}", "faults")

    def kill_link(self, x: int, y: int, link: int, *, both_ways: bool = True) -> None:
        """A link dies now, for good; see :class:`Death`."""
        self._more_faults(Faults(deaths=(Death(link=(x, y, link), both_ways=both_ways),)))

    def kill_core(self, x: int, y: int, core: int) -> None:
        """A physical core dies now, for good; see :class:`Death`."""
        self._more_faults(Faults(deaths=(Death(core=(x, y, core)),)))

    def kill_chip(self, x: int, y: int) -> None:
        """A chip dies now, for good; see :class:`Death`."""
        self._more_faults(Faults(deaths=(Death(chip=(x, y)),)))

    def slow_core(self, x: int, y: int, core: int, factor: float) -> None:
        """The instructions of a physical core take so many times the cycles from now on; see :class:`SlowCore`."""
        self._more_faults(Faults(slow=(SlowCore((x, y, core), factor),)))

    def _more_faults(self, faults: Faults) -> None:
        faults.check_board(self.board, self.boards, booted=False)
        self._ask(f"more_faults {faults._text()}", "faults")

    def reset(self) -> None:
        """Back to the state in which the machine was started, and to the faults it was started with.  What died stays dead: then
        the board boots, which takes its time, and SC&MP finds it as it is."""
        self._ask("reset", "reset")

    def close(self) -> None:
        """Switch the machine off.

        :raises EmulatorError: where the log could not be written whole
        """
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self.close)
        try:
            if process.stdin is not None:
                process.stdin.close()        # the engine ends when its control channel does
        except OSError:
            pass
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        whole = True
        if process.stdout is not None:
            for line in process.stdout:
                event = json.loads(line) if line.endswith("\n") else {"event": "cut off"}
                if event["event"] == "end":
                    self.final_state_hash = event["hash"]
                    whole = event["log_whole"] is True
            process.stdout.close()
        if not whole:
            raise EmulatorError("the log could not be written to its end, and cannot be replayed; make room on its disk, or record "
                                "elsewhere")

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class Replay:
    """Where a replayed log ended."""

    counters: Counters
    state_hash: str


def replay(
        log: str | os.PathLike[str], board: str, address: str, *, boot: bool = True,
        dead_chips: Iterable[tuple[int, int]] = (),
        dead_cores: Iterable[tuple[int, int, int]] = (),
        dead_links: Iterable[tuple[int, int, int]] = (), threads: int = 1,
        translations: Iterable[str | os.PathLike[str]] = (), boards: int = 1) -> Replay:
    """Repeat what was recorded, without sockets, as fast as possible.

    The other parameters must be those of the machine that recorded the log; the translations need not.  Faults on request are in
    the log.

    :raises EmulatorError:
        if the file is no log of such a machine, damaged, or cut off: a log ends when its machine is closed
    """
    machine = Machine.__new__(Machine)
    machine._process = None
    machine._threads = threads
    machine._faults = None
    machine._translations = [os.path.abspath(path) for path in translations]
    machine._lock = threading.Lock()
    machine.board = _checked_board(board)
    layout.check(board, boards)
    machine.boards = boards
    machine.address = _checked_address(address, True, boards)
    try:
        machine._start(serial_roms(boards, dead_chips, dead_cores, dead_links), boot, None, log, True)
        try:
            stats = machine._event("stats")
        except EmulatorError as error:
            raise EmulatorError(f"{os.fspath(log)} cannot be replayed to its end: {error}") from error
        return Replay(Counters._from_stats(stats), machine._event("hash")["hash"])
    finally:
        machine.close()


def _checked_board(board: str) -> str:
    if board not in BOARDS:
        raise ValueError(f"no board {board!r}; there are {', '.join(sorted(BOARDS))}")
    return board


def _kind(board: str, boards: int) -> int:
    return BOARDS[board] if boards == 1 else _TRIAD


def _checked_address(address: str, expose: bool, boards: int = 1) -> str:
    try:
        octets = socket.inet_aton(socket.gethostbyname(address))
    except OSError as error:
        raise ValueError(f"{address!r} is no IPv4 address") from error
    plain = socket.inet_ntoa(octets)
    if plain == "127.0.0.1":
        raise ValueError("127.0.0.1 means a machine that is not there to SpiNNMan; "
                         "use another address of 127.0.0.0/8, such as 127.0.0.5")
    if octets[0] != 127 and not expose:
        raise ValueError(f"{plain} is not a loopback address: other computers could use the machine; "
                         "pass expose=True if that is wanted")
    if octets[3] + boards - 1 > _LAST_OCTET:
        raise ValueError(f"{plain} leaves no room for {boards} boards, whose addresses follow each other: the last number goes "
                         f"up to {_LAST_OCTET}; give an address that ends in {_LAST_OCTET + 1 - boards} or less")
    return plain


def free_address(boards: int = 1) -> str:
    """A loopback address on which both ports are free now.

    :param boards: likewise on those that follow it, as many in all
    """
    chooser = random.Random(os.getpid() ^ random.SystemRandom().getrandbits(32))
    for attempt in range(200):
        # a small range first: the booted state is kept per address
        last = attempt + 5 if attempt < 60 else chooser.randrange(5, 250)
        third = 0 if attempt < 60 else chooser.randrange(1, 250)
        address = f"127.0.{third}.{last}"
        try:
            for number in range(boards):
                for port in (SCP_PORT, BOOT_PORT):
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                        probe.bind((f"127.0.{third}.{last + number}", port))
        except OSError:
            continue
        return address
    raise EmulatorError("no free loopback address for an emulated machine")


def _forget_old_snapshots(newest: Path) -> None:
    """Keep the cache small: the last few booted states, of all boards."""
    def age(path: Path) -> float:
        try:
            return path.stat().st_mtime
        except OSError:                      # another process removed it
            return 0.0

    kept = sorted(newest.parent.glob("booted-*.snapshot"), key=age, reverse=True)
    for path in kept[_SNAPSHOTS_KEPT:]:
        path.unlink(missing_ok=True)


def _snapshot_key(library: Path, image: bytes, rom: bytes, board: str, address: str, dead: str) -> str:
    digest = hashlib.sha256()
    for part in (library.read_bytes(), image, rom, board.encode(), address.encode(), *([dead.encode()] if dead else [])):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
