"""One program at a time on a board: each writes on the board itself whose it is, where all can see it.

The record is a block of the root chip's SDRAM that SC&MP finds by application id and tag.  SC&MP gives a tag away once, so
that of two programs which come at the same time one gets it.  While the owner is there it counts up a word of the record;
nothing needs to be done on its computer when it is killed.  A board that is booted has forgotten all about it.
"""
from __future__ import annotations

import contextlib
import logging
import os
import random
import threading
import time
from dataclasses import dataclass

from dlgraph.board.applications import busy_cores, programs, stop_all
from dlgraph.board.owner import BEATS_OFFSET, RECORD_BYTES, TOKEN_BYTES, Owner, this_process, unpacked
from dlgraph.board.scamp import ALLOC, CommandRefused, Scamp
from dlgraph.errors import MachineError
from dlgraph.reachability import SCP_PORT, find_address

log = logging.getLogger(__name__)

#: An id below 16 is none that programs are loaded with: signals to stop applications spare the record.
APPLICATION, TAG = 15, 0xd1
#: Operations of ALLOC, and a flag: a block with the same tag and size is given again, so that a lost answer does no harm.
_ALLOCATE, _FREE, _AGAIN = 0, 1, 4 << 16
#: In the system variables, where SC&MP keeps the blocks that have a tag, a word for each id and tag.
_TAG_TABLE = 0xf5007fdc
BEAT_SECONDS = 5.0
#: An owner on another computer that is silent for so long is gone.
SILENT_SECONDS = 30.0
#: Between finding the tag and writing the record others see none.
_UNWRITTEN_SECONDS = 3.0
_LOOK_SECONDS = 0.5
#: Repeats of commands that may as well be left.
_FEW = 2


@dataclass(frozen=True)
class Found:
    """The record on a board.

    :param owner: None where nothing is written down yet
    """

    address: int
    owner: Owner | None


def find(scamp: Scamp) -> Found | None:
    """The record that is on a board, or None."""
    address = scamp.word(scamp.word(_TAG_TABLE) + 4 * (APPLICATION << 8 | TAG))
    return Found(address, unpacked(scamp.read(address, RECORD_BYTES))) if address else None


def forget(scamp: Scamp, found: Found) -> None:
    """Take a record off a board."""
    scamp.write(found.address, bytes(RECORD_BYTES))
    with contextlib.suppress(CommandRefused):                # where an earlier one did it, and its answer was lost
        scamp.ask(ALLOC, _FREE, found.address)


def _allocate(scamp: Scamp) -> int:
    """The address of a new record, or 0 where there is one.

    Its size tells the programs apart that ask for it at the same time.
    """
    size = RECORD_BYTES + 4 * random.randrange(1 << 12)
    return int.from_bytes(scamp.ask(ALLOC, _AGAIN | APPLICATION << 8 | _ALLOCATE, size, TAG)[:4], "little")


def _in_use(scamp: Scamp, owner: Owner) -> MachineError:
    return MachineError(f"The board {scamp.hostname} is in use: {owner} has it. A board runs one program at a time. Wait for that "
                        f"one to end, or end it; or run without a board: machine=dlgraph.Emulated().")


def _is_gone(scamp: Scamp, found: Found) -> bool:
    """Whether the owner is; False also where the record has changed meanwhile, which must be looked at anew.

    :raises MachineError: where the owner is there
    """
    owner = found.owner
    if owner is not None and owner.is_there():
        raise _in_use(scamp, owner)
    if owner is not None and owner.is_there() is False:
        return find(scamp) == found
    patience = _UNWRITTEN_SECONDS
    if owner is not None:
        patience = SILENT_SECONDS
        log.warning("%s has the board %s, but may be gone; waiting up to %.0f s for a sign of life.", owner, scamp.hostname,
                    patience)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        now = find(scamp)
        if now == found:
            continue
        if owner is not None and now is not None and now.owner is not None and now.owner.same_as(owner):
            raise _in_use(scamp, now.owner)
        return False
    return True


def _take(scamp: Scamp) -> tuple[Found, Owner | None]:
    """The record, now of this process, and who left the board behind, if somebody did.

    :raises MachineError: where somebody else has the board
    """
    mine = this_process()
    while True:
        address = _allocate(scamp)
        if address:
            scamp.write(address, mine.packed())
            return Found(address, mine), None
        found = find(scamp)
        if found is None:
            continue                                         # given back this moment
        if found.owner is not None and found.owner.is_of_this_process():
            return found, None
        if not _is_gone(scamp, found):
            continue
        scamp.write(found.address, mine.packed())
        time.sleep(_LOOK_SECONDS)                            # another one may have found the same
        now = find(scamp)
        if now is not None and now.owner is not None and now.owner.is_of_this_process():
            return Found(found.address, mine), found.owner


def _clean(scamp: Scamp, left_by: Owner | None) -> None:
    """Make sure that nothing runs on a board that is ours.

    :param left_by: whose programs may be stopped
    :raises MachineError: where others run
    """
    busy = busy_cores(scamp)
    if not busy:
        return
    if left_by is None:
        raise MachineError(
            f"The board {scamp.hostname} is in use by a program other than dlgraph: on {len(busy)} of its cores runs "
            f"{', '.join(programs(scamp, busy))}. Wait until that one ends. If nobody uses the board, stop what is left on it: "
            f"python -m dlgraph.board {scamp.hostname} --free")
    log.warning("%s is gone and left programs on %d cores of the board %s: stopping them.", left_by, len(busy), scamp.hostname)
    stop_all(scamp)


class Claim:
    """A board that is this process's until it is given back.

    :raises MachineError: where it is somebody else's, with who that is
    """

    def __init__(self, hostname: str) -> None:
        self._hostname = hostname
        self._process = os.getpid()
        self._end = threading.Event()
        #: Whether somebody else took the board, or booted it.
        self.lost = False
        with Scamp(hostname) as scamp:
            self._record, left_by = _take(scamp)
            try:
                _clean(scamp, left_by)
            except BaseException:
                with contextlib.suppress(MachineError):
                    forget(scamp, self._record)
                raise
        self._beating = threading.Thread(target=self._beat, name=f"dlgraph has {hostname}", daemon=True)
        self._beating.start()

    def _is_ours(self, scamp: Scamp) -> bool:
        assert self._record.owner is not None
        return scamp.read(self._record.address, TOKEN_BYTES) == self._record.owner.packed()[:TOKEN_BYTES]

    def look(self) -> bool:
        """Whether it is still ours."""
        if not self.lost:
            with Scamp(self._hostname) as scamp:
                self.lost = not self._is_ours(scamp)
        return not self.lost

    def _beat(self) -> None:
        beats = 0
        while not self._end.wait(BEAT_SECONDS):
            with contextlib.suppress(MachineError), Scamp(self._hostname, _FEW) as scamp:      # one that is away may come back
                if not self._is_ours(scamp):
                    self.lost = True
                    return
                beats += 1
                scamp.write(self._record.address + BEATS_OFFSET, beats.to_bytes(4, "little"))

    def give_back(self) -> None:
        """Leave nothing on the board; a board that does not answer any more is left alone."""
        if self._process != os.getpid():                     # a copy of the process that has it
            return
        self._end.set()
        self._beating.join()
        if self.lost:
            return
        with contextlib.suppress(MachineError), Scamp(self._hostname, _FEW) as scamp:
            if self._is_ours(scamp):
                if busy_cores(scamp):
                    stop_all(scamp)
                forget(scamp, self._record)


@dataclass
class _Held:
    claim: Claim
    users: int = 0


_lock = threading.Lock()
#: What this process has, by process and address: its networks may share a board, one at a time.
_held: dict[tuple[int, str], _Held] = {}


class Share:
    """A part in this process's claim to a board, which ends with the last one.

    :raises MachineError: where the board is somebody else's, with who that is
    """

    def __init__(self, hostname: str) -> None:
        self._hostname = hostname
        self._key = os.getpid(), find_address(hostname, SCP_PORT)[0]
        with _lock:
            held = _held.get(self._key)
            if held is None or not held.claim.look():
                held = _held[self._key] = _Held(Claim(hostname), 0 if held is None else held.users)
            held.users += 1

    def keep(self) -> None:
        """Make sure that the board is still ours.

        :raises MachineError: where it is somebody else's by now
        """
        with _lock:
            held = _held[self._key]
            if not held.claim.look():
                held.claim = Claim(self._hostname)

    def give_back(self) -> None:
        """One user less; the last one gives the board back."""
        with _lock:
            held = _held.get(self._key)
            if held is None:
                return
            held.users -= 1
            if held.users:
                return
            del _held[self._key]
        held.claim.give_back()
