"""Whether a machine is there at all, asked before the Graph Front End is set up: it would wait for minutes."""
from __future__ import annotations

import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from dlgraph.errors import MachineError

SCP_PORT = 17893          #: where a booted board answers
BOOT_PORT = 54321         #: where a board that is not booted listens
MAX_REPLY = 1 << 16       #: characters of a spalloc server's answer that are read
_TRY_SECONDS = 0.5        #: between two questions

# SDP header (reply wanted, tag 255, port 0 of core 0 of the root chip) and SCP command VER, sequence 0, no arguments
_VERSION_REQUEST = struct.pack("<2x8B2H3I", 0x87, 0xff, 0, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0)

#: Its answer: two bytes of padding, SDP header, code, sequence number, place and size, version times 100 or 0xffff, time of build.
_VERSION = struct.Struct("<2x8BHH4BHHI")
_OK, _VERSION_BEHIND_NAME = 0x80, 0xffff
#: The one that SpiNNMan 7.4 works with, and boots boards with.
SCAMP_MAJOR = "4"


def board_answers(hostname: str, seconds: float = 2.0) -> bool:
    """Whether SC&MP answers at a host: the board is there and booted.

    :param seconds: how long to ask
    :return: False where nothing answers, which a board does that is not booted
    :raises MachineError: where the name is unknown, the network cannot reach it, or what is there is no board, or one that runs
        other software
    """
    address = find_address(hostname, SCP_PORT)
    deadline = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(address)
            while time.monotonic() < deadline:
                sock.send(_VERSION_REQUEST)
                readable, _, _ = select.select([sock], [], [], _TRY_SECONDS)
                if readable:
                    _check_version(hostname, sock.recv(512))
                    return True
        except ConnectionRefusedError as error:
            raise MachineError(
                f"No answer at {hostname}: the host is there, but nothing listens on UDP port {SCP_PORT}, so it is "
                f"not a SpiNNaker board. Check the name; or run without a board: machine=dlgraph.Emulated()."
            ) from error
        except OSError as error:
            raise MachineError(f"No answer at {hostname}: {error}. Check the name and the network; or run without a "
                               f"board: machine=dlgraph.Emulated().") from error
    return False


def _check_version(hostname: str, reply: bytes) -> None:
    """:raises MachineError: where it is not that of a SC&MP that the host software works with"""
    if len(reply) < _VERSION.size or (numbers := _VERSION.unpack_from(reply))[8] != _OK:
        raise MachineError(f"What answers at {hostname} on UDP port {SCP_PORT} is not a SpiNNaker board. Check the name; or run "
                           f"without a board: machine=dlgraph.Emulated().")
    name, *rest = (part.decode(errors="replace") for part in reply[_VERSION.size:].split(b"\0"))
    version = f"{numbers[15] / 100:.2f}" if numbers[15] != _VERSION_BEHIND_NAME else rest[0] if rest else "of unknown version"
    if not name.startswith("SC&MP"):
        raise MachineError(f"What answers at {hostname} is {name!r}, not the SC&MP of a SpiNNaker board. A board's management "
                           f"processor (BMP) has an address of its own: give that of the board.")
    if version.split(".")[0] != SCAMP_MAJOR:
        raise MachineError(f"The board {hostname} runs SC&MP {version!r}, the host software works with SC&MP {SCAMP_MAJOR}. Switch "
                           f"the board off and on: dlgraph boots it with that when it is next used.")


def boot_board(hostname: str, version: str) -> None:
    """Send the boot image that SpiNNMan brings.

    In a process of its own, since SpiNNMan keeps configuration and state per process.

    :param version: ``"3"`` or ``"5"``, told to the board
    :raises MachineError: where it cannot be sent
    """
    find_address(hostname, BOOT_PORT)
    packages = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run([sys.executable, "-m", "dlgraph.boot", hostname, version], capture_output=True, text=True,
                          check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(packages)})
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MachineError(f"No answer at {hostname}, and the boot image could not be sent to UDP port {BOOT_PORT}: "
                           f"{reason}. Check the name and the network; or run without a board: "
                           f"machine=dlgraph.Emulated().")


def server_answers(host: str, port: int, speaks_json: bool, seconds: float = 5.0) -> None:
    """Make sure that a spalloc server is there.

    :param speaks_json: an old-style server, which is asked its version
    :raises MachineError: where it does not answer
    """
    address = find_address(host, port)
    try:
        with socket.create_connection(address, timeout=seconds) as sock:
            if not speaks_json:
                return
            sock.sendall(b'{"command": "version", "args": [], "kwargs": {}}\n')
            with sock.makefile("r", encoding="utf-8") as lines:
                reply = json.loads(lines.readline(MAX_REPLY) or "null")
    except (OSError, ValueError, RecursionError) as error:
        raise MachineError(f"No answer at the spalloc server {host} port {port}: {error}. Check the name and the "
                           f"port; or run without a board: machine=dlgraph.Emulated().") from error
    if not isinstance(reply, dict) or not isinstance(reply.get("return"), str):
        raise MachineError(f"What answers at {host} port {port} is not a spalloc server: it gave {reply!r} as its "
                           f"version. Check the name and the port.")


def find_address(hostname: str, port: int) -> tuple[str, int]:
    """The IPv4 address of a host.

    :raises MachineError: where the name is unknown
    """
    try:
        return socket.gethostbyname(hostname), port
    except (OSError, ValueError, TypeError) as error:        # what cannot be a name at all is one of the last two
        raise MachineError(f"The host name {hostname!r} is unknown ({error}). Check it, or give an IP address."
                           ) from error
