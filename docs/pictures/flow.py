"""Draws how samples flow through cores and in time: ``python docs/pictures/flow.py``.

``cores.svg`` has the cores of a network with one hidden layer and the streams between them, ``pipeline.svg`` when each stage
works on which sample, with a window of 1 and of 3.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch  # noqa: E402

FORWARD, BACKWARD = "tab:blue", "tab:red"
#: Column of the picture -> what the cores are called, how many there are.
COLUMNS = (("input\nsource", 1), ("weight\nslice", 4), ("neuron\ngroup", 2), ("weight\nslice", 2), ("output\ngroup", 1))
#: Between neighbouring columns: (from, to) -> whether the two exchange anything.
JOINED = (lambda i, j: True, lambda i, j: i % 2 == j, lambda i, j: i == j, lambda i, j: True)
FORWARD_NAMES = ("activations", "sums", "activations", "sums")
BACKWARD_NAMES = ("credit", "errors", "partial errors", "errors")
#: Of the stages of the second picture: name, time forward, time backward (the last stage turns round).
STAGES = (("input source", 1, 0), ("slices, hidden", 2, 2), ("groups, hidden", 1, 1), ("slices, output", 1, 1),
          ("output group", 1, 0))
SAMPLES = 6


def main(arguments: list[str] | None = None) -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder")
    options = parser.parse_args(arguments)
    plt.rcParams.update({"svg.hashsalt": "flow", "svg.fonttype": "none", "font.size": 8})
    cores(options.out / "cores.svg")
    pipeline(options.out / "pipeline.svg")


def cores(path: Path) -> None:
    """The streams between the cores."""
    figure, axes = plt.subplots(figsize=(7.2, 3.4))
    for column, joined in enumerate(JOINED):
        for i in range(COLUMNS[column][1]):
            for j in range(COLUMNS[column + 1][1]):
                if joined(i, j):
                    arrow(axes, place(column, i), place(column + 1, j), 0.07, FORWARD)
                    arrow(axes, place(column + 1, j), place(column, i), 0.07, BACKWARD)
        middle = column + 0.5
        axes.text(middle, 2.45, FORWARD_NAMES[column], color=FORWARD, ha="center")
        axes.text(middle, -2.6, BACKWARD_NAMES[column], color=BACKWARD, ha="center")
    for column, (name, number) in enumerate(COLUMNS):
        for i in range(number):
            x, y = place(column, i)
            axes.add_patch(FancyBboxPatch((x - 0.2, y - 0.28), 0.4, 0.56, boxstyle="round,pad=0.02", facecolor="white",
                                          edgecolor="0.3"))
            axes.text(x, y, name, ha="center", va="center", fontsize=7)
    finish(figure, axes, path, (-0.4, 4.4), (-2.8, 2.8))


def place(column: int, i: int) -> tuple[float, float]:
    """Of a core in the picture."""
    return float(column), (COLUMNS[column][1] - 1) / 2 - i


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], bend: float, colour: str) -> None:
    """One stream's way to one consumer."""
    axes.add_patch(FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>", mutation_scale=7, shrinkA=22,
                                   shrinkB=22, linewidth=0.8, color=colour))


def pipeline(path: Path) -> None:
    """Which stage works when, on which sample."""
    figure, both = plt.subplots(2, 1, figsize=(7.2, 4.2), sharex=True)
    for axes, window in zip(both, (1, 3), strict=True):
        for stage, start, length, sample, colour in schedule(window):
            axes.barh(-stage, length, left=start, height=0.8, color=colour, alpha=0.35, edgecolor="0.3", linewidth=0.5)
            axes.text(start + length / 2, -stage, str(sample), ha="center", va="center", fontsize=7)
        axes.set(yticks=[-stage for stage in range(len(STAGES))], yticklabels=[name for name, _, _ in STAGES], xticks=[])
        axes.set_title(f"window {window}", loc="left", fontsize=8)
        for side in ("top", "right", "bottom", "left"):
            axes.spines[side].set_visible(False)
    both[1].set_xlabel("time")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def schedule(window: int) -> list[tuple[int, int, int, int, str]]:
    """(stage, start, length, sample, colour) of all work: a stage does what has come first, and a sample enters when the one
    ``window`` before it is let go of."""
    free = [0] * len(STAGES)
    done: list[int] = []
    work = []
    waiting = [(0, sample, 0) for sample in range(SAMPLES)]      # (moment, sample, step)
    steps = [*range(len(STAGES)), *range(len(STAGES) - 2, 0, -1)]
    while waiting:
        ready = [(max(moment, free[steps[step]]), -step, sample, moment) for moment, sample, step in waiting
                 if step or sample < window + len(done)]
        start, negative, sample, moment = min(ready)
        step = -negative
        waiting.remove((moment, sample, step))
        if step == 0 and sample >= window:
            start = max(start, done[sample - window])
        stage, back = steps[step], step >= len(STAGES)
        length = STAGES[stage][2 if back else 1]
        work.append((stage, start, length, sample, BACKWARD if back else FORWARD))
        free[stage] = start + length
        if step + 1 < len(steps):
            waiting.append((start + length, sample, step + 1))
        else:
            done.append(start + length)
    return work


def finish(figure: plt.Figure, axes: Axes, path: Path, x: tuple[float, float], y: tuple[float, float]) -> None:
    """Save a drawing without axes."""
    axes.set(xlim=x, ylim=y)
    axes.axis("off")
    figure.subplots_adjust(left=0, right=1, top=1, bottom=0)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
