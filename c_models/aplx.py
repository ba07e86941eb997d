# SPDX-License-Identifier: Apache-2.0
"""From a linked ELF file to the APLX file that SC&MP loads.

An APLX file is a table of entries of four words, then the images. SC&MP's
loader obeys the entries in order: copy an image (address relative to the entry)
to ITCM or DTCM, fill memory, jump. It works in units of 32 bytes.
"""
from __future__ import annotations

import struct
from dataclasses import dataclass

#: The loader itself lies in the last 64 bytes of ITCM while it works.
ITCM_BYTES = 0x8000 - 64
DTCM_BASE = 0x400000
DTCM_BYTES = 0x10000

_RCOPY, _FILL, _EXEC = 2, 3, 4
_ENTRY_BYTES = 16
_TABLE_ENTRIES = 4
_UNIT = 32

_ELF_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_SECTION = struct.Struct("<10I")
_EM_ARM, _ET_EXEC = 40, 2
_SHF_ALLOC = 2
_SHT_NOBITS = 8


class BuildError(Exception):
    """Something in the build is wrong; the text is for the user."""


@dataclass
class Image:
    """What a program puts into a core's memories."""
    name: str
    itcm: bytes
    data: bytes
    bss_bytes: int

    @property
    def dtcm_bytes(self) -> int:
        """Bytes of DTCM that are fixed when the program is linked."""
        return len(self.data) + self.bss_bytes

    def check(self, stack: int, heap: int) -> None:
        """Raise a BuildError if the program does not fit a core."""
        over = len(self.itcm) - ITCM_BYTES
        if over > 0:
            raise BuildError(
                f"{self.name}: code and constants exceed ITCM by {over} bytes "
                f"({len(self.itcm)} of {ITCM_BYTES}); compile cold sources as "
                "Thumb, or move constants to DTCM")
        over = self.dtcm_bytes + stack + heap - DTCM_BYTES
        if over > 0:
            raise BuildError(
                f"{self.name}: data exceeds DTCM by {over} bytes (data "
                f"{len(self.data)} + bss {self.bss_bytes} + stack {stack} + heap "
                f"{heap}, of {DTCM_BYTES})")


def _unpack(layout: struct.Struct, data: bytes, offset: int, what: str) -> tuple:
    if offset < 0 or offset + layout.size > len(data):
        raise BuildError(f"damaged ELF file: {what} lies outside the file")
    return layout.unpack_from(data, offset)


@dataclass(frozen=True)
class Section:
    """What an ELF file says of a section; ``link`` is the number of another one."""
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int


def section_headers(elf: bytes) -> list[Section]:
    """Of an object or a linked program, in their order.

    :raises BuildError: if the file is damaged or not for ARM
    """
    if elf[:4] != b"\x7fELF":
        raise BuildError("not an ELF file")
    if elf[4:6] != b"\x01\x01":
        raise BuildError("not a 32-bit little-endian ELF file")
    header = _unpack(_ELF_HEADER, elf, 0, "its header")
    section_offset, section_size, section_count = header[6], header[11], header[12]
    if header[2] != _EM_ARM:
        raise BuildError("not an ELF file for ARM")
    if section_size < _SECTION.size:
        raise BuildError("damaged ELF file: bad section headers")
    result = []
    for i in range(section_count):
        fields = _unpack(
            _SECTION, elf, section_offset + i * section_size, f"section header {i}")
        result.append(Section(*fields[1:7]))
    return result


def _sections(elf: bytes) -> list[tuple]:
    """(type, flags, address, offset, size) of each section of a program."""
    headers = section_headers(elf)
    header = _unpack(_ELF_HEADER, elf, 0, "its header")
    kind, entry = header[1], header[4]
    if kind != _ET_EXEC:
        raise BuildError("not a linked (executable) ELF file")
    if entry != 0:
        raise BuildError(f"the program starts at 0x{entry:x}, not at its vectors at 0")
    return [(each.kind, each.flags, each.address, each.offset, each.size) for each in headers]


def _place(image: bytearray, offset: int, content: bytes) -> None:
    if len(image) < offset + len(content):
        image.extend(bytes(offset + len(content) - len(image)))
    image[offset:offset + len(content)] = content


def read_elf(elf: bytes, name: str) -> Image:
    """Collect what is to be loaded.

    :raises BuildError: if the file is damaged or wants other memory than ITCM
        and DTCM
    """
    itcm, data = bytearray(), bytearray()
    end = DTCM_BASE
    for kind, flags, address, offset, size in _sections(elf):
        if not flags & _SHF_ALLOC or size == 0:
            continue
        content = b""
        if kind != _SHT_NOBITS:
            if offset + size > len(elf):
                raise BuildError(f"{name}: damaged ELF file: a section lies outside the file")
            content = elf[offset:offset + size]
        # regions are larger than the memories, so that check() can tell by how much
        if address + size <= DTCM_BASE and kind != _SHT_NOBITS:
            _place(itcm, address, content)
        elif DTCM_BASE <= address < 2 * DTCM_BASE:
            if content:
                _place(data, address - DTCM_BASE, content)
            end = max(end, address + size)
        else:
            raise BuildError(
                f"{name}: {size} bytes at 0x{address:08x} are neither in ITCM "
                "nor in DTCM")
    if not itcm:
        raise BuildError(f"{name}: no code in ITCM")
    return Image(name, bytes(itcm), bytes(data), end - DTCM_BASE - len(data))


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % _UNIT)


def aplx_bytes(image: Image) -> bytes:
    """The APLX file: table, ITCM image, DTCM image."""
    itcm, data = _padded(image.itcm), _padded(image.data)
    table_bytes = _TABLE_ENTRIES * _ENTRY_BYTES
    entries = [(_RCOPY, 0, table_bytes, len(itcm))]
    if data:
        entries.append((
            _RCOPY, DTCM_BASE,
            table_bytes + len(itcm) - len(entries) * _ENTRY_BYTES, len(data)))
    if image.bss_bytes:
        entries.append((_FILL, DTCM_BASE + len(image.data), image.bss_bytes, 0))
    entries.append((_EXEC, 0, 0, 0))
    entries += [(0, 0, 0, 0)] * (_TABLE_ENTRIES - len(entries))
    return b"".join(struct.pack("<4I", *entry) for entry in entries) + itcm + data
