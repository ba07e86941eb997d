"""Images of ITCM, and which of their words are instructions."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .errors import EmulatorError
from .translate_page import LOOKAHEAD, PAGE_BYTES, VECTOR_BYTES, Decoder, Description

ITCM_BYTES = 0x8000
_COPY, _FILL, _EXECUTE = 2, 3, 4
_ALWAYS = 14
_CALLS = ("BL_FAR", "BLX_FAR", "BLX_REG", "BL_SUFFIX", "BLX_SUFFIX", "SWI")
_LONGEST_LOOP = 640                          #: bytes
_LEAST = 8                                   #: instructions for which a page is worth a function


@dataclass(frozen=True)
class Image:
    """What is in a core's memories when a program starts."""

    #: from address 0
    itcm: bytes
    #: other initial data, in which addresses of code may stand
    data: bytes

    def page(self, number: int) -> bytes:
        """A page with its lookahead; zeros where there is nothing."""
        content = self.itcm[number * PAGE_BYTES:(number + 1) * PAGE_BYTES + LOOKAHEAD]
        return content + bytes(PAGE_BYTES + LOOKAHEAD - len(content))


def read_aplx(aplx: bytes) -> Image:
    """The image that SC&MP's loader makes of an ``.aplx`` file.

    :raises EmulatorError: if it is none
    """
    itcm, data = bytearray(), bytearray()
    position = copied = 0
    kind = _FILL
    while kind != _EXECUTE:
        if len(aplx) < position + 16:
            raise EmulatorError("this is not an .aplx file: it ends inside the table of what is loaded")
        kind, address, offset, length = struct.unpack_from("<4I", aplx, position)
        if kind not in (_COPY, _FILL, _EXECUTE):
            raise EmulatorError(f"this is not an .aplx file: there is no entry of kind {kind} in the table of what is loaded")
        if kind == _COPY:
            content = aplx[position + offset:position + offset + length]
            if len(content) != length:
                raise EmulatorError("the .aplx file ends before its contents do")
            copied += length
            if copied > len(aplx):
                raise EmulatorError("the .aplx file loads more than it has")
            if address < ITCM_BYTES:
                itcm.extend(bytes(max(0, address + length - len(itcm))))
                itcm[address:address + length] = content
            else:
                data.extend(content)
        position += 16
    if not itcm or len(itcm) > ITCM_BYTES:
        raise EmulatorError("this .aplx file puts nothing, or too much, into ITCM")
    return Image(bytes(itcm), bytes(data))


@dataclass
class Code:
    """Instructions of a page that a program may execute."""

    wanted: set[int]
    targets: set[int]
    loops: set[int]


class Explorer:
    """Follows a program from its vectors, and from every word that could be an address of code.

    What it misses is interpreted; what it takes for code without need costs compile time.  Neither changes a result.
    """

    def __init__(self, decoder: Decoder, image: Image) -> None:
        self._decoder, self._image = decoder, image
        self._decoded: dict[tuple[int, bool], list[Description]] = {}
        self._seen: set[tuple[int, bool]] = set()
        self._targets: set[tuple[int, bool]] = set()
        self._todo: list[tuple[int, bool]] = []
        self._constants: set[int] = set()

    def explore(self) -> dict[tuple[int, bool], Code]:
        """By page and state (True: Thumb)."""
        for address in range(0, VECTOR_BYTES, 4):
            self._jump(address, False)
        for content in (self._image.itcm, self._image.data):
            for (word,) in struct.iter_unpack("<I", content[:len(content) & ~3]):
                if word % 4 == 0 or word % 2 == 1:
                    if VECTOR_BYTES <= word < len(self._image.itcm):
                        self._jump(word & ~1, bool(word & 1))
        self._follow_all()
        self._follow_leftovers()
        loops = self._loops()
        pages: dict[tuple[int, bool], Code] = {}
        for address, thumb in self._seen:
            if address >= VECTOR_BYTES:
                number, place = divmod(address, PAGE_BYTES)
                code = pages.setdefault((number, thumb), Code(set(), set(), set()))
                code.wanted.add(place // (2 if thumb else 4))
                if (address, thumb) in self._targets:
                    code.targets.add(place // (2 if thumb else 4))
                if (address, thumb) in loops:
                    code.loops.add(place // (2 if thumb else 4))
        return {key: code for key, code in pages.items() if len(code.wanted) >= _LEAST}

    def _loops(self) -> set[tuple[int, bool]]:
        """What lies between a short branch back and where it goes."""
        found: set[tuple[int, bool]] = set()
        for address, thumb in self._seen:
            d = self._instruction(address, thumb)
            if not thumb and self._decoder.name(d.op) == "B_FAR" and d.imm <= address <= d.imm + _LONGEST_LOOP:
                found.update((place, thumb) for place in range(d.imm, address + 4, 4))
        return found

    def _follow_all(self) -> None:
        while self._todo:
            self._follow(*self._todo.pop())

    def _follow_leftovers(self) -> None:
        """Computed branches lead to code that nothing names: what is neither Thumb code nor a constant that some
        instruction loads is taken for ARM code."""
        for address in range(VECTOR_BYTES, len(self._image.itcm) & ~3, 4):
            thumb = (address, True) in self._seen or (address + 2, True) in self._seen
            if not thumb and (address, False) not in self._seen and address not in self._constants:
                self._jump(address, False)
                self._follow_all()

    def _jump(self, address: int, thumb: bool) -> None:
        if 0 <= address < len(self._image.itcm):
            self._targets.add((address, thumb))
            self._todo.append((address, thumb))

    def _instruction(self, address: int, thumb: bool) -> Description:
        number, place = divmod(address, PAGE_BYTES)
        page = self._decoded.get((number, thumb))
        if page is None:
            page = self._decoder.page(self._image.page(number), number, thumb)
            self._decoded[number, thumb] = page
        return page[place // (2 if thumb else 4)]

    def _follow(self, address: int, thumb: bool) -> None:
        """Straight on, until something leaves for good."""
        size = 2 if thumb else 4
        while 0 <= address < len(self._image.itcm) and (address, thumb) not in self._seen:
            d = self._instruction(address, thumb)
            name = self._decoder.name(d.op)
            if name == "UNDEFINED" and d.cond == _ALWAYS:
                return
            self._seen.add((address, thumb))
            if name in ("B_FAR", "BL_FAR"):
                self._jump(d.imm, thumb)
            elif name == "LDR_LITERAL":
                self._constants.add(d.imm & ~3)
            elif name == "BLX_FAR":
                self._jump(d.imm & ~3, True)
            elif name in ("BL_SUFFIX", "BLX_SUFFIX") and address >= size:
                to = self._instruction(address - size, thumb).imm + d.imm & 0xffffffff
                self._jump(to & (~3 if name[2] == "X" else ~1), name[2] != "X")
            elif name == "LDR_PC_LITERAL" and d.imm + 4 <= len(self._image.itcm):
                (word,) = struct.unpack_from("<I", self._image.itcm, d.imm & ~3)
                self._jump(word & ~1, bool(word & 1))
            goes_on = d.cond != _ALWAYS or not (d.leaves or d.writes_pc) or name in _CALLS
            if name in _CALLS:
                self._targets.add((address + size, thumb))
            if not goes_on:
                return
            address += size
