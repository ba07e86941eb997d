"""Where the cycles of each kind of core went."""
from __future__ import annotations

from dlgraph.pages.data import CycleBar, Run
from dlgraph.pages.markup import Markup, element, folded, join, table
from dlgraph.pages.numbers import count, percent

TITLE = "Where the cycles went"
#: Of parts, in the order in which they first come; the last is for what comes after these, and for waiting.
COLOURS = "abcd"
WAITING, REST = "waiting", "e"


def section(run: Run) -> Markup | None:
    """A bar of parts for each kind of core."""
    bars = [bar for bar in run.cycles if sum(bar.parts.values()) > 0]
    if not bars:
        return None
    names = list(dict.fromkeys(name for bar in bars for name in bar.parts))
    working = [name for name in names if name != WAITING]
    colour = {name: COLOURS[i] if i < len(COLOURS) else REST for i, name in enumerate(working)} | {WAITING: REST}
    longest = max(sum(bar.parts.values()) for bar in bars)
    keys = [element("span", element("i", class_=f"bar-{colour[name]}"), name, class_="key") for name in names]
    rows = [part for bar in bars for part in _row(bar, colour, longest)]
    told: list[tuple[object, ...]] = [
        (bar.layer, bar.kind, *(count(bar.parts[name]) if name in bar.parts else "" for name in names)) for bar in bars]
    return join([element("p", "Cycles of 200 MHz per sample, of the busiest core of each kind."), element("p", *keys),
                 element("div", *rows, class_="rows"), folded("In numbers", table(("layer", "kind", *names), told, 2))])


def _row(bar: CycleBar, colour: dict[str, str], longest: float) -> list[Markup]:
    whole = sum(bar.parts.values())
    said = f"{bar.layer}, {bar.kind}: " + ", ".join(f"{name} {count(n)} ({percent(n / whole)})" for name, n in bar.parts.items())
    parts = [element("i", class_=f"bar-{colour[name]}", style=f"width:{100 * n / longest:.2f}%",
                     title=f"{name}: {count(n)} cycles, {percent(n / whole)}") for name, n in bar.parts.items() if n > 0]
    return [element("span", bar.layer, element("br"), element("span", bar.kind, class_="quiet")),
            element("div", *parts, class_="track", role="img", aria_label=said),
            element("span", count(whole), class_="n")]
