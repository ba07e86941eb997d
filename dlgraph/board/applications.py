"""What runs on the cores of a board besides SC&MP: seen, and stopped."""
from __future__ import annotations

import time

from dlgraph.board.scamp import INFO, NNP, Chip, CommandRefused, Scamp
from dlgraph.errors import MachineError

#: The first word of the system variables: the chip's y and x, the machine's height and width in chips, a byte each.
_SIZE = 0xf5007f00
_P2P_TABLE = 0xe1010000              #: three bits a chip, eight chips a word, 128 bytes a column; 6: there is no way there
_P2P_COLUMN, _NO_WAY = 128, 6
_WHAT = 0x5f                         #: what INFO is to tell: all
_STATES = 12                         #: offset of the cores' states in its answer, a byte each
_DEAD, _IDLE = 0, 15                 #: states of a core without a program
_VCPU, _VCPU_BYTES, _NAME = 0xe5007000, 128, slice(72, 88)      #: a block per core, with the name of its program
#: SIG STOP by flood fill, as SpiNNMan sends it, to the applications whose id has these bits under this mask.  Ids below 16
#: are the system's.
_FLOOD, _STOP, _TO_ALL = 0x3f << 16, 5 << 28 | 2 << 16, 1 << 31 | 0x3f << 8
_APPLICATIONS = ((0x10, 0xf0), (0x20, 0xe0), (0x40, 0xc0), (0x80, 0x80))
_STOP_SECONDS = 5.0                  #: some ms, on a machine whose SC&MP is well


def chips(scamp: Scamp) -> list[Chip]:
    """Those that the root chip knows a way to."""
    size = scamp.word(_SIZE)
    height, width = size >> 16 & 0xff, size >> 24
    found = []
    for x in range(width):
        column = scamp.read(_P2P_TABLE + x * _P2P_COLUMN, -(-height // 8) * 4)
        ways = int.from_bytes(column, "little")
        found += [(x, y) for y in range(height) if ways >> (32 * (y // 8) + 3 * (y % 8)) & 7 != _NO_WAY]
    return found


def busy_cores(scamp: Scamp) -> list[tuple[Chip, int]]:
    """Cores, as chip and virtual core, that have a program; a chip that does not answer has none."""
    found = []
    for chip in chips(scamp):
        try:
            answer = scamp.ask(INFO, _WHAT, chip=chip)
        except CommandRefused:
            continue
        n_cores = answer[0] & 0x1f
        states = answer[_STATES:_STATES + n_cores]
        found += [(chip, core) for core, state in enumerate(states) if core and state not in (_DEAD, _IDLE)]
    return found


def programs(scamp: Scamp, cores: list[tuple[Chip, int]], most: int = 20) -> list[str]:
    """The names of what runs on the first of them, up to 15 characters each."""
    names = set()
    for chip, core in cores[:most]:
        name = scamp.read(_VCPU + core * _VCPU_BYTES, _VCPU_BYTES, chip)[_NAME].split(b"\0")[0].decode(errors="replace")
        names.add("".join(character if character.isprintable() else "?" for character in name) or "?")
    return sorted(names)


def stop_all(scamp: Scamp) -> None:
    """Stop the applications of everybody; with them go their SDRAM and their routes.

    :raises MachineError: where some do not stop
    """
    deadline = time.monotonic() + _STOP_SECONDS
    while True:
        for application, mask in _APPLICATIONS:
            scamp.ask(NNP, _FLOOD, _STOP | mask << 8 | application, _TO_ALL)
        busy = busy_cores(scamp)
        if not busy:
            return
        if time.monotonic() > deadline:
            raise MachineError(f"{len(busy)} cores of the board {scamp.hostname} do not stop (" + ", ".join(
                f"chip {chip} core {core}" for chip, core in busy[:5]) + f"{', ...' if len(busy) > 5 else ''}). Switch the board "
                f"off and on: dlgraph boots it when it is next used.")
        time.sleep(0.05)
