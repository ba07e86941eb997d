"""What ran."""
from __future__ import annotations

from dlgraph.pages.data import Run
from dlgraph.pages.markup import Markup, element, folded, join, table
from dlgraph.pages.numbers import count, quantity

TITLE = "What ran"
#: Characters of a fact; longer ones get a line of their own.
LONGEST_IN_TILE = 30


def section(run: Run) -> Markup | None:
    """The facts that the caller gave and the speed as tiles, and the layers as a table."""
    facts = list(run.facts)
    if run.n_samples:
        facts.append(("samples in the pass", count(run.n_samples)))
    if run.machine_seconds:
        facts += [("machine time of the pass", quantity(run.machine_seconds, "s")),
                  ("speed", f"{count(run.samples_per_second)} samples/s")]
    if run.stages:
        facts.append(("cores", f"{sum(stage.n_cores for stage in run.stages)}"
                      + (f" on {len(run.chips)} chip{'s' * (len(run.chips) != 1)}" if run.chips else "")))
    if run.energy is not None and run.n_samples:
        facts.append(("energy", f"{quantity(run.energy.total / run.n_samples, 'J')} per sample"))
    if not facts and not run.layers:
        return None
    tiles = element("dl", *[element("div", element("dt", what), element("dd", value)) for what, value in facts
                            if len(value) <= LONGEST_IN_TILE], class_="tiles")
    lines = [element("p", f"{what}: ", element("span", value, class_="quiet")) for what, value in facts
             if len(value) > LONGEST_IN_TILE]
    rows: list[tuple[object, ...]] = [(layer.name, layer.does, layer.gives, layer.values, layer.cut,
                                       count(layer.n_parameters) if layer.n_parameters else "") for layer in run.layers]
    layers = folded("Layers", table(("layer", "does", "gives", "values", "cut", "parameters"), rows, 5)) if rows else None
    return join([tiles, *lines, layers or ""])
