"""An emulated SpiNN-5 board of which the Graph Front End takes only some chips.

The chips that are left out are up, but the Graph Front End is told to ignore them (``down_chips`` of its ``[Machine]`` section,
as for boards with broken chips): it discovers a machine without them, places nothing on them and routes nothing over them.

The Graph Front End refuses a machine of a single chip, which has no neighbour, and chips of fewer than five cores.  What stands for
one chip is two that together have the 15 cores that one chip has for vertices, 12 and 3; the others are left out (``down_cores``).
"""
from __future__ import annotations

from dataclasses import dataclass

from dlgraph.machines import BOARD_VERSIONS, Emulated
from dlgraph.targets import EmulatedTarget, MachineTarget
from spinnemu import boards

BOARD = "spinn5"
N_CHIPS = len(boards.chips(BOARD))
#: Cores that are left of the two that stand for one.
_OF_TWO = (15, 5)


def nearest_chips(n: int) -> list[tuple[int, int]]:
    """So many chips of the board, by hops from the one with the Ethernet; each is a neighbour of one before it."""
    found = [(0, 0)]
    for x, y in found:
        for link in range(boards.LINKS):
            other = boards.neighbour(BOARD, x, y, link)
            if other is not None and other not in found:
                found.append(other)
    return found[:n]


def left_out(n: int) -> dict[str, str]:
    """Options of the Graph Front End that leave it so many chips.

    :raises ValueError: for more than there are, or none
    """
    if not 1 <= n <= N_CHIPS:
        raise ValueError(f"A SpiNN-5 board has 1 to {N_CHIPS} chips, not {n}.")
    kept = nearest_chips(max(2, n))
    options = {}
    if len(kept) < N_CHIPS:
        options["down_chips"] = ":".join(f"{x},{y}" for x, y in sorted(boards.chips(BOARD) - set(kept)))
    if n == 1:
        two = zip(kept, _OF_TWO, strict=True)
        options["down_cores"] = ":".join(f"{x},{y},{n_left}-{boards.CORES - 1}" for (x, y), n_left in two)
    return options


@dataclass(frozen=True)
class PartOfBoard(Emulated):
    """Some chips of an emulated SpiNN-5 board.

    :param chips: how many
    """

    chips: int = N_CHIPS

    def target(self) -> MachineTarget:
        return _PartTarget(self.threads, self.chips)


class _PartTarget(EmulatedTarget):

    def __init__(self, threads: int, n_chips: int) -> None:
        super().__init__(BOARD, BOARD_VERSIONS[BOARD], None, threads)
        self._left_out = left_out(n_chips)
        self._n_chips = n_chips

    @property
    def options(self) -> dict[str, str]:
        return {**super().options, **self._left_out}

    @property
    def description(self) -> str:
        if self._n_chips == N_CHIPS:
            return super().description
        return f"{self._n_chips} chip{'s' * (self._n_chips != 1)} of an {super().description}"
