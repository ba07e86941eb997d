"""How the chips of a machine are linked: the ways of packets from chip to chip, and how fast links carry them.

Links lead along both axes and along x = y.  In machines of several boards opposite edges may meet, and the links between boards go
through FPGAs, which are slower.
"""
from __future__ import annotations

from typing import Mapping

Chip = tuple[int, int]
Link = tuple[Chip, Chip]

#: How much longer a packet takes on a link to another board: 2.8 million packets/s, against 6.7-7.3 million on a board
#: (network_tester, examples/link_throughput.R).
BOARD_LINK_SLOWNESS = 2.5


class Topology:
    """The links of a machine, all of them taken to be there.

    :param columns: of chips, where the last has links to the first; 0 where it has none
    :param rows: likewise
    :param board_of: chip -> what names its board; chips that are not in it are all on one
    """

    def __init__(self, columns: int = 0, rows: int = 0, board_of: Mapping[Chip, Chip] | None = None) -> None:
        self._columns = columns
        self._rows = rows
        self._board_of = dict(board_of or {})

    def vector(self, start: Chip, end: Chip) -> Chip:
        """Steps along x and y, of the shortest ways; where edges meet there may be four."""
        return min(((dx, dy) for dx in _around(end[0] - start[0], self._columns) for dy in _around(end[1] - start[1], self._rows)),
                   key=lambda vector: _length(*vector))

    def hops(self, start: Chip, end: Chip) -> int:
        """Links from chip to chip."""
        return _length(*self.vector(start, end))

    def way(self, start: Chip, end: Chip) -> list[Link]:
        """Links from chip to chip: of the shortest ways the one whose diagonal links come first."""
        dx, dy = self.vector(start, end)
        found = []
        at = start
        while dx or dy:
            step = (_sign(dx), _sign(dy)) if dx * dy > 0 else (_sign(dx), 0) if dx else (0, _sign(dy))
            dx, dy = dx - step[0], dy - step[1]
            there = self._on_machine(at[0] + step[0], at[1] + step[1])
            found.append((at, there))
            at = there
        return found

    def slowness(self, link: Link) -> float:
        """How much longer a link takes for a packet than one on a board."""
        start, end = (self._board_of.get(chip) for chip in link)
        return 1.0 if start == end else BOARD_LINK_SLOWNESS

    def distance(self, start: Chip, end: Chip) -> float:
        """Links from chip to chip, slow ones as so many more."""
        if not self._board_of:
            return float(self.hops(start, end))
        return sum(map(self.slowness, self.way(start, end)))

    def _on_machine(self, x: int, y: int) -> Chip:
        return x % self._columns if self._columns else x, y % self._rows if self._rows else y


#: Of a single board.  The four chips of a SpiNN-3, whose edges meet, are neighbours either way.
ONE_BOARD = Topology()


def _around(steps: int, size: int) -> tuple[int, ...]:
    """Both ways, where there are two."""
    if not size:
        return (steps,)
    steps %= size
    return (steps, steps - size) if steps else (0,)


def _length(dx: int, dy: int) -> int:
    return max(abs(dx), abs(dy)) if dx * dy > 0 else abs(dx) + abs(dy)


def _sign(n: int) -> int:
    return (n > 0) - (n < 0)
