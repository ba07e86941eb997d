"""Plots of a record: speed and energy of each network on each device, and how good it gets in which time."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlgraph.networks.published import PUBLISHED

COLOURS = {"spinnaker": "#c03a2b", "cpu": "#4472a8", "gpu": "#5d9948", "distributed": "#8a6fb0"}
NAMES = {"spinnaker": "SpiNNaker", "cpu": "CPU", "gpu": "GPU", "distributed": "two workers"}
KINDS = ("same", "one", "tuned")
#: Of lines: a pattern of dots takes a quarter of a megabyte of SVG.
_HATCHES = {"same": "", "one": "----", "tuned": "////"}
_SUFFIXES = {"same": "", "one": ", one sample", "tuned": ", best batch"}


def draw(record: dict[str, Any], folder: Path) -> list[Path]:
    """Write the plots; returns them, none where matplotlib is not installed or there is nothing to draw."""
    try:
        import matplotlib
    except ImportError:
        return []
    if not record["rows"]:
        return []
    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "benchmark", "svg.fonttype": "none", "font.size": 9})
    drawn = []
    for name, make in (("speed", _speed), ("energy", _energy), ("curves", _curves)):
        figure = make(record, plt)
        if figure is None:
            continue
        path = folder / f"{name}.svg"
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        plt.close(figure)
        drawn.append(path)
    return drawn


def _speed(record: dict[str, Any], plt: Any) -> Any:
    return _bars(record, plt, "samples/s, in training", lambda row: row["figures"]["samples_per_s"], 1.0)


def _energy(record: dict[str, Any], plt: Any) -> Any:
    return _bars(record, plt, "mJ per sample, whole device", lambda row: row["figures"]["joules_per_sample"], 1e3)


def _bars(record: dict[str, Any], plt: Any, label: str, of: Callable[[dict[str, Any]], dict[str, float] | None],
          factor: float) -> Any:
    """A group of bars for each network, from minimum to maximum a line."""
    rows = [row for row in record["rows"] if of(row) is not None]
    if not rows:
        return None
    networks = list(dict.fromkeys(row["network"] for row in rows))
    series = list(dict.fromkeys((row["device"], row["kind"]) for row in rows))
    series.sort(key=lambda each: (list(COLOURS).index(each[0]), KINDS.index(each[1])))
    width = 0.85 / len(series)
    figure, axis = plt.subplots(figsize=(9.5, 3.6))
    for i, (device, kind) in enumerate(series):
        mine = {row["network"]: of(row) for row in rows if (row["device"], row["kind"]) == (device, kind)}
        places = [networks.index(network) + (i - (len(series) - 1) / 2) * width for network in mine]
        spreads = [found for found in mine.values() if found is not None]
        middle = [factor * found["median"] for found in spreads]
        below = [factor * (found["median"] - found["minimum"]) for found in spreads]
        above = [factor * (found["maximum"] - found["median"]) for found in spreads]
        axis.bar(places, middle, width, yerr=[below, above], color=COLOURS[device], hatch=_HATCHES[kind], edgecolor="white",
                 linewidth=0.3, error_kw={"linewidth": 0.8}, label=NAMES[device] + _SUFFIXES[kind])
    axis.set(yscale="log", ylabel=label)
    axis.set_xticks(range(len(networks)), [PUBLISHED[network].title for network in networks])
    axis.grid(axis="y", color="0.92")
    axis.set_axisbelow(True)
    figure.legend(loc="lower center", ncols=4, frameon=False)
    figure.tight_layout(rect=(0, 0.05 * (1 + (len(series) - 1) // 4), 1, 1))
    return figure


def _curves(record: dict[str, Any], plt: Any) -> Any:
    """Error on the test images after each epoch, against seconds of training; the first repeat of each device."""
    from matplotlib.ticker import NullFormatter

    runs = [run for run in record["runs"] if not run["speed_only"] and run["repeat"] == 0]
    if not runs:
        return None
    networks = list(dict.fromkeys(run["network"] for run in runs))
    n_columns = min(3, len(networks))
    n_rows = -(-len(networks) // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(3.2 * n_columns, 2.5 * n_rows + 0.4), squeeze=False)
    for axis in axes.flat[len(networks):]:
        axis.remove()
    for axis, network in zip(axes.flat, networks):
        for run in (each for each in runs if each["network"] == network):
            seconds, points = 0.0, []
            for epoch in run["epochs"]:
                seconds += epoch["seconds"]
                points.append((seconds, 100 * (1 - epoch["test_accuracy"])))
            axis.plot(*zip(*points), marker="o", markersize=3, color=COLOURS[run["device"]],
                      linestyle="-" if run["kind"] == "same" else "--", label=NAMES[run["device"]] + _SUFFIXES[run["kind"]])
        axis.set(xscale="log", title=PUBLISHED[network].title, xlabel="s of training", ylabel="test error, %")
        axis.set_ylim(0, 1.05 * axis.get_ylim()[1])
        axis.xaxis.set_minor_formatter(NullFormatter())           # between powers of ten there is no room for them
        axis.grid(color="0.92")
    handles = {name: handle for axis in axes.flat[:len(networks)] for handle, name in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles, loc="lower center", ncols=4, frameon=False)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    return figure
