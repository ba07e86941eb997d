"""A machine in this process, without SC&MP and sockets: for calibration and tests.

Programs and routes are put straight into cores and routers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from . import boards as layout
from . import build
from .faults import KINDS, PACKET_TYPES, Faults
from .machine import CLOCK_HZ, _kind
from .profile import GROUPS, CodeGroups, CoreCycles, profile_text

_KEY, _MASK, _ROUTE = 0x8000, 0xc000, 0x4000


class _Counters(ctypes.Structure):
    """The packet counts at the start of ``Counters`` in ``src/machine.h``."""

    _fields_ = [*((name, ctypes.c_uint64 * 4)
                  for name in ("sent", "delivered", "forwarded", "dropped", "unconnected")),
                ("others", ctypes.c_uint64 * 16)]            # more than there are


class _FaultCounts(ctypes.Structure):
    """``FaultCounts`` in ``src/faults.h``."""

    _fields_ = [("happened", ctypes.c_uint64 * len(KINDS)),
                *((name, ctypes.c_uint64) for name in ("not_held", "deliveries_lost", "deliveries_dropped", "deliveries_added")),
                ("vanished_at", ctypes.c_uint64 * (layout.LINKS + layout.CORES) * 144)]


def _engine() -> ctypes.CDLL:
    engine = ctypes.CDLL(str(build.library()))
    machine, word = ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32)
    engine.direct_new.restype = machine
    engine.direct_new.argtypes = [ctypes.c_uint32]
    engine.direct_free.argtypes = [machine]
    engine.direct_start.restype = ctypes.c_bool
    engine.direct_start.argtypes = [
        machine, ctypes.c_int, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p, ctypes.c_uint32]
    engine.direct_dtcm.restype = ctypes.c_bool
    engine.direct_dtcm.argtypes = [
        machine, ctypes.c_int, ctypes.c_int, ctypes.c_uint, ctypes.c_uint32, word, ctypes.c_bool]
    engine.direct_router.argtypes = [
        machine, ctypes.c_int, ctypes.c_int, ctypes.c_uint32, word, ctypes.c_bool]
    engine.direct_fpga_link.argtypes = [machine, ctypes.c_int, ctypes.c_int, ctypes.c_uint]
    engine.direct_run.argtypes = [machine, ctypes.c_uint64]
    engine.direct_now.restype = ctypes.c_uint64
    engine.direct_now.argtypes = [machine]
    engine.direct_counters.restype = None
    engine.direct_counters.argtypes = [machine, ctypes.POINTER(_Counters)]
    engine.direct_faults.restype = ctypes.c_char_p
    engine.direct_faults.argtypes = [machine, ctypes.c_char_p, ctypes.c_bool]
    engine.direct_fault_counts.restype = ctypes.POINTER(_FaultCounts)
    engine.direct_fault_counts.argtypes = [machine]
    engine.direct_datagram_fates.restype = ctypes.c_bool
    engine.direct_datagram_fates.argtypes = [ctypes.c_char_p, ctypes.c_uint32, ctypes.c_char_p]
    engine.direct_profile_start.restype = ctypes.c_char_p
    engine.direct_profile_start.argtypes = [machine, ctypes.c_char_p]
    engine.direct_profile_stop.argtypes = [machine]
    engine.direct_profile.restype = ctypes.c_bool
    engine.direct_profile.argtypes = [machine, ctypes.c_int, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(ctypes.c_uint64)]
    engine.direct_awake.restype = ctypes.c_uint64
    engine.direct_awake.argtypes = [machine, ctypes.c_int, ctypes.c_int, ctypes.c_uint]
    engine.direct_held.restype = ctypes.c_uint32
    engine.direct_held.argtypes = [machine]
    engine.direct_dropped_at.restype = ctypes.c_uint64
    engine.direct_dropped_at.argtypes = [machine, ctypes.c_int, ctypes.c_int, ctypes.c_uint]
    engine.direct_two_threads.argtypes = [machine]
    engine.direct_two_threads.restype = ctypes.c_bool
    engine.direct_hash.restype = ctypes.c_uint64
    engine.direct_hash.argtypes = [machine]
    return engine


def datagram_fates(faults: Faults | Mapping[str, Any], n: int) -> list[str]:
    """What becomes of datagrams between host and board: ``"passes"``, ``"lost"``, ``"twice"`` or ``"held"``.

    :param n: number of datagrams, to the board and to the host in turn
    """
    fates = ctypes.create_string_buffer(n)
    if not _engine().direct_datagram_fates(Faults.of(faults)._text().encode(), n, fates):
        raise ValueError("the engine cannot read what is said about faults")
    return [("passes", "lost", "twice", "held")[fate] for fate in fates.raw]


class DirectMachine:
    """A board whose cores do nothing until they are given a program.

    :param board: ``"spinn3"`` or ``"spinn5"``
    :param threads: host threads, 1 or 2; the result is the same
    :param boards: 1, or 3 SpiNN-5 boards
    """

    def __init__(self, board: str = "spinn3", threads: int = 1, boards: int = 1) -> None:
        layout.check(board, boards)
        self._engine = _engine()
        self._board, self._boards = board, boards
        self._machine = self._engine.direct_new(_kind(board, boards))
        if not self._machine:
            raise MemoryError("not enough memory for the emulated board")
        if threads > 1 and not self._engine.direct_two_threads(self._machine):
            raise OSError("no second thread")

    def start(self, x: int, y: int, core: int, program: bytes, **words: int) -> None:
        """Start a program at ITCM 0x400; ``w0=...`` and so on are words at the start of DTCM."""
        for name, value in words.items():
            self.write_word(x, y, core, 4 * int(name[1:]), value)
        if not self._engine.direct_start(self._machine, x, y, core, program, len(program)):
            raise ValueError(f"no core {core} on chip ({x}, {y}), or the program is too long")

    def read_word(self, x: int, y: int, core: int, offset: int) -> int:
        """A word of a core's DTCM."""
        word = ctypes.c_uint32()
        if not self._engine.direct_dtcm(self._machine, x, y, core, offset, word, False):
            raise ValueError("no such core or word")
        return word.value

    def write_word(self, x: int, y: int, core: int, offset: int, value: int) -> None:
        """Write a word of a core's DTCM."""
        if not self._engine.direct_dtcm(self._machine, x, y, core, offset, ctypes.c_uint32(value), True):
            raise ValueError("no such core or word")

    def read_router(self, x: int, y: int, offset: int) -> int:
        """A register of a router."""
        word = ctypes.c_uint32()
        self._engine.direct_router(self._machine, x, y, offset, word, False)
        return word.value

    def write_router(self, x: int, y: int, offset: int, value: int) -> None:
        """Write a register of a router."""
        self._engine.direct_router(self._machine, x, y, offset, ctypes.c_uint32(value), True)

    def route(self, x: int, y: int, entry: int, key: int, mask: int, *,
              links: tuple[int, ...] = (), cores: tuple[int, ...] = ()) -> None:
        """Fill an entry of a multicast table."""
        self.write_router(x, y, _KEY + 4 * entry, key)
        self.write_router(x, y, _MASK + 4 * entry, mask)
        self.write_router(x, y, _ROUTE + 4 * entry,
                          sum(1 << link for link in links) | sum(1 << 6 + core for core in cores))

    def make_link_between_boards(self, x: int, y: int, link: int) -> None:
        """Give a link the rate of one that goes through FPGAs to another board."""
        self._engine.direct_fpga_link(self._machine, x, y, link)

    def run(self, seconds: float) -> None:
        """Let emulated time go on."""
        self._engine.direct_run(self._machine, round(seconds * CLOCK_HZ))

    @property
    def cycles(self) -> int:
        """Emulated time."""
        return int(self._engine.direct_now(self._machine))

    def packets(self, what: str) -> dict[str, int]:
        """Packets ``"sent"``, ``"delivered"``, ``"forwarded"``, ``"dropped"`` or ``"unconnected"``, by type."""
        counters = _Counters()
        self._engine.direct_counters(self._machine, counters)
        return dict(zip(PACKET_TYPES, getattr(counters, what)))

    def faults(self, faults: Faults | Mapping[str, Any] | None = None, *, more: bool = False) -> None:
        """What is to go wrong from now on, instead of what was, or besides it."""
        given = Faults.of(faults)
        given.check_board(self._board, self._boards, booted=False)
        why = self._engine.direct_faults(self._machine, given._text().encode(), more)
        if why:
            raise ValueError(why.decode())

    def fault_counts(self) -> dict[str, int]:
        """How often each kind of fault happened, and the balance of deliveries, as in :class:`spinnemu.Counters`."""
        counts = self._engine.direct_fault_counts(self._machine).contents
        return dict(zip(KINDS, counts.happened)) | {
            name: getattr(counts, name) for name in ("not_held", "deliveries_lost", "deliveries_dropped", "deliveries_added")} | {
            "held": self._engine.direct_held(self._machine)}

    def vanished_at(self) -> dict[tuple[int, int, int], int]:
        """Packets that vanished by faults, by (x, y, port) of the router; those of none are left out."""
        counts = self._engine.direct_fault_counts(self._machine).contents
        return {(x, y, port): count for (x, y), row in zip(sorted(layout.chips(self._board, self._boards)), counts.vanished_at)
                for port, count in enumerate(row) if count}

    def start_profile(self, programs: Iterable[CodeGroups]) -> None:
        """As :meth:`spinnemu.Machine.start_profile`."""
        why = self._engine.direct_profile_start(self._machine, profile_text(programs, self._board, self._boards).encode())
        if why:
            raise ValueError(why.decode())

    def stop_profile(self) -> None:
        """As :meth:`spinnemu.Machine.stop_profile`."""
        self._engine.direct_profile_stop(self._machine)

    def profile(self, x: int, y: int, core: int) -> CoreCycles:
        """Of a core that is profiled."""
        cycles = (ctypes.c_uint64 * (1 + GROUPS))()
        if not self._engine.direct_profile(self._machine, x, y, core, cycles):
            raise ValueError(f"core {core} of chip ({x}, {y}) is not profiled")
        return CoreCycles(cycles[0], tuple(cycles[1:]))

    def awake(self, x: int, y: int, core: int) -> int:
        """Cycles that a core was awake since power-on."""
        return int(self._engine.direct_awake(self._machine, x, y, core))

    def dropped_at(self, x: int, y: int, output: int) -> int:
        """Packets that a router gave up while an output was blocked: links, then cores."""
        return int(self._engine.direct_dropped_at(self._machine, x, y, output))

    def state_hash(self) -> int:
        """Fingerprint of memories, registers and tables."""
        return int(self._engine.direct_hash(self._machine))

    def close(self) -> None:
        """Free the machine."""
        machine, self._machine = self._machine, None
        if machine:
            self._engine.direct_free(machine)

    def __enter__(self) -> DirectMachine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()
