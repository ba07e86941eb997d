"""Runs beside each other, what they rest on apart."""
from __future__ import annotations

from collections.abc import Sequence

from dlgraph.pages.data import BASES, Compared, Run
from dlgraph.pages.markup import Markup, element, scrolled, table_head, table_row
from dlgraph.pages.numbers import count, quantity

TITLE = "Beside others"
HEAD = ("system", "conditions", "source", "samples/s", "energy/sample", "test error")
N_LEFT = 3


def section(run: Run) -> Markup | None:
    """This run and the other rows; nothing where there are no others."""
    return compared([*own_row(run), *run.compared]) if run.compared else None


def own_row(run: Run) -> list[Compared]:
    """This run as a row, where it has figures."""
    if not run.machine_seconds:
        return []
    joules = run.energy.total / run.n_samples if run.energy is not None and run.n_samples else None
    conditions = "machine time; energy by published power figures" if joules is not None else "machine time"
    return [Compared(f"{run.title}, {run.machine}", "emulated" if run.emulated else "measured", run.samples_per_second, joules,
                     run.test_error, conditions, "this page")]


def compared(rows: Sequence[Compared]) -> Markup:
    """A table in which rows of one basis stand together, under its name."""
    bodies = []
    for basis, words in BASES.items():
        own = [row for row in rows if row.basis == basis]
        if own:
            bodies.append(element("tbody", element("tr", element("th", words, class_="basis", scope="rowgroup", colspan=len(HEAD))),
                                  *[table_row(_cells(row), N_LEFT) for row in own]))
    return scrolled(element("table", table_head(HEAD, N_LEFT), *bodies))


def _cells(row: Compared) -> tuple[object, ...]:
    return (row.system, row.conditions, row.source, "" if row.samples_per_second is None else count(row.samples_per_second),
            "" if row.joules_per_sample is None else quantity(row.joules_per_sample, "J"),
            "" if row.test_error is None else f"{100 * row.test_error:.2f}%")
