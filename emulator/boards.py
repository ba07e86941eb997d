"""Kinds of board: which chips they have and where their links lead.

As ``src/board.c`` wires them; what is asked of a machine is checked against it before the machine is there.
"""

from __future__ import annotations

#: steps in x and y of links 0 to 5: east, north-east, north, west, south-west, south
STEPS = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))
LINKS = len(STEPS)
CORES = 18


def chips(board: str) -> frozenset[tuple[int, int]]:
    """Coordinates (x, y) of the chips of ``"spinn3"`` or ``"spinn5"``."""
    if board == "spinn3":
        return frozenset((x, y) for x in range(2) for y in range(2))
    return frozenset((x, y) for x in range(8) for y in range(8) if -3 <= x - y <= 4)


def neighbour(board: str, x: int, y: int, link: int) -> tuple[int, int] | None:
    """The chip at the other end of a link; None where the link leads off the board."""
    step_x, step_y = STEPS[link]
    other = (x + step_x, y + step_y)
    if board == "spinn3":                    # a closed 2 x 2 torus
        other = (other[0] % 2, other[1] % 2)
    return other if other in chips(board) else None
