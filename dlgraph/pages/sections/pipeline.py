"""The pipeline: how long each stage works on a sample, within the time from one sample to the next."""
from __future__ import annotations

from dlgraph.pages.data import Run, StageUse
from dlgraph.pages.markup import Markup, element, folded, join, table
from dlgraph.pages.numbers import count, percent, quantity

TITLE = "Time line of the pipeline"
CLOCK_HZ = 200e6
HEAD = ("layer", "kind", "cores", "cycles/sample", "predicted", "busy", "packets sent", "received", "clipped")


def section(run: Run) -> Markup | None:
    """A bar for each kind of core, as long as its busiest core is awake; the whole width is the time to the next sample."""
    if not run.stages:
        return None
    binding = max(run.stages, key=lambda stage: stage.busy)
    period = binding.cycles / binding.busy if binding.busy else 0.0
    scale = max([1.0, *(_expected(stage) or 0.0 for stage in run.stages)])
    words = [
        f"Samples follow each other through the cores: in the middle of the pass, a core gets one every "
        f"{quantity(period / CLOCK_HZ, 's')} ({count(period)} cycles of 200 MHz). A bar is the part of that time that the busiest "
        f"core of a kind is awake for a sample; in the rest it waits for packets or memory. Which part of the period that is "
        f"was not recorded, so all bars begin at the left.",
        f"Nearest to the full width: the {binding.kind} of {binding.layer}, {percent(binding.busy)}. With this cut no replica of "
        f"the network can do more than {count(CLOCK_HZ / binding.cycles) if binding.cycles else '-'} samples/s."]
    if any(stage.predicted_cycles is not None for stage in run.stages):
        words.append("The upright marks are what the cost model expected when it chose the cut.")
    if scale > 1:
        words.append(f"The full width is {scale:.2f} times the period, as more was expected of a stage than it took.")
    rows = [part for stage in run.stages for part in _row(stage, scale, stage is binding)]
    told: list[tuple[object, ...]] = [
        (stage.layer, stage.kind, count(stage.n_cores), count(stage.cycles),
         "-" if stage.predicted_cycles is None else count(stage.predicted_cycles), percent(stage.busy), count(stage.packets_sent),
         count(stage.packets_received), count(stage.saturations)) for stage in run.stages]
    return join([*[element("p", each) for each in words], element("div", *rows, class_="rows"),
                 folded("Every kind of core, in numbers",
                        table(HEAD, told, 2))])


def _expected(stage: StageUse) -> float | None:
    """What the cost model expected, as a share of the period."""
    return stage.predicted_cycles * stage.busy / stage.cycles if stage.predicted_cycles is not None and stage.cycles else None


def _row(stage: StageUse, scale: float, is_binding: bool) -> list[Markup]:
    expected = _expected(stage)
    said = f"{stage.layer}, {stage.kind}: {count(stage.cycles)} cycles per sample, awake {percent(stage.busy)}"
    mark = None
    if expected is not None and stage.predicted_cycles is not None:
        said += f"; expected {count(stage.predicted_cycles)}"
        mark = element("b", style=f"left:{min(100 * expected / scale, 99.5):.2f}%")
    bar = element("i", class_="bar-b" if is_binding else "bar-a", style=f"width:{100 * min(stage.busy / scale, 1):.2f}%")
    return [element("span", stage.layer, element("br"), element("span", f"{stage.kind}, {stage.n_cores}×", class_="quiet")),
            element("div", bar, mark, class_="track", title=said, role="img", aria_label=said),
            element("span", f"{quantity(stage.cycles / CLOCK_HZ, 's')}, {percent(stage.busy)}", class_="n")]
