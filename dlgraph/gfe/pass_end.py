"""Waiting for the end of a pass, and finding out why it does not come.

GFE waits for all cores to be READY, for ever, and asks each chip with a core that failed up to eleven times.  A core that nobody
waits for any more may die unnoticed then, and a chip that dies is asked for half a minute before the run ends without its name.  So
GFE's wait is replaced by one that takes no answer for an answer:

* a core has failed: those that say so in their results waited in vain, and their streams name who was silent;
* a chip gives no answer for :data:`STALL_MS` of machine time, though its neighbours do: its monitor, a link on the way to it, or
  all of it is dead;
* some cores have ended the pass, the others have not, and for :data:`STALL_MS` that stays so: nobody waits for the others, or they
  would be named by those.  The end of a pass takes milliseconds;
* a board answers nothing, for :data:`BOARD_SECONDS` and to :data:`BOARD_QUESTIONS`.

Any other failure is left to GFE.
"""
from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import Callable, Collection, Iterator, Mapping, Sequence

from pacman.model.placements import Placement
from spinn_front_end_common.data import FecDataView
from spinn_front_end_common.interface.interface_functions.application_runner import _ApplicationRunner
from spinnman.constants import SYSTEM_VARIABLE_BASE_ADDRESS
from spinnman.messages.scp.impl import CountState, GetChipInfo, ReadMemory
from spinnman.messages.spinnaker_boot import SystemVariableDefinition
from spinnman.model.enums import CPUState, ExecutableType

from dlgraph.errors import MachineError
from dlgraph.gfe.counts import is_counted
from dlgraph.gfe.scp_questions import Answer, ask
from dlgraph.vertices import NetworkVertex
from dlgraph.vertices.pass_parameters import RESULT_BYTES, STATUS_SILENCE, VertexResult

#: Of machine time, milliseconds.  More than a core waits before it fails (``looks.SILENCE_CYCLES``), which names more.
STALL_MS = 1200
#: Between two looks at the machine, as SpiNNMan's own wait; and where something seems to be wrong: an emulated machine that only
#: waits may be ten times as fast as a real one.
POLL_SECONDS, CLOSE_POLL_SECONDS = 0.1, 0.02
#: Looks that get some results of cores that failed, but not all.
PATIENT_POLLS = 3
#: For an answer, as SpiNNMan waits for counts.
ANSWER_SECONDS = 2.0
#: A board that answers nothing for so long, by the host's clock, is gone: SpiNNMan's ten tries of a second; nor to so many
#: questions, of which an emulated machine may have longer for each (``patience.py``).
BOARD_SECONDS, BOARD_QUESTIONS = 10.0, 5
#: From the first core that fails to a look at all: others wait for the same streams.
OTHERS_SECONDS = 0.05

#: Core states in the answer to INFO: a byte per virtual core, behind three words.
_STATES_AT, _CORES = 12, 18
_CLOCK_AT = SYSTEM_VARIABLE_BASE_ADDRESS + SystemVariableDefinition.clock_milliseconds.offset
_CLOCK_BYTES = 8

Chip = tuple[int, int]


@dataclass(frozen=True)
class Findings:
    """Why a pass does not end.

    :param places: of all vertices
    :param waited: those that waited in vain, with their results
    :param unreachable: chips that give no answer
    :param unfinished: vertices that have not ended the pass, though others have
    :param speechless: vertices whose cores the host asked something between two passes, in vain
    :param monitors: (x, y, p) of cores without a vertex, on chips that answer, that it asked in vain: GFE's own
    :param ethernet: the chip with the Ethernet, where a board answers nothing any more
    :param written: what programs from outside wrote into IOBUF
    """

    places: Mapping[NetworkVertex, Placement]
    waited: Mapping[NetworkVertex, VertexResult]
    unreachable: frozenset[Chip]
    unfinished: Sequence[NetworkVertex] = ()
    speechless: Sequence[NetworkVertex] = ()
    monitors: Sequence[tuple[int, int, int]] = ()
    ethernet: Chip | None = None
    written: Mapping[NetworkVertex, str] = field(default_factory=dict)


class PassBroken(MachineError):
    """A pass that will not end, or a machine that has lost a part."""

    def __init__(self, findings: Findings) -> None:
        super().__init__("The run on the machine failed: a part of it has died.")
        self.findings = findings


class _Broken(BaseException):
    """Past GFE, which would try to reach every core at the sight of an ``Exception``."""

    def __init__(self, findings: Findings) -> None:
        super().__init__()
        self.findings = findings


@dataclass(frozen=True)
class _Survey:
    """What chips say at a moment.

    :param now: machine time in milliseconds; None where the board did not say
    :param states: of the cores of each chip that said
    :param unreachable: chips of which SC&MP says that they do not answer
    """

    now: int | None
    states: Mapping[Chip, bytes]
    unreachable: frozenset[Chip]


def _chip(placement: Placement) -> Chip:
    return placement.x, placement.y


def survey(places: Mapping[NetworkVertex, Placement], others: Collection[Chip] = ()) -> _Survey:
    """Ask every chip that has a vertex, and others."""
    root = FecDataView.get_machine().boot_chip
    chips = sorted({_chip(place) for place in places.values()}.union(others))
    clock, *infos = ask([ReadMemory((root.x, root.y, 0), _CLOCK_AT, _CLOCK_BYTES), *(GetChipInfo(x, y) for x, y in chips)],
                        ANSWER_SECONDS)
    now = int.from_bytes(clock.data[:_CLOCK_BYTES], "little") if clock.complete else None
    states = {chip: info.data[_STATES_AT:_STATES_AT + _CORES] for chip, info in zip(chips, infos, strict=True)
              if info.complete and len(info.data) >= _STATES_AT + _CORES}
    return _Survey(now, states, frozenset(chip for chip, info in zip(chips, infos, strict=True) if info.unreachable))


class _Watch:
    """Over one pass.

    :param places: of all vertices
    :param address_of: where a vertex has its result
    """

    def __init__(self, places: Mapping[NetworkVertex, Placement], address_of: Callable[[NetworkVertex], int]) -> None:
        self._places = places
        self._address_of = address_of
        machine = FecDataView.get_machine()
        #: The chips that answer for their boards.
        self._ethernets: list[Chip] = [(chip.x, chip.y) for chip in machine.ethernet_connected_chips]
        #: Those that are in no count.
        self._uncounted = {vertex: place for vertex, place in places.items() if not is_counted(machine[_chip(place)])}
        #: Chip -> machine time since which it has not answered.
        self._gone: dict[Chip, int] = {}
        self._n_ready, self._since = 0, 0
        #: Some cores have ended the pass, others have not.
        self._in_doubt = False
        self._unread = 0
        #: When each board last answered.
        self._heard = dict.fromkeys(self._ethernets, time.monotonic())
        #: Questions to each that it has not answered since.
        self._in_vain = dict.fromkeys(self._ethernets, 0)

    def wait(self) -> None:
        """Until all cores have ended the pass.

        :raises _Broken: where they will not
        """
        while not self._has_ended():
            time.sleep(CLOSE_POLL_SECONDS if self._in_doubt or self._gone else POLL_SECONDS)

    def _has_ended(self) -> bool:
        counts = self._count(CPUState.READY)
        self._check_boards(counts)
        if any(count.result is None for count in counts):
            return False
        others = survey(self._uncounted) if self._uncounted else None
        n_ready = sum(count.word() for count in counts) + len(self._vertices_in(others, CPUState.READY))
        if n_ready >= len(self._places):
            return True
        failed = self._count(CPUState.RUN_TIME_EXCEPTION, CPUState.WATCHDOG)
        if any(count.word() for count in failed) or self._vertices_in(others, CPUState.RUN_TIME_EXCEPTION, CPUState.WATCHDOG):
            time.sleep(OTHERS_SECONDS)
            self._judge_failed(survey(self._places))
        self._in_doubt = n_ready > 0
        if not all(count.complete for count in counts) or self._in_doubt:
            self._judge(survey(self._places))
        elif self._gone:
            self._gone = {}
        return False

    def _count(self, *states: CPUState) -> list[Answer]:
        """Cores in these states: of every board, for the first state, then for the next."""
        return ask([CountState(*chip, FecDataView.get_app_id(), state) for state in states for chip in self._ethernets],
                   ANSWER_SECONDS)

    def _check_boards(self, counts: Sequence[Answer]) -> None:
        """:raises _Broken: where one has answered nothing for too long"""
        now = time.monotonic()
        for chip, count in zip(self._ethernets, counts, strict=True):
            if count.result is not None:
                self._heard[chip], self._in_vain[chip] = now, 0
                continue
            self._in_vain[chip] += 1
            if now - self._heard[chip] > BOARD_SECONDS and self._in_vain[chip] >= BOARD_QUESTIONS:
                raise _Broken(Findings(self._places, {}, frozenset(), ethernet=chip))

    def _vertices_in(self, found: _Survey | None, *wanted: CPUState) -> list[NetworkVertex]:
        """Those on chips that said, in one of these states."""
        if found is None:
            return []
        values = {state.value for state in wanted}
        return [vertex for vertex, place in self._places.items()
                if _chip(place) in found.states and found.states[_chip(place)][place.p] in values]

    def _judge_failed(self, found: _Survey) -> None:
        """Cores that failed; where any of them did for another reason than that it waited in vain, GFE is to say what it finds.

        :raises _Broken: where all waited in vain
        """
        failed = self._vertices_in(found, CPUState.RUN_TIME_EXCEPTION, CPUState.WATCHDOG)
        if not failed:
            return                                # of another chip than those that say
        answers = ask([ReadMemory((self._places[vertex].x, self._places[vertex].y, 0), self._address_of(vertex), RESULT_BYTES)
                       for vertex in failed], ANSWER_SECONDS)
        results = {vertex: VertexResult.from_bytes(answer.data) for vertex, answer in zip(failed, answers, strict=True)
                   if answer.complete and len(answer.data) == RESULT_BYTES}
        self._unread = self._unread + 1 if len(results) < len(failed) else 0
        if all(result.status == STATUS_SILENCE for result in results.values()):
            if self._unread and (not results or self._unread < PATIENT_POLLS):
                return                            # ask again
            raise _Broken(Findings(self._places, results, found.unreachable))
        FecDataView.get_transceiver().wait_for_cores_to_be_in_state(
            FecDataView.get_cores_for_type(ExecutableType.USES_SIMULATION_INTERFACE), FecDataView.get_app_id(),
            [CPUState.READY])

    def _judge(self, found: _Survey) -> None:
        """Chips that do not answer, cores that do not end.

        :raises _Broken: where they have not for too long
        """
        if found.now is None:
            return
        self._gone = {chip: self._gone.get(chip, found.now) for chip in found.unreachable}
        lost = frozenset(chip for chip, since in self._gone.items() if found.now - since >= STALL_MS)
        if lost:
            raise _Broken(Findings(self._places, {}, lost))
        ready = self._vertices_in(found, CPUState.READY)
        if len(ready) != self._n_ready:
            self._n_ready, self._since = len(ready), found.now
        reached = sum(_chip(place) in found.states for place in self._places.values())
        if 0 < len(ready) < reached == len(self._places) and found.now - self._since >= STALL_MS:
            unfinished = [vertex for vertex in self._places if vertex not in set(ready)]
            raise _Broken(Findings(self._places, {}, frozenset(), unfinished))


@contextlib.contextmanager
def watched(places: Callable[[], Mapping[NetworkVertex, Placement]], address_of: Callable[[NetworkVertex], int],
            started: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While GFE runs a pass, its wait for the end is replaced.

    :param places: of all vertices, once they are placed
    :param address_of: where a vertex has its result
    :param started: called when the pass has begun
    :raises PassBroken: where the pass will not end
    """
    stock = _ApplicationRunner._wait_for_end

    def wait_for_end(runner: _ApplicationRunner, timeout: float | None = None) -> None:
        started()
        _Watch(places(), address_of).wait()        # GFE's monitors run on and on: there is no end to wait for

    _ApplicationRunner._wait_for_end = wait_for_end          # type: ignore[assignment,method-assign]
    try:
        yield
    except _Broken as broken:
        raise PassBroken(broken.findings) from None
    finally:
        _ApplicationRunner._wait_for_end = stock             # type: ignore[method-assign]
