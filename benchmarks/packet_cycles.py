"""Cycles that a packet costs the cores at both ends, with the streams' own code on an emulated board, every cycle counted.

    python benchmarks/packet_cycles.py

Needs the cross compiler (ziglang, or ``ARM_CC``).  ``SPINNEMU_ASSUMPTIONS=50`` or ``200`` halves or doubles the wait cycles.
"""
from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_ROOT), str(_ROOT / "tests")]

import arm_kernels  # noqa: E402

from spinnemu.direct import DirectMachine  # noqa: E402
from spinnemu.profile import CodeGroups  # noqa: E402

STREAMS = _ROOT / "c_models" / "streams"
SOURCES = (Path(__file__).with_suffix(".S"), *(STREAMS / name for name in (
    "packet_ring_fiq.S", "streams_drain.S", "stream_send_run.S")))
#: Behind the vectors, where a program is started.
_CODE, _DTCM = 0x400, 0x400000
_DRAIN, _PLACES, _SLOTS, _RING, _RING_ENTRIES, _WORDS = 0x100, 0x200, 0x300, 0x1000, 512, 0x4000
_LINKER_SCRIPT = f"""
stream_drain = {_DTCM + _DRAIN:#x};
RING = {_DTCM + _RING:#x};
RING_END = {_DTCM + _RING + 8 * _RING_ENTRIES:#x};
STACK = {_DTCM + 0xff00:#x};
SECTIONS {{ .text {_CODE:#x} : {{ *(.text .text.*) }} /DISCARD/ : {{ *(.ARM.exidx*) *(.ARM.attributes) }} }}
"""
_FUNCTIONS = ("receiver", "sender", "sleep", "stream_take_slowly", "packet_ring_fiq", "streams_drain", "stream_send_run")
_RECEIVER, _SENDER, _STREAM, _NONE = (0, 0, 2), (0, 0, 1), 5, 0xffffffff
_FIQ_VECTOR = (0x1c, 0x20)


@dataclass(frozen=True)
class Cost:
    """Of some packets.

    :param cycles: that do not depend on their number
    :param per_packet: those that each adds
    """

    cycles: float
    per_packet: float


class PacketCounter:
    """Lets one core send, and another receive, on a chip.

    :param folder: for what is compiled
    """

    def __init__(self, folder: Path) -> None:
        script, elf = folder / "packets.ld", folder / "packets.elf"
        script.write_text(_LINKER_SCRIPT)
        subprocess.run([*arm_kernels.compiler(), "-nostdlib", f"-I{STREAMS}", "-Wl,-e,receiver", "-T", str(script),
                        *map(str, SOURCES), "-o", str(elf)], check=True)
        found = arm_kernels.Elf(elf)
        (address, self._code), = found.loaded
        assert address == _CODE
        starts = sorted((found.symbols[name], name) for name in _FUNCTIONS)
        ends = [start for start, _ in starts[1:]] + [_CODE + len(self._code)]
        #: Group of each function in a profile.
        self._group = {name: group for group, name in enumerate(_FUNCTIONS, start=1)}
        self._ranges = [(start, end, self._group[name]) for (start, name), end in zip(starts, ends, strict=True)]
        self._ranges.append((*_FIQ_VECTOR, self._group["packet_ring_fiq"]))

    def count(self, n: int) -> dict[str, int]:
        """Cycles by function at the core where it runs, when so many packets with payload go from one core to the other."""
        words = [0x10001 * (i + 1) for i in range(n)]
        with DirectMachine("spinn3") as board:
            board.route(0, 0, 0, _STREAM << 16, 0xffff0000, cores=(_RECEIVER[2],))
            self._write(board, _RECEIVER, 0, [_DTCM + _RING + 8 * (n - 1), 0, 0, 0])
            self._write(board, _RECEIVER, _DRAIN, [_DTCM + _RING, _DTCM + _RING + 8 * _RING_ENTRIES, 1, 31, _DTCM + _PLACES,
                                                   _DTCM + _SLOTS, 0, 0])
            self._write(board, _RECEIVER, _PLACES, [_STREAM])
            self._write(board, _RECEIVER, _SLOTS, [_DTCM + _WORDS, 0, 0, n])
            self._write(board, _RECEIVER, _RING, [_NONE, 0] * _RING_ENTRIES + [_DTCM + _RING])
            self._write(board, _SENDER, 0, [_STREAM << 16, n, _DTCM + _WORDS, 1])
            self._write(board, _SENDER, _WORDS, words)
            board.start(*_RECEIVER, self._code)
            board.run(1e-6)
            board.start(*_SENDER, self._code)
            board.start_profile([CodeGroups(self._ranges, [_RECEIVER, _SENDER])])
            board.run(1e-6 * (2 + n))
            taken = [board.read_word(*_RECEIVER, _WORDS + 4 * i) for i in range(n)]
            assert taken == words and board.read_word(*_RECEIVER, _DRAIN + 24) == n, "packets did not come to their places"
            counted = {core: board.profile(*core).groups for core in (_RECEIVER, _SENDER)}
        return {name: counted[core][self._group[name]] for core, names in (
            (_RECEIVER, ("packet_ring_fiq", "streams_drain")), (_SENDER, ("stream_send_run",))) for name in names}

    @staticmethod
    def _write(board: DirectMachine, core: tuple[int, int, int], offset: int, words: list[int]) -> None:
        for i, word in enumerate(words):
            board.write_word(*core, offset + 4 * i, word)

    def costs(self, few: int = 20, many: int = 100) -> dict[str, Cost]:
        """By function, from runs with few packets and with many: not so many that the sender has to wait for the receiver."""
        one, other = self.count(few), self.count(many)
        found = {}
        for name, cycles in one.items():
            each = (other[name] - cycles) / (many - few)
            found[name] = Cost(cycles - few * each, each)
        return found


def main() -> None:
    """Print every figure."""
    with tempfile.TemporaryDirectory() as folder:
        for name, cost in PacketCounter(Path(folder)).costs().items():
            print(f"{name:16} {cost.per_packet:6.2f} cycles per packet, and {cost.cycles:.0f}")


if __name__ == "__main__":
    main()
