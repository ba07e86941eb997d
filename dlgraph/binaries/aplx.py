"""What SC&MP loads: ``.aplx`` files, looked at before one goes to a machine.

An ``.aplx`` file is a table of entries of four little-endian words, which SC&MP's loader obeys in order: copy bytes of the file to
memory (2, address, offset from the entry, length), fill memory with a word (3, address, length, word), start (4, address, 0, 0).
"""
from __future__ import annotations

import struct

_ENTRY = struct.Struct("<4I")
_COPY, _FILL, _START = 2, 3, 4
#: Start and end of the memories that a program is put into: ITCM, DTCM, SDRAM.
_MEMORIES = ((0, 0x8000), (0x400000, 0x410000), (0x60000000, 0x80000000))


def complaint(content: bytes) -> str | None:
    """What is wrong with a file's content, in words; None where SC&MP can load it."""
    position = 0
    loaded = False
    while True:
        if len(content) < position + _ENTRY.size:
            return (f"it has {len(content)} bytes, and the table of what is loaded goes on behind them: it is cut off, or no "
                    f".aplx file" if content else "it is empty")
        kind, address, first, second = _ENTRY.unpack_from(content, position)
        if kind == _START:
            return None if loaded else "it starts a program and loads none"
        if kind not in (_COPY, _FILL):
            return f"entry {position // _ENTRY.size} of the table of what is loaded is of kind {kind}, which is not 2, 3 or 4"
        length = second if kind == _COPY else first
        if not any(start <= address and address + length <= end for start, end in _MEMORIES):
            return f"it puts {length} bytes at 0x{address:08x}, which is neither in ITCM nor in DTCM nor in SDRAM"
        if kind == _COPY:
            end = position + first + length
            if end > len(content):
                return f"it is cut off: it has {len(content)} bytes of at least {end}"
            loaded = True
        position += _ENTRY.size
