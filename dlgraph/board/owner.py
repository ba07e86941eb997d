"""Who uses a board: what is written down on the board itself, and whether a process of this computer is still there."""
from __future__ import annotations

import getpass
import hashlib
import os
import socket
import struct
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

MAGIC = b"dlgraph\1"                 #: the last byte is the version of the format
#: magic, token of the process, beats, seconds since 1970, process id, its start, its computer, user, host name
_FORMAT = struct.Struct("<8s16sIIIQ16s64s64s")
RECORD_BYTES = _FORMAT.size          #: 188
TOKEN_BYTES = 8 + 16                 #: of magic and token, which say whose record it is
BEATS_OFFSET = TOKEN_BYTES
_NOWHERE = bytes(16)
_PROC = Path("/proc")


@dataclass(frozen=True)
class Owner:
    """A process that uses a board.

    :param token: of this process and no other
    :param beats: goes up while the process is there
    :param since: seconds since 1970
    :param started: when the process started, in clock ticks since this computer did; 0 where that is not known
    :param computer: with equal ones, process ids mean the same processes; zeros where that is not known
    """

    token: bytes
    beats: int
    since: int
    process: int
    started: int
    computer: bytes
    user: str
    host: str

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since).astimezone().isoformat(" ", "seconds")
        return f"{self.user} on {self.host} (process {self.process}) since {since}"

    def packed(self) -> bytes:
        """The record as it lies in SDRAM, 188 bytes."""
        return _FORMAT.pack(MAGIC, self.token, self.beats, self.since, self.process, self.started, self.computer,
                            _short(self.user), _short(self.host))

    def same_as(self, other: Owner) -> bool:
        """Whether both are of the same claim, however often it has been renewed."""
        return self.token == other.token

    def is_of_this_process(self) -> bool:
        """Whether this process has made it."""
        return self.token == _token()

    def is_there(self) -> bool | None:
        """Whether the process is; None for one of another computer, or where this one does not say."""
        if self.computer != this_computer() or self.computer == _NOWHERE:
            return None
        started = _start_of(self.process)
        if started is not None:
            return started == self.started != 0
        try:
            os.kill(self.process, 0)                         # sends nothing; sees also what /proc hides of other users
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):
            pass
        return None


def _short(text: str) -> bytes:
    """Up to 64 bytes."""
    return text.encode()[:64].decode(errors="ignore").encode()


def _text(data: bytes) -> str:
    """Of a board, on which anybody may write."""
    text = data.rstrip(b"\0").decode(errors="replace")
    return "".join(character if character.isprintable() else "?" for character in text) or "?"


def unpacked(record: bytes) -> Owner | None:
    """What is written down, or None where it is no record."""
    magic, token, beats, since, process, started, computer, user, host = _FORMAT.unpack(record)
    if magic != MAGIC:
        return None
    return Owner(token, beats, since, process, started, computer, _text(user), _text(host))


def this_process() -> Owner:
    """As from now on."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):      # a user without a name
        user = f"user {os.getuid()}"
    process = os.getpid()
    return Owner(_token(), 0, int(time.time()), process, _start_of(process) or 0, this_computer(), user, socket.gethostname())


_tokens: dict[int, bytes] = {}


def _token() -> bytes:
    """A copy of a process, by ``fork``, is another one."""
    return _tokens.setdefault(os.getpid(), os.urandom(16))


def this_computer() -> bytes:
    """Since it was started; containers with processes of their own count as others."""
    try:
        said = (_PROC / "sys/kernel/random/boot_id").read_text() + os.readlink(_PROC / "self/ns/pid")
    except OSError:
        return _NOWHERE
    return hashlib.sha256(said.encode()).digest()[:16]


def _start_of(process: int) -> int | None:
    """In clock ticks since the computer's start; 0 where it is over and not yet buried, None where there is none to be seen."""
    try:
        fields = (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
        return 0 if fields[0] in "ZX" else int(fields[19])       # "starttime" of proc(5); these begin with the third field
    except (OSError, ValueError, IndexError):
        return None
