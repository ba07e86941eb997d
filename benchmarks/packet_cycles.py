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
    "streams_receive.S", "streams_drain.S", "words_fold.S", "stream_send_run.S")))
#: Behind the vectors, where a program is started.
_CODE, _DTCM = 0x400, 0x400000
_DRAIN, _RECEIVER_T, _STREAMS, _INLET, _COMPLETE, _SLOTS, _MARKERS = 0x100, 0x200, 0x140, 0x180, 0x1c0, 0xc00, 0xd00
_RING, _RING_ENTRIES, _WORDS = 0x1000, 64, 0x4000
#: Of the table of places; an odd multiplier, and where the stream is with it (c_models/streams/stream_slots.h).
_PLACE_BITS, _MULTIPLIER, _CLOSED_SLOTS = 9, 0x9e3779b1, 16
#: Of the checksum of a sample, whatever it is.
_START = 0x12345678
_LINKER_SCRIPT = f"""
stream_drain = {_DTCM + _DRAIN:#x};
streams = {_DTCM + _DRAIN + 0x3c:#x};
PLACES = {_DTCM + _RECEIVER_T + 12:#x};
STACK = {_DTCM + 0xff00:#x};
SECTIONS {{ .text {_CODE:#x} : {{ *(.text .text.*) }} /DISCARD/ : {{ *(.ARM.exidx*) *(.ARM.attributes) }} }}
"""
_FUNCTIONS = ("receiver", "sender", "sleep", "stream_take_slowly", "streams_receive", "streams_drain", "words_fold",
              "stream_send_run")
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
        self._ranges.append((*_FIQ_VECTOR, self._group["streams_receive"]))

    def count(self, n: int) -> dict[str, int]:
        """Cycles by function at the core where it runs, when so many packets with payload go from one core to another.

        Those of the sender are counted when nobody receives, so that it never waits.
        """
        return self._count_receiver(n) | self._count_sender(n)

    def _count_sender(self, n: int) -> dict[str, int]:
        with DirectMachine("spinn3") as board:
            self._sender(board, n)
            board.start(*_SENDER, self._code)
            board.start_profile([CodeGroups(self._ranges, [_SENDER])])
            board.run(1e-6 * (2 + n))
            groups = board.profile(*_SENDER).groups
        return {"stream_send_run": groups[self._group["stream_send_run"]]}

    def _sender(self, board: DirectMachine, n: int) -> list[int]:
        words = [0x10001 * (i + 1) for i in range(n)]
        for offset, content in ((0, [_STREAM << 16, n, _DTCM + _WORDS, 1]), (0x80, [_START, 0]), (_WORDS, words)):
            self._write(board, _SENDER, offset, content)
        return words

    def _count_receiver(self, n: int) -> dict[str, int]:
        with DirectMachine("spinn3") as board:
            board.route(0, 0, 0, _STREAM << 16, 0xffff0000, cores=(_RECEIVER[2],))
            self._receiver(board, n)
            words = self._sender(board, n)
            board.start(*_RECEIVER, self._code)
            board.run(1e-6)
            board.start(*_SENDER, self._code)
            board.start_profile([CodeGroups(self._ranges, [_RECEIVER])])
            board.run(1e-6 * (2 + n))
            taken = [board.read_word(*_RECEIVER, _WORDS + 4 * i) for i in range(n)]
            assert taken == words, "packets did not come to their places"
            assert board.read_word(*_RECEIVER, _COMPLETE) == 1, "the sample is not whole"
            groups = board.profile(*_RECEIVER).groups
        return {name: groups[self._group[name]] for name in ("streams_receive", "streams_drain", "words_fold")}

    def _receiver(self, board: DirectMachine, n: int) -> None:
        """What c_models/streams keeps of one stream of so many words, with one slot."""
        words = {
            0: [_DTCM + _RING, 0, 0, 0],
            _DRAIN: [_DTCM + _RING, 0, _DTCM + _RING + 8 * _RING_ENTRIES, _DTCM + _RECEIVER_T + 12, _MULTIPLIER, _DTCM + _SLOTS,
                     _DTCM + _MARKERS, 0, 0],
            _DRAIN + 0x3c: [_DTCM + _STREAMS],
            _STREAMS: [_DTCM + _INLET, 0, n, n, 0, 0, 0, _STREAM, 0, 0, 0, 0],
            _INLET: [_DTCM + _WORDS, n, 0, 0, 1, _DTCM + _COMPLETE],
            _COMPLETE: [0],
            _RECEIVER_T: [_DTCM + _RING + 8 * _RING_ENTRIES, _DTCM + _RING, _MULTIPLIER],
            _SLOTS: [_DTCM + _WORDS, (_STREAM << 16) + n - 1] + [0, _NONE] * _CLOSED_SLOTS,
            _MARKERS: [_START, 0],
            _RING: [0, _NONE] * _RING_ENTRIES + [_DTCM + _RING],
            _WORDS: [0] * n,
        }
        places = [_DTCM + _SLOTS + 8] * (1 << _PLACE_BITS)
        places[(_STREAM * _MULTIPLIER & 0xffffffff) >> 32 - _PLACE_BITS] = _DTCM + _SLOTS
        for offset, content in (*words.items(), (_RECEIVER_T + 12, places)):
            self._write(board, _RECEIVER, offset, content)

    @staticmethod
    def _write(board: DirectMachine, core: tuple[int, int, int], offset: int, words: list[int]) -> None:
        for i, word in enumerate(words):
            board.write_word(*core, offset + 4 * i, word)

    def costs(self, few: int = 4, many: int = 12) -> dict[str, Cost]:
        """By function, from runs with few packets and with more: a sender is faster than a receiver, and must not have to wait."""
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
