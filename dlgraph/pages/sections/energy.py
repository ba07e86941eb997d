"""Energy: where the joules go, and by which method they are counted."""
from __future__ import annotations

from dlgraph.pages.data import Run
from dlgraph.pages.markup import Markup, element, join, table
from dlgraph.pages.numbers import percent, quantity

TITLE = "Energy"


def section(run: Run) -> Markup | None:
    """A bar of its parts, a table per sample and for the pass, and the method."""
    energy = run.energy
    if energy is None or not energy.total:
        return None
    n = max(1, run.n_samples)
    parts = [("board, idle", "e", energy.board_idle), ("cores with a program", "a", energy.cores)]
    if energy.packets is not None:
        parts.append(("packets in routers", "b", energy.packets))
    said = ", ".join(f"{name} {quantity(joules / n, 'J')} per sample ({percent(joules / energy.total)})"
                     for name, _, joules in parts)
    bar = element("div", *[element("i", class_=f"bar-{colour}", style=f"width:{100 * joules / energy.total:.2f}%", title=name)
                           for name, colour, joules in parts], class_="track thick", role="img", aria_label=said)
    keys = [element("span", element("i", class_=f"bar-{colour}"), f"{name}, {percent(joules / energy.total)}", class_="key")
            for name, colour, joules in parts]
    rows: list[tuple[object, ...]] = [(name, quantity(joules / n, "J"), quantity(joules, "J"), percent(joules / energy.total))
                                      for name, _, joules in parts]
    if energy.packets is None:
        rows.append(("packets in routers", "not counted", "not counted", ""))
    rows.append((element("strong", "sum"), *(element("strong", words) for words in (
        quantity(energy.total / n, "J"), quantity(energy.total, "J"), "100%"))))
    rows.append(("cores, if sleeping took nothing (not in the sum)", quantity(energy.cores_awake / n, "J"),
                 quantity(energy.cores_awake, "J"), ""))
    return join([element("p", "An estimate from counts and published power figures; no power was measured."), bar,
                 element("p", *keys),
                 table(("", "per sample", run.last_pass or "this pass", "share"), rows),
                 element("ul", *[element("li", sentence) for sentence in energy.method], class_="quiet")])
