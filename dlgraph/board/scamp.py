"""Commands to SC&MP, which runs on one core of every chip, beside those that SpiNNMan sends: one at a time.

Numbers and layouts are those of SC&MP 4.0.0, as SpiNNMan 7.4 has them in ``spinnman.messages.scp`` and ``spinnman.constants``.
"""
from __future__ import annotations

import itertools
import random
import select
import socket
import struct
import time

from dlgraph.errors import MachineError
from dlgraph.reachability import SCP_PORT, find_address

Chip = tuple[int, int]

#: The chip with the Ethernet, wherever the board is in its machine.
ROOT: Chip = (255, 255)
READ, WRITE, NNP, ALLOC, INFO = 2, 3, 20, 28, 31
MOST_BYTES = 256                     #: of data in one command
#: of what it takes longest: as SpiNNMan
_SECONDS, _REPEATS = 1.0, 10
_WORDS = 2                           #: how READ and WRITE access memory
_OK = 0x80
#: "try again": RC_LEN, RC_TIMEOUT, RC_P2P_NOREPLY, RC_P2P_BUSY, RC_P2P_TIMEOUT
_PASSING = frozenset({0x81, 0x86, 0x8b, 0x8d, 0x8e})
_PAUSE = 0.1                         #: s, before it is tried again
#: two bytes of padding, then SDP: flags, tag, ports, addresses as (y, x); then SCP: command, sequence number, three arguments
_REQUEST = struct.Struct("<2x8B2H3I")
_REPLY = struct.Struct("<2x8B2H")
_REPLY_EXPECTED, _NO_TAG, _OF_ETHERNET = 0x87, 0xff, 0xff


class CommandRefused(MachineError):
    """SC&MP answers a command with an error."""


class Scamp:
    """SC&MP of one board.

    :param hostname: of the board
    :param repeats: how often a command is sent again where no answer comes within a second
    :raises MachineError: where the name is unknown or the network cannot reach it
    """

    def __init__(self, hostname: str, repeats: int = _REPEATS) -> None:
        self.hostname = hostname
        self._repeats = repeats
        self._sequence = itertools.count(random.randrange(1 << 16))
        address = find_address(hostname, SCP_PORT)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.connect(address)
        except OSError as error:
            self._socket.close()
            raise self._no_answer(str(error)) from error

    def __enter__(self) -> Scamp:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _no_answer(self, why: str) -> MachineError:
        return MachineError(f"The board {self.hostname} does not answer a command: {why}. Check its power and the network; or run "
                            f"without a board: machine=dlgraph.Emulated().")

    def ask(self, command: int, *arguments: int, data: bytes = b"", chip: Chip = ROOT) -> bytes:
        """One command.

        It may be carried out more than once, where the answer is lost.

        :param arguments: three words at most
        :return: what follows the header of the answer
        :raises CommandRefused: where the answer is an error
        :raises MachineError: where there is none
        """
        sequence = next(self._sequence) % (1 << 16)
        words = (*arguments, 0, 0, 0)[:3]
        request = _REQUEST.pack(_REPLY_EXPECTED, _NO_TAG, 0, _OF_ETHERNET, chip[1], chip[0], 0, 0, command, sequence, *words) + data
        code = None
        for _ in range(self._repeats + 1):
            answer = self._exchange(request, sequence)
            if answer is None:
                continue
            code, body = answer
            if code == _OK:
                return body
            if code not in _PASSING:
                break
            time.sleep(_PAUSE)
        if code is None:
            raise self._no_answer(f"nothing came within {self._repeats + 1} s")
        raise CommandRefused(f"The board {self.hostname} refuses command {command} with the code {code:#x}.")

    def _exchange(self, request: bytes, sequence: int) -> tuple[int, bytes] | None:
        """The answer's code and the rest, or None; answers to earlier commands are passed over."""
        deadline = time.monotonic() + _SECONDS
        try:
            self._socket.send(request)
            while (left := deadline - time.monotonic()) > 0:
                if not select.select([self._socket], [], [], left)[0]:
                    break
                reply = self._socket.recv(2048)
                if len(reply) >= _REPLY.size:
                    *_, code, of = _REPLY.unpack_from(reply)
                    if of == sequence:
                        return code, reply[_REPLY.size:]
        except OSError as error:
            raise self._no_answer(str(error)) from error
        return None

    def read(self, address: int, n_bytes: int, chip: Chip = ROOT) -> bytes:
        """:param n_bytes: up to 256; like ``address``, a multiple of 4"""
        data = self.ask(READ, address, n_bytes, _WORDS, chip=chip)
        if len(data) != n_bytes:
            raise self._no_answer(f"{len(data)} bytes came of the {n_bytes} that were asked for")
        return data

    def word(self, address: int) -> int:
        """A word of memory, unsigned."""
        return int.from_bytes(self.read(address, 4), "little")

    def write(self, address: int, data: bytes) -> None:
        """:param data: up to 256 bytes, a multiple of 4"""
        self.ask(WRITE, address, len(data), _WORDS, data=data)
