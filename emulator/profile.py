"""Where the cycles of cores go: counted by groups of code addresses, as a board's trace port would tell it.

The engine counts every cycle (``src/profile.h``); nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from . import boards as layout

#: Of each core, group 0 included: code that is in no group, or outside ITCM.
GROUPS = 32
#: With groups of their own.
PROGRAMS = 64
ITCM_BYTES = 32 * 1024
#: What the engine takes as a command.
_LONGEST = 32_000


@dataclass(frozen=True)
class CodeGroups:
    """A program, and the groups that its code is counted in.

    An instruction counts with the wait cycles of its accesses, and for the group of its own address.  Two make exceptions: a few
    instructions that the emulator executes as one (at most 16 cycles) count where the first stands, and entering an interrupt, 3
    cycles, counts for its vector.

    :param ranges: (start, end, group) of ITCM: even addresses, ``end`` behind the last instruction; groups from 0 to 31
    :param cores: (x, y, physical core) of those that run it
    :param start: address of an instruction; a core is counted, asleep as well, from each time that it comes there.  None: from now
    :param stop: likewise, to the time that it comes there.  Both are best where a function begins.  None: to the end
    """

    ranges: Sequence[tuple[int, int, int]]
    cores: Sequence[tuple[int, int, int]]
    start: int | None = None
    stop: int | None = None


@dataclass(frozen=True)
class CoreCycles:
    """One core.

    :param total: cycles that it was counted, up to the end of the instruction that it is in
    :param groups: of these, awake, by group
    """

    total: int
    groups: tuple[int, ...]

    @property
    def awake(self) -> int:
        """Of all groups."""
        return sum(self.groups)

    @property
    def asleep(self) -> int:
        """Waiting for an interrupt, or halted."""
        return self.total - self.awake


@dataclass(frozen=True)
class Profile:
    """Emulated.

    :param cycles: of the 200 MHz clock since counting began
    :param cores: by (x, y, physical core)
    """

    cycles: int
    cores: dict[tuple[int, int, int], CoreCycles]

    @staticmethod
    def _from_event(event: dict[str, Any]) -> Profile:
        return Profile(event["cycles"], {(x, y, core): CoreCycles(total, tuple(groups))
                                         for x, y, core, total, *groups in event["cores"]})


def profile_text(programs: Iterable[CodeGroups], board: str, boards: int = 1) -> str:
    """As the engine reads it.

    :raises ValueError: for groups or cores that cannot be
    """
    programs = list(programs)
    if not 1 <= len(programs) <= PROGRAMS:
        raise ValueError(f"A profile tells 1 to {PROGRAMS} programs apart, not {len(programs)}.")
    seen: set[tuple[int, int, int]] = set()
    for program in programs:
        for place in program.cores:
            _check_core(place, board, boards)
            if place in seen:
                raise ValueError(f"The core {place} is said to run two programs. Name it once.")
            seen.add(place)
    text = ";".join(f"{_runs(program.ranges)}|{_trigger(program.start)} {_trigger(program.stop)}"
                    f"{''.join(f' {x} {y} {core}' for x, y, core in program.cores)}" for program in programs) + "."
    if len(text) > _LONGEST:
        n = sum(len(program.ranges) for program in programs)
        raise ValueError(f"The {n} ranges of addresses are too many for one profile. "
                         f"Join those that follow each other in the same group.")
    return text


def _trigger(address: int | None) -> int:
    if address is None:
        return 1                             # no instruction has an odd address
    if address % 2 or not 0 <= address < ITCM_BYTES:
        raise ValueError(f"{address:#x} is no instruction's address. Give an even one in ITCM, from 0 to {ITCM_BYTES - 2:#x}.")
    return address


def _check_core(place: tuple[int, int, int], board: str, boards: int) -> None:
    if len(place) != 3 or not all(isinstance(number, int) for number in place) or place[:2] not in layout.chips(board, boards) \
            or not 0 <= place[2] < layout.CORES:
        raise ValueError(f"{place!r} is no core of {layout.described(board, boards)}. Give (x, y, physical core), cores from 0 to "
                         f"{layout.CORES - 1}.")


def _runs(ranges: Sequence[tuple[int, int, int]]) -> str:
    """Every address in some group: ends of what belongs together, each with its group."""
    runs: list[tuple[int, int]] = []
    at = 0
    for start, end, group in sorted(ranges):
        if start % 2 or end % 2 or not 0 <= start < end <= ITCM_BYTES:
            raise ValueError(f"({start:#x}, {end:#x}) is no range of code. Give even addresses in ITCM, from 0 to {ITCM_BYTES:#x}, "
                             f"the end behind the last instruction.")
        if not 0 <= group < GROUPS:
            raise ValueError(f"group={group!r} cannot be used. There are groups 0 to {GROUPS - 1}.")
        if start < at:
            raise ValueError(f"The range ({start:#x}, {end:#x}) begins before the one before it ends, at {at:#x}. Ranges must not "
                             f"overlap.")
        for stop, of in ((start, 0), (end, group)):
            if stop > at and runs and runs[-1][1] == of:
                runs[-1] = (stop, of)
            elif stop > at:
                runs.append((stop, of))
            at = max(at, stop)
    return " ".join(f"{end} {group}" for end, group in runs)
