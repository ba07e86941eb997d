"""Tables as text."""
from __future__ import annotations

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]], n_left: int) -> list[str]:
    """Rows of columns as lines of text.

    :param n_left: columns that begin at their left; the others end at their right
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join(text.ljust(width) if i < n_left else text.rjust(width)
                             for i, (text, width) in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows]
