"""Tables of plain text."""
from __future__ import annotations

from collections.abc import Sequence


def text_table(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """The lines of a table, indented by two.

    :param rows: the heads of the columns first, all of one length
    :param left: so many columns begin at the left, the others end at the right
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join(text.ljust(width) if i < left else text.rjust(width)
                             for i, (text, width) in enumerate(zip(row, widths))).rstrip() for row in rows]
