"""Training curves: one drawing for each quantity, over the epochs."""
from __future__ import annotations

from collections.abc import Callable, Sequence

from dlgraph.pages.data import Curve, Run
from dlgraph.pages.markup import Markup, element, folded, join, table
from dlgraph.pages.numbers import ticks

TITLE = "Training curves"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 360.0, 224.0, 46.0, 10.0, 12.0, 36.0
#: Of curves of one quantity, in turn.
COLOURS = "abcde"
#: Between dots; where they would stand closer, there is a line only.
LEAST_DOTS = 5.0

#: An epoch, or a value -> its place in the drawing.
Scale = Callable[[float], float]


def section(run: Run) -> Markup | None:
    """A drawing of each quantity; then all as a table."""
    curves = [curve for curve in run.curves if curve.points]
    if not curves:
        return None
    together: dict[str, list[Curve]] = {}
    for curve in curves:
        together.setdefault(curve.quantity, []).append(curve)
    values = [dict(curve.points) for curve in curves]
    rows: list[tuple[object, ...]] = [
        (str(epoch), *(f"{own[epoch]:.6g}" if epoch in own else "" for own in values))
        for epoch in sorted({epoch for own in values for epoch in own})]
    head = ("epoch", *(f"{curve.quantity}: {curve.series}" for curve in curves))
    return join([element("div", *[_figure(quantity, own) for quantity, own in together.items()], class_="figures"),
                 folded("Every epoch, in numbers", table(head, rows))])


def _figure(quantity: str, curves: Sequence[Curve]) -> Markup:
    values = [value for curve in curves for _, value in curve.points]
    epochs = [epoch for curve in curves for epoch, _ in curve.points]
    from_zero = any(curve.from_zero for curve in curves) or 0 <= min(values) < max(values) / 2
    marks, first, last = ticks(0.0 if from_zero else min(values), max(values)), min(epochs), max(epochs)

    def across(epoch: float) -> float:
        middle = (LEFT + WIDTH - RIGHT) / 2
        return middle if first == last else LEFT + 8 + (epoch - first) / (last - first) * (WIDTH - LEFT - RIGHT - 16)

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (value - marks[0]) / (marks[-1] - marks[0]) * (HEIGHT - TOP - BOTTOM)

    coloured = [(curve, COLOURS[i % len(COLOURS)]) for i, curve in enumerate(curves)]
    said = "; ".join(f"{curve.series}: {curve.points[0][1]:.4g} in epoch {curve.points[0][0]}, {curve.points[-1][1]:.4g} in epoch "
                     f"{curve.points[-1][0]}" for curve in curves)
    drawing = element("svg", element("title", f"{quantity}, over the epochs. {said}"), _axes(marks, first, last, across, up),
                      *[_drawn(curve, colour, across, up) for curve, colour in coloured],
                      viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", role="img")
    keys = [element("span", element("i", class_=f"bar-{colour}"), f"{curve.series}, last {curve.points[-1][1]:.4g}", class_="key")
            for curve, colour in coloured]
    return element("figure", element("h3", quantity), drawing, element("figcaption", *keys))


def _axes(marks: Sequence[float], first: int, last: int, across: Scale, up: Scale) -> Markup:
    small = {"class_": "faint", "font_size": 11}
    parts = []
    for mark in marks:
        height = f"{up(mark):.1f}"
        parts.append(element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=height, y2=height))
        parts.append(element("text", f"{mark:g}", x=LEFT - 6, y=f"{up(mark) + 4:.1f}", text_anchor="end", **small))
    for epoch in _epochs_named(first, last):
        parts.append(element("text", str(epoch), x=f"{across(epoch):.1f}", y=HEIGHT - BOTTOM + 15, text_anchor="middle", **small))
    parts.append(element("text", "epoch", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 4, text_anchor="middle", **small))
    return join(parts)


def _drawn(curve: Curve, colour: str, across: Scale, up: Scale) -> Markup:
    places = [(across(epoch), up(value)) for epoch, value in curve.points]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    apart = (WIDTH - LEFT - RIGHT) / max(1, len(places) - 1)
    dots = [element("circle", element("title", f"epoch {epoch}, {curve.series}: {curve.quantity} {value:.6g}"),
                    class_=f"dot-{colour}", cx=f"{x:.1f}", cy=f"{y:.1f}", r=3.5 if apart > 3 * LEAST_DOTS else 2)
            for (epoch, value), (x, y) in zip(curve.points, places, strict=True)]
    return join([element("path", d=path, class_=f"line-{colour}", stroke_width=2, stroke_linejoin="round"),
                 *(dots if apart >= LEAST_DOTS or len(dots) == 1 else [])])


def _epochs_named(first: int, last: int) -> list[int]:
    """Whole numbers that stand below the axis."""
    whole = {round(mark) for mark in ticks(first, last, 6) if first <= mark <= last and mark == round(mark)}
    return sorted(whole | {first, last}) if last - first <= 6 else sorted(whole)
