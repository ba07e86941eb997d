"""Text of HTML and SVG in which nothing can be mistaken for markup: what is not made by :func:`element` is escaped."""
from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

#: What XML and UTF-8 have no place for.
_NO_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Elements that HTML closes by itself.
_EMPTY = {"br", "meta"}


class Markup(str):
    """Text that is HTML already."""


def text(words: object) -> Markup:
    """Words as they are, such as a name that a user has given."""
    return words if isinstance(words, Markup) else Markup(escape(_NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", str(words))))


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """An element, well-formed in HTML and in XML.

    :param children: markup, or words; None is left out
    :param attributes: by name, without a ``_`` at its end and with ``-`` for others; those that are None are left out
    """
    given = "".join(f' {name.rstrip("_").replace("_", "-")}="{text(value)}"'
                    for name, value in attributes.items() if value is not None)
    inside = "".join(text(child) for child in children if child is not None)
    return Markup(f"<{tag}{given} />" if tag in _EMPTY else f"<{tag}{given}>{inside}</{tag}>")


def join(parts: Iterable[object]) -> Markup:
    """Markup or words, one behind the other."""
    return Markup("".join(text(part) for part in parts))


def table(head: tuple[str, ...], rows: list[tuple[object, ...]], n_left: int = 1) -> Markup:
    """A table that scrolls by itself where it is wider than the page.

    :param n_left: columns of words; the others are numbers, and end at their right
    """
    return scrolled(element("table", table_head(head, n_left), element("tbody", *[table_row(row, n_left) for row in rows])))


def table_head(head: tuple[str, ...], n_left: int) -> Markup:
    """The names of columns."""
    return element("thead", element("tr", *[element("th", name, scope="col", class_=None if i < n_left else "n")
                                            for i, name in enumerate(head)]))


def table_row(row: tuple[object, ...], n_left: int) -> Markup:
    """A row; its first column names it."""
    cells = [element("td", cell, class_=None if i < n_left else "n") for i, cell in enumerate(row[1:], 1)]
    return element("tr", element("th", row[0], scope="row"), *cells)


def scrolled(content: Markup) -> Markup:
    """In a box of its own that can be wider than the page, also for those who have no mouse."""
    return element("div", content, class_="wide", tabindex="0")


def folded(words: str, content: Markup) -> Markup:
    """Behind a line that opens it."""
    return element("details", element("summary", words), content)
