"""The serial ROM of a board: the list of its dead chips, cores and links; and those of several boards."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from . import boards as layout

#: where SC&MP reads the list
LIST_ADDRESS = 0x100
ROM_BYTES = 1024
MAX_ENTRIES = 63
ALL_CORES = (1 << 18) - 1


def serial_rom(
        dead_chips: Iterable[tuple[int, int]] = (),
        dead_cores: Iterable[tuple[int, int, int]] = (),
        dead_links: Iterable[tuple[int, int, int]] = ()) -> bytes:
    """Contents of the serial ROM.

    :param dead_chips: (x, y) on the board
    :param dead_cores: (x, y, physical core)
    :param dead_links: (x, y, link); SC&MP takes the other end out as well
    """
    cores: dict[tuple[int, int], int] = {}
    links: dict[tuple[int, int], int] = {}
    for x, y in dead_chips:
        cores[_chip(x, y)] = ALL_CORES
    for x, y, core in dead_cores:
        if not 0 <= core < 18:
            raise ValueError(f"a chip has cores 0 to 17, not {core}")
        cores[_chip(x, y)] = cores.get((x, y), 0) | 1 << core
    for x, y, link in dead_links:
        if not 0 <= link < 6:
            raise ValueError(f"a chip has links 0 to 5, not {link}")
        links[_chip(x, y)] = links.get((x, y), 0) | 1 << link
    chips = sorted(cores.keys() | links.keys())
    if len(chips) > MAX_ENTRIES:
        raise ValueError(f"the list holds {MAX_ENTRIES} chips, not {len(chips)}")
    words = [len(chips)] + [
        x << 27 | y << 24 | links.get((x, y), 0) << 18 | cores.get((x, y), 0) for x, y in chips]
    rom = bytearray(b"\xff" * ROM_BYTES)
    struct.pack_into(f"<{len(words)}I", rom, LIST_ADDRESS, *words)
    return bytes(rom)


def serial_roms(
        boards: int,
        dead_chips: Iterable[tuple[int, int]] = (),
        dead_cores: Iterable[tuple[int, int, int]] = (),
        dead_links: Iterable[tuple[int, int, int]] = ()) -> bytes:
    """Contents of the serial ROMs of a machine's boards, one behind the other.

    :param boards: how many SpiNN-5 boards, if it is not one
    :param dead_chips: (x, y) of the machine
    :param dead_cores: (x, y, physical core), likewise
    :param dead_links: (x, y, link), likewise
    """
    if boards == 1:
        return serial_rom(dead_chips, dead_cores, dead_links)
    lists: list[tuple[list, list, list]] = [([], [], []) for _ in range(boards)]
    for which, places in enumerate((dead_chips, dead_cores, dead_links)):
        for x, y, *part in places:
            number, own_x, own_y = layout.on_its_board(*_chip(x, y, layout.TRIAD_SIZE), boards)
            lists[number][which].append((own_x, own_y, *part))
    return b"".join(serial_rom(*parts) for parts in lists)


def _chip(x: int, y: int, size: int = 8) -> tuple[int, int]:
    if not (0 <= x < size and 0 <= y < size):
        raise ValueError(f"no chip ({x}, {y}) on a board")
    return x, y
