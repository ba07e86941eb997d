"""Training curves: one drawing for each quantity, over the epochs."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dlgraph.pages.data import Epoch, Run
from dlgraph.pages.markup import Markup, element, folded, join, table
from dlgraph.pages.numbers import ticks

TITLE = "Training curves"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 360.0, 220.0, 46.0, 10.0, 12.0, 32.0
#: Between dots; where they would stand closer, there is a line only.
LEAST_DOTS = 5.0
VALIDATION = "val_"


@dataclass(frozen=True)
class _Line:
    """A line of a drawing: (epoch, value) pairs."""

    name: str
    colour: str
    points: list[tuple[int, float]]


def section(run: Run) -> Markup | None:
    """Loss, metrics, each with that of the validation; machine time; then all as a table."""
    if not run.epochs:
        return None
    names = list(dict.fromkeys(name for epoch in run.epochs for name in epoch.values))
    quantities = list(dict.fromkeys(name.removeprefix(VALIDATION) for name in sorted(names, key=lambda name: name != "loss")))
    figures = [_figure(quantity, [line for line in (_line(run.epochs, "training", "a", quantity),
                                                    _line(run.epochs, "validation", "b", VALIDATION + quantity)) if line.points])
               for quantity in quantities]
    timed = [(epoch.number, epoch.machine_seconds) for epoch in run.epochs if epoch.machine_seconds]
    if timed:
        figures.append(_figure("machine time of an epoch, s", [_Line("machine time", "c", timed)]))
    rows: list[tuple[object, ...]] = [
        (str(epoch.number), *(f"{epoch.values[name]:.6g}" if name in epoch.values else "" for name in names),
         f"{epoch.machine_seconds:.6g}" if epoch.machine_seconds else "") for epoch in run.epochs]
    return join([element("div", *figures, class_="figures"),
                 folded("Every epoch, in numbers", table(("epoch", *names, "machine time, s"), rows))])


def _line(epochs: Sequence[Epoch], name: str, colour: str, key: str) -> _Line:
    return _Line(name, colour, [(epoch.number, epoch.values[key]) for epoch in epochs if key in epoch.values])


def _figure(quantity: str, lines: list[_Line]) -> Markup:
    values = [value for line in lines for _, value in line.points]
    numbers = [number for line in lines for number, _ in line.points]
    marks = ticks(0.0 if min(values) >= 0 and min(values) < max(values) / 2 else min(values), max(values))
    first, last = min(numbers), max(numbers)

    def across(number: float) -> float:
        middle = (LEFT + WIDTH - RIGHT) / 2
        return middle if first == last else LEFT + 8 + (number - first) / (last - first) * (WIDTH - LEFT - RIGHT - 16)

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (value - marks[0]) / (marks[-1] - marks[0]) * (HEIGHT - TOP - BOTTOM)

    grid = [join([element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{up(mark):.1f}", y2=f"{up(mark):.1f}"),
                  element("text", f"{mark:g}", class_="faint", x=LEFT - 6, y=f"{up(mark) + 4:.1f}", text_anchor="end",
                          font_size=11)]) for mark in marks]
    axis = [element("text", str(number), class_="faint", x=f"{across(number):.1f}", y=HEIGHT - BOTTOM + 16, text_anchor="middle",
                    font_size=11) for number in _epochs_named(first, last)]
    axis.append(element("text", "epoch", class_="faint", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 2, text_anchor="middle",
                        font_size=11))
    said = "; ".join(f"{line.name}: {line.points[0][1]:.4g} in epoch {line.points[0][0]}, {line.points[-1][1]:.4g} in epoch "
                     f"{line.points[-1][0]}" for line in lines)
    drawing = element("svg", element("title", f"{quantity}, over the epochs. {said}"), *grid, *axis,
                      *[_drawn(quantity, line, across, up) for line in lines],
                      viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", role="img")
    keys = [element("span", element("i", class_=f"bar-{line.colour}"), f"{line.name}, last {line.points[-1][1]:.4g}", class_="key")
            for line in lines]
    return element("figure", element("h3", quantity), drawing, element("figcaption", *keys))


def _drawn(quantity: str, line: _Line, across: object, up: object) -> Markup:
    assert callable(across) and callable(up)
    places = [(across(number), up(value)) for number, value in line.points]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    apart = (WIDTH - LEFT - RIGHT) / max(1, len(places) - 1)
    dots = [element("circle", element("title", f"epoch {number}, {line.name}: {quantity} {value:.6g}"), class_=f"dot-{line.colour}",
                    cx=f"{x:.1f}", cy=f"{y:.1f}", r=3.5 if apart > 3 * LEAST_DOTS else 2)
            for (number, value), (x, y) in zip(line.points, places, strict=True)]
    return join([element("path", d=path, class_=f"line-{line.colour}", stroke_width=2, stroke_linejoin="round"),
                 *(dots if apart >= LEAST_DOTS or len(dots) == 1 else [])])


def _epochs_named(first: int, last: int) -> list[int]:
    """Whole numbers that stand below the axis."""
    whole = {round(mark) for mark in ticks(first, last, 6) if first <= mark <= last and mark == round(mark)}
    return sorted(whole | {first, last}) if last - first <= 6 else sorted(whole)
