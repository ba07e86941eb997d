"""The document around the sections."""
from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from dlgraph.pages.data import Compared, Run
from dlgraph.pages.markup import Markup, element, join
from dlgraph.pages.sections import comparison, curves, cycles, energy, heat_maps, pipeline, ran
from dlgraph.pages.style import STYLE

#: In the order of the page.
SECTIONS: tuple[ModuleType, ...] = (ran, curves, pipeline, cycles, heat_maps, energy, comparison)
#: What is said of a machine in software.
EMULATED = ("Machine times, cycles and packets on this page are counts of a machine in software, that models the chips' cores, "
            "memory, routers and links; nothing was measured on a board.")
#: Nothing may be fetched and no script may run, whatever should ever stand in a page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def document(runs: Sequence[Run], title: str | None = None, remarks: Sequence[str] = (), rows: Sequence[Compared] = ()) -> str:
    """A page of one run, or of several one after the other.

    :param title: of the page; None for that of the run
    :param remarks: sentences under it
    :param rows: of a comparison above all runs, beside the runs' own
    :return: HTML that is well-formed as XML too, from ``<!DOCTYPE html>`` on
    """
    heading = title if title is not None else " and ".join(run.title for run in runs)
    parts: list[Markup] = []
    links: list[Markup] = []
    if rows:
        own = [row for run in runs for row in comparison.own_row(run)]
        parts.append(_section("compared", comparison.TITLE, comparison.compared([*own, *rows]), links))
    for number, run in enumerate(runs, 1):
        parts.append(_header(run) if len(runs) == 1 else element("h1", run.title, id=f"run{number}"))
        if len(runs) > 1:
            links.append(element("a", run.title, href=f"#run{number}"))
            parts.append(_header(run))
        for module in SECTIONS:
            content = module.section(run)
            if content is not None:
                name = module.__name__.rpartition(".")[2]
                parts.append(_section(f"{name}{number}", module.TITLE, content, links if len(runs) == 1 else None))
    body = element("body", element("header", element("h1", heading), *[element("p", remark) for remark in remarks],
                                   element("nav", *links) if links else None), element("main", *parts))
    head = element("head", element("meta", charset="utf-8"),
                   element("meta", http_equiv="Content-Security-Policy", content=POLICY),
                   element("meta", name="viewport", content="width=device-width, initial-scale=1"),
                   element("meta", name="referrer", content="no-referrer"),
                   element("title", heading), element("style", Markup(STYLE)))
    return "<!DOCTYPE html>\n" + element("html", head, body, lang="en") + "\n"


def _header(run: Run) -> Markup:
    where = element("p", run.last_pass + " on the " if run.last_pass else "On the ", run.machine, ". ",
                    element("span", "emulated", class_="badge") if run.emulated else None)
    if not run.emulated:
        return where
    return join([where, element("p", EMULATED, class_="quiet")])


def _section(name: str, title: str, content: Markup, links: list[Markup] | None) -> Markup:
    if links is not None:
        links.append(element("a", title, href=f"#{name}"))
    return element("section", element("h2", title), content, id=name)
