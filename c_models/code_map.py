# SPDX-License-Identifier: Apache-2.0
"""Which function and which source each piece of a program's code comes from.

Beside every binary lies a ``.code`` file: a line for each function, with the
addresses where it starts and ends, the source below ``c_models/`` and its name.
A profile of a run is read by it.
"""
from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Iterable, Mapping, Optional

from aplx import BuildError, ITCM_BYTES, section_headers

#: Of functions that come from the compiler's own library.
LIBRARY = "library"

_SYMBOL = struct.Struct("<IIIBBH")
_SHT_SYMTAB = 2
_FUNCTION, _FILE = 2, 4
_GLOBAL = 1


@dataclass(frozen=True)
class Function:
    """A symbol of a function; ``file`` is what the symbol table says, if anything."""
    name: str
    address: int
    size: int
    is_global: bool
    file: str


def _text(strings: bytes, offset: int) -> str:
    end = strings.find(b"\0", offset)
    if end < 0:
        raise BuildError("damaged ELF file: a name lies outside its table")
    return strings[offset:end].decode("ascii", "replace")


def functions_of(elf: bytes) -> list[Function]:
    """Functions that an ELF file defines, linked or not; in the order of its table."""
    headers = section_headers(elf)
    found: list[Function] = []
    for header in headers:
        if header.kind != _SHT_SYMTAB:
            continue
        if header.link >= len(headers) or header.offset + header.size > len(elf):
            raise BuildError("damaged ELF file: bad symbol table")
        strings = headers[header.link]
        names = elf[strings.offset:strings.offset + strings.size]
        file = ""
        table = elf[header.offset:header.offset + header.size // _SYMBOL.size * _SYMBOL.size]
        for name, value, size, info, _, section in _SYMBOL.iter_unpack(table):
            if info & 15 == _FILE:
                file = _text(names, name)
            elif info & 15 == _FUNCTION and section != 0:
                found.append(Function(_text(names, name), value & ~1, size, info >> 4 == _GLOBAL, file))
    return found


def _source_of(function: Function, defined_in: Mapping[str, list[str]]) -> str:
    sources = defined_in.get(function.name, [])
    if len(sources) > 1:
        same = [source for source in sources if PurePosixPath(source).name == function.file]
        sources = same or sources
    return sources[0] if sources else LIBRARY


def code_lines(elf: bytes, objects: Iterable[tuple[str, bytes]]) -> str:
    """The content of a ``.code`` file.

    :param elf: the linked program
    :param objects: source and content of the object of each, in the order in which they were linked
    """
    defined_in: dict[str, list[str]] = {}
    for source, content in objects:
        for name in {function.name for function in functions_of(content)}:
            defined_in.setdefault(name, []).append(source)
    at: dict[int, Function] = {}
    for function in functions_of(elf):
        if function.address < ITCM_BYTES:
            at.setdefault(function.address, function)             # two names of the same code
    lines = []
    after: Optional[int] = None
    for address in sorted(at, reverse=True):
        function = at[address]
        # what lies behind a function, its constants, belongs to it
        end = after if after is not None else address + (function.size + 3) // 4 * 4
        after = address
        if end > address:
            lines.append(f"{address:08x} {end:08x} {_source_of(function, defined_in)} {function.name}\n")
    return "".join(reversed(lines))
