"""The plot of a recorded scaling: ``python benchmarks/scaling_plot.py benchmarks/results/scaling.json``."""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from boards_model import CORES_OF_CHIP

from dlgraph.networks.published import PUBLISHED

COLOURS = ("#c03a2b", "#4472a8", "#5d9948", "#8a6fb0", "#b8862d")
_STYLES = {"stays": ":", "grows": "--"}
_WORDS = {"stays": "model, the same batch shared", "grows": "model, a batch for each board"}


def draw(record: dict[str, Any], path: Path) -> None:
    """Samples per second and joules per sample against cores; bars and bands from the cost model's error.

    :param record: as ``scaling.py`` writes it
    :param path: of the picture, ``.svg``
    """
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "scaling", "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.9))
    for axis, name, factor in zip(axes, ("samples_per_s", "joules_per_sample"), (1.0, 1e3), strict=True):
        for (network, entry), colour in zip(record["networks"].items(), COLOURS):
            _draw_network(axis, network, entry, name, factor, colour)
        axis.set(xscale="log", yscale="log", xlabel="cores of the machine")
        axis.grid(color="0.92")
    axes[0].set_ylabel("samples/s, in training")
    axes[1].set_ylabel("mJ per sample, whole machine")
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="lower center", ncols=3, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _draw_network(axis: Any, network: str, entry: dict[str, Any], name: str, factor: float, colour: str) -> None:
    rows = [row for row in entry["rows"] if row["error"] is None]
    values = [row[name] if name == "samples_per_s" else row[name]["total"] for row in rows]
    axis.plot([CORES_OF_CHIP * row["chips"] for row in rows], [factor * value for value in values], "o-", color=colour,
              markersize=4, label=f"{PUBLISHED[network].title}, emulated")
    for kind, style in _STYLES.items():
        larger = [row for row in entry["larger"] if row["batch_kind"] == kind]
        cores = [row["cores"] for row in larger]
        axis.plot(cores, [factor * row[name]["expected"] for row in larger], style, color=colour,
                  label=f"{PUBLISHED[network].title}, {_WORDS[kind]}")
        axis.fill_between(cores, [factor * row[name]["least"] for row in larger], [factor * row[name]["most"] for row in larger],
                          color=colour, alpha=0.12, linewidth=0)


def main(arguments: list[str] | None = None) -> None:
    """Draw again what was recorded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path, metavar="FILE")
    path = parser.parse_args(arguments).record
    draw(json.loads(path.read_text(encoding="utf-8")), path.with_suffix(".svg"))


if __name__ == "__main__":
    main()
