"""The board, seen from above: load, memory and packets, chip by chip and link by link."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dlgraph.pages.board import DIRECTIONS, N_LINKS, RADIUS, centre, chips, has_link, hexagon, view_box, wedge
from dlgraph.pages.data import ChipUse, Run
from dlgraph.pages.markup import Markup, element, folded, join, table
from dlgraph.pages.numbers import count, percent, size
from dlgraph.pages.style import N_STEPS

TITLE = "The board"


@dataclass(frozen=True)
class _Map:
    """A heat map of chips.

    :ivar highest: value of the deepest colour
    :ivar words: of a value, for the scale
    :ivar label: of a value, on the chip
    """

    title: str
    value: Callable[[ChipUse], float]
    highest: float
    words: Callable[[float], str]
    label: Callable[[float], str]
    caption: str


def section(run: Run) -> Markup | None:
    """A map for each quantity that is known, and all as a table."""
    if not run.chips and not run.links:
        return None
    figures = [_chips_figure(run, each) for each in _maps(run)] if run.chips else []
    if run.links:
        figures.append(_links_figure(run))
    words = ("North is up; the host talks to chip (0, 0), at the lower left. Empty outlines are chips without a core of the "
             "network.")
    if run.boards > 1:
        words += f" These are the chips of {run.boards} boards, each of which has an Ethernet of its own."
    if not run.links:
        words += " Packets per link are not known: only an emulated machine counts them."
    return join([element("p", words), element("div", *figures, class_="figures maps"),
                 folded("Every chip, in numbers", _chip_table(run)) if run.chips else "",
                 folded("Every link that had packets, in numbers", _link_table(run)) if run.links else ""])


def _maps(run: Run) -> list[_Map]:
    most = max(chip.sdram_bytes for chip in run.chips)
    return [
        _Map("Load: awake share of each chip's busiest core", lambda chip: chip.awake, 1.0, percent, _hundredths,
             "Per cent of the pass."),
        _Map("Data memory (DTCM) of each chip's fullest core", lambda chip: chip.dtcm_bytes / max(1, run.dtcm_bytes), 1.0, percent,
             _hundredths, f"Per cent of the {size(run.dtcm_bytes)} that a program can ask for; as the mapping counts it."),
        _Map("Shared memory (SDRAM) of each chip", lambda chip: chip.sdram_bytes, most, size, _megabytes,
             f"MiB that the network's cores asked for: samples, parameters, logs. A chip has {size(run.sdram_bytes)} for "
             f"programs."),
    ]


def _hundredths(share: float) -> str:
    return f"{100 * share:.0f}"


def _megabytes(n_bytes: float) -> str:
    return f"{n_bytes / (1 << 20):.1f}" if n_bytes < 100 << 20 else f"{n_bytes / (1 << 20):.0f}"


def _step(value: float, highest: float) -> int:
    return min(N_STEPS - 1, int(N_STEPS * max(0.0, value) / highest)) if highest else 0


def _drawn_chips(run: Run) -> set[tuple[int, int]]:
    return chips(run.board, run.boards) | {(chip.x, chip.y) for chip in run.chips} | {(link.x, link.y) for link in run.links}


def _chips_figure(run: Run, what: _Map) -> Markup:
    used = {(chip.x, chip.y): chip for chip in run.chips}
    drawn = _drawn_chips(run)
    shapes = [_chip(used[at], what) if at in used else
              element("polygon", element("title", f"chip {at}: no core of the network"), points=hexagon(*at), class_="chip-none")
              for at in sorted(drawn)]
    highest = max(run.chips, key=what.value)
    said = f"{what.title}. Most: {what.words(what.value(highest))}, on chip ({highest.x}, {highest.y})."
    drawing = element("svg", element("title", said), *shapes, viewBox=view_box(drawn), role="img")
    return element("figure", element("h3", what.title), drawing, _scale("0", what.words(what.highest)),
                   element("figcaption", what.caption))


def _chip(chip: ChipUse, what: _Map) -> Markup:
    x, y = centre(chip.x, chip.y)
    value = what.value(chip)
    step = _step(value, what.highest)
    said = f"chip ({chip.x}, {chip.y}): {what.words(value)}, {chip.n_cores} cores of the network; busiest: {chip.busiest}"
    at = {"class_": f"t{step}", "x": f"{x:.1f}", "text_anchor": "middle"}
    return element("g", element("title", said), element("polygon", points=hexagon(chip.x, chip.y), class_=f"h{step}"),
                   element("text", what.label(value), y=f"{y + 4:.1f}", font_size=12, **at),
                   element("text", f"{chip.x},{chip.y}", y=f"{y + 14:.1f}", font_size=6, **at))


def _links_figure(run: Run) -> Markup:
    title = "Packets over each link"
    highest = max(run.links, key=lambda link: link.packets)
    drawn = _drawn_chips(run)
    shapes = [element("g", element("polygon", points=hexagon(*at), class_="chip-none"), _named(*at)) for at in sorted(drawn)]
    for link in run.links:
        if link.packets or link.dropped or has_link(run.board, link.x, link.y, link.link, run.boards):
            lost = f", {count(link.dropped)} dropped" if link.dropped else ""
            said = f"chip ({link.x}, {link.y}), link {link.link} ({DIRECTIONS[link.link]}): {count(link.packets)} packets{lost}"
            shapes.append(element("polygon", element("title", said), points=wedge(link.x, link.y, link.link),
                                  class_=f"h{_step(link.packets, highest.packets)}" + (" lost" if link.dropped else "")))
    said = f"{title}. Most: {count(highest.packets)}, from chip ({highest.x}, {highest.y}) {DIRECTIONS[highest.link]}."
    words = ("The side of a chip that a link leads out of, coloured by the packets of all types that it took in the pass; those of "
             "the system's own programs are among them.")
    if any(link.dropped for link in run.links):
        words += f" Outlined: links where the router gave packets up, {count(sum(link.dropped for link in run.links))} in all."
    drawing = element("svg", element("title", said), *shapes, viewBox=view_box(drawn), role="img")
    return element("figure", element("h3", title), drawing, _scale("0", count(highest.packets)), element("figcaption", words))


def _named(x: int, y: int) -> Markup:
    middle_x, middle_y = centre(x, y)
    return element("text", f"{x},{y}", class_="faint", x=f"{middle_x:.1f}", y=f"{middle_y + RADIUS / 9:.1f}", text_anchor="middle",
                   font_size=7)


def _scale(lowest: str, highest: str) -> Markup:
    """The colours, from least to most."""
    steps = [element("i", class_=f"h{i}") for i in range(N_STEPS)]
    return element("div", element("span", lowest), *steps, element("span", highest), class_="scale", aria_hidden="true")


def _chip_table(run: Run) -> Markup:
    rows: list[tuple[object, ...]] = [
        (f"{chip.x}, {chip.y}", chip.busiest, count(chip.n_cores), percent(chip.awake), count(chip.dtcm_bytes),
         count(chip.sdram_bytes)) for chip in sorted(run.chips, key=lambda chip: (chip.x, chip.y))]
    return table(("chip", "busiest vertex", "cores", "awake", "DTCM bytes, fullest core", "SDRAM bytes"), rows, 2)


def _link_table(run: Run) -> Markup:
    busy = sorted((link for link in run.links if link.packets or link.dropped),
                  key=lambda link: (-link.packets, link.x, link.y, link.link))
    return table(("chip", "link", "direction", "packets", "dropped"),
                 [(f"{link.x}, {link.y}", str(link.link), DIRECTIONS[link.link % N_LINKS], count(link.packets), count(link.dropped))
                  for link in busy], 3)
