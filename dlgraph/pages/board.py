"""Where the chips of a board, or of three, stand: hexagons, each with six neighbours."""
from __future__ import annotations

from math import cos, radians, sin, sqrt

#: Half of the distance of neighbours, in the units of the drawing.
APOTHEM = 20.0
#: From a chip's middle to its corners.
RADIUS = APOTHEM * 2 / sqrt(3)
N_LINKS = 6
#: Of a drawing: six chips.
LEAST_WIDTH = 12 * APOTHEM
#: Three SpiNN-5 boards make so many columns and rows of chips, with opposite edges joined.
TRIAD, TRIAD_BOARDS = 12, 3
DIRECTIONS = ("east", "north-east", "north", "west", "south-west", "south")


def chips(board: str, boards: int = 1) -> set[tuple[int, int]]:
    """(x, y) of the chips of a board, or of three SpiNN-5 boards; none where that is not known, as of other numbers of boards.

    :param board: ``"3"`` or ``"5"``; the shapes are those of SpiNNMachine's ``version_3.py`` and ``version_5.py``
    """
    if boards != 1:
        return {(x, y) for x in range(TRIAD) for y in range(TRIAD)} if boards == TRIAD_BOARDS and board == "5" else set()
    if board == "3":
        return {(x, y) for x in range(2) for y in range(2)}
    if board == "5":
        return {(x, y) for x in range(8) for y in range(8) if -3 <= x - y <= 4}
    return set()


def has_link(board: str, x: int, y: int, link: int, boards: int = 1) -> bool:
    """Whether a link leads to another chip of the machine.  Where the edges of a SpiNN-3's 2 x 2 chips meet, all six do."""
    step_x, step_y = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))[link]
    return board == "3" or boards == TRIAD_BOARDS or (x + step_x, y + step_y) in chips(board, boards)


def centre(x: int, y: int) -> tuple[float, float]:
    """Of a chip in the drawing, north up: link 0 leads to the right, each further one 60 degrees to the left of the one before."""
    return 2 * APOTHEM * (x - y / 2), -2 * APOTHEM * y * sqrt(3) / 2


def corner(x: int, y: int, number: int, radius: float) -> tuple[float, float]:
    """A corner of a hexagon around a chip's middle; link k leads out between corners k and k + 1."""
    middle_x, middle_y = centre(x, y)
    angle = radians(60 * number - 30)
    return middle_x + radius * cos(angle), middle_y - radius * sin(angle)


def polygon(points: list[tuple[float, float]]) -> str:
    """Points as SVG has them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def hexagon(x: int, y: int, radius: float = 0.95 * RADIUS) -> str:
    """A chip's outline."""
    return polygon([corner(x, y, number, radius) for number in range(6)])


def wedge(x: int, y: int, link: int) -> str:
    """The part of a chip's outline that a link leads out of."""
    outer, inner = 0.95 * RADIUS, 0.5 * RADIUS
    return polygon([corner(x, y, link, outer), corner(x, y, link + 1, outer),
                    corner(x, y, link + 1, inner), corner(x, y, link, inner)])


def view_box(drawn: set[tuple[int, int]]) -> str:
    """That holds the chips; around few of them there is room, so that they are not larger than those of a whole board."""
    centres = [centre(x, y) for x, y in drawn]
    left, top = min(x for x, _ in centres) - RADIUS, min(y for _, y in centres) - RADIUS
    right, bottom = max(x for x, _ in centres) + RADIUS, max(y for _, y in centres) + RADIUS
    room = max(0.0, LEAST_WIDTH - (right - left))
    return f"{left - room / 2:.1f} {top:.1f} {right - left + room:.1f} {bottom - top:.1f}"
