"""Kinds of board, and how several make a machine: which chips there are and where their links lead.

As ``src/board.c`` wires them; what is asked of a machine is checked against it before the machine is there.
"""

from __future__ import annotations

#: steps in x and y of links 0 to 5: east, north-east, north, west, south-west, south
STEPS = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))
LINKS = len(STEPS)
CORES = 18
#: boards of a triad, the smallest machine of several: where each one's own (0, 0), which has its Ethernet, is among the 12 x 12
#: chips (SpiNNMachine, ``spinnaker_triad_geometry.py``)
TRIAD = ((0, 0), (4, 8), (8, 4))
#: numbers of boards that a machine can have
COUNTS = (1, len(TRIAD))
#: columns and rows of its chips
TRIAD_SIZE = 12


def check(board: str, boards: object) -> None:
    """There can be a machine of so many of these boards.

    :raises ValueError: otherwise
    """
    if isinstance(boards, bool) or boards not in COUNTS:
        raise ValueError(f"boards={boards!r} is not a machine that can be emulated. Give boards=1, or boards=3 for three SpiNN-5 "
                         f"boards.")
    if boards != 1 and board != "spinn5":
        raise ValueError(f"boards={boards!r} cannot be with board={board!r}: only SpiNN-5 boards are linked to each other. Give "
                         f"board='spinn5', or boards=1.")


def described(board: str, boards: int = 1) -> str:
    """As errors call a machine."""
    return f"a {board} board" if boards == 1 else f"a machine of {boards} {board} boards"


def chips(board: str, boards: int = 1) -> frozenset[tuple[int, int]]:
    """Coordinates (x, y) of the chips of one or three boards ``"spinn3"`` or ``"spinn5"``."""
    if board == "spinn3":
        return frozenset((x, y) for x in range(2) for y in range(2))
    if boards > 1:
        return frozenset((x, y) for x in range(TRIAD_SIZE) for y in range(TRIAD_SIZE))
    return frozenset((x, y) for x in range(8) for y in range(8) if -3 <= x - y <= 4)


def on_its_board(x: int, y: int, boards: int = 1) -> tuple[int, int, int]:
    """The number of the board that has a chip of SpiNN-5 boards, and the chip's coordinates on it."""
    for number, (root_x, root_y) in enumerate(TRIAD[:boards]):
        at = ((x - root_x) % TRIAD_SIZE, (y - root_y) % TRIAD_SIZE)
        if at in chips("spinn5"):
            return (number, *at)
    raise ValueError(f"no chip ({x}, {y}) on {described('spinn5', boards)}")


def neighbour(board: str, x: int, y: int, link: int, boards: int = 1) -> tuple[int, int] | None:
    """The chip at the other end of a link; None where the link leads nowhere."""
    step_x, step_y = STEPS[link]
    other = (x + step_x, y + step_y)
    if board == "spinn3":                    # a closed 2 x 2 torus
        other = (other[0] % 2, other[1] % 2)
    elif boards > 1:
        other = (other[0] % TRIAD_SIZE, other[1] % TRIAD_SIZE)
    return other if other in chips(board, boards) else None
