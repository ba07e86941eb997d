"""The training curve of a recorded training, as a picture: ``python benchmarks/curves.py results/lenet5.json``."""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

FIXED, FLOATING, PUBLISHED = "#c03a2b", "#4472a8", "0.45"


def draw(record: dict[str, Any], path: Path) -> None:
    """Loss and test error per epoch, on the machine and in floating-point Keras.

    :param record: as ``train_networks.py`` writes it
    :param path: of the picture, ``.svg``
    """
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "curves", "svg.fonttype": "none", "font.size": 9})
    machine = record["machine"]
    where = machine["description"] if machine else "reference on the host"
    epochs, figures = record["accuracy"], record["figures"]
    members = sorted({epoch.get("member", 1) for epoch in epochs})
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.1))
    for member in members:
        numbers = [i for i, epoch in enumerate(epochs, 1) if epoch.get("member", 1) == member]
        of_member = [epochs[i - 1] for i in numbers]
        first = member == members[0]
        for name, colour, mark, suffix in ((where, FIXED, "o-", ""), ("Keras, floating point", FLOATING, "s--", "_float")):
            if f"test{suffix}" in of_member[0]:
                left.plot(numbers, [epoch[f"loss{suffix}"] for epoch in of_member], mark, color=colour, markersize=4)
                right.plot(numbers, [100 * (1 - epoch[f"test{suffix}"]) for epoch in of_member], mark, color=colour, markersize=4,
                           label=name if first else None)
    places = list(range(1, len(epochs) + 1))
    ticks = {place: str(place) for place in places}
    if len(members) > 1:
        of_each = len(epochs) // len(members)
        ticks = {place: str((place - 1) % of_each + 1) for place in places}
        ticks[len(epochs) + 1] = "sum"
        right.plot([len(epochs) + 1], [figures["test_error_percent_float"]], "*", color=FLOATING, markersize=9)
        right.plot([len(epochs) + 1], [figures["test_error_percent"]], "*", color=FIXED, markersize=9, label="outputs added")
    published = figures.get("published_error_percent")
    if published is not None:
        right.axhline(published, linestyle=":", color=PUBLISHED, label=f"published: {published:g}%")
    words = "epoch" if len(members) == 1 else f"epoch of each of the {len(members)} networks"
    left.set(xlabel=words, ylabel="training loss", ylim=(0, None))
    right.set(xlabel=words, ylabel="error on the test images, %", ylim=(0, None))
    for axis in (left, right):
        axis.set_xticks(list(ticks) if axis is right else places, list(ticks.values())[:None if axis is right else len(places)])
        axis.grid(color="0.92")
    handles, names = right.get_legend_handles_labels()
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    figure.legend(handles, names, loc="lower center", ncols=4, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Draw again what was recorded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", type=Path, nargs="+", metavar="FILE")
    for path in parser.parse_args(arguments).records:
        draw(json.loads(path.read_text(encoding="utf-8")), path.with_suffix(".svg"))


if __name__ == "__main__":
    main()
