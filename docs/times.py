"""How long to a given error, worked out from records; see ``competitive.py``.

A curve by the reference has an emulated board's bits, so a board needs as many epochs; each is taken to be as long as those that
ran on the board.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

Record = Mapping[str, Any]
#: Test images that are wrong, in percent -> the figure of a row of ``dlgraph benchmark``.
TARGETS = {2.0: "seconds_to_98", 1.0: "seconds_to_99"}


@dataclass(frozen=True)
class Time:
    """Seconds of training until no more of the test images are wrong than ``target`` percent.

    :param epochs: until then; None where that is not recorded
    """

    epochs: int | None
    least: float
    middle: float
    most: float


def on_board(entry: Record, target: float) -> Time | None:
    """Of a network of ``whole_training``: epochs of its curve, each as long as those on the board were.

    :return: None where it gets no so good, or no epoch ran on a board yet
    """
    epochs = next((number for number, epoch in enumerate(entry["epochs"], 1) if epoch["test_error"] <= target), None)
    seconds = [row["machine_seconds"] for row in entry["on_board"]]
    if epochs is None or not seconds:
        return None
    return Time(epochs, epochs * min(seconds), epochs * float(median(seconds)), epochs * max(seconds))


def by_keras(record: Record | None, network: str, device: str, target: float) -> Time | None:
    """Of a row of ``dlgraph benchmark --to-the-end``."""
    for row in [] if record is None else record["rows"]:
        found = row["figures"][TARGETS[target]]
        if (row["network"], row["device"]) == (network, device) and found is not None:
            return Time(None, found["minimum"], found["median"], found["maximum"])
    return None


def figure(record: Record | None, network: str, device: str, name: str) -> dict[str, float] | None:
    """Another figure of such a row; None where there is none."""
    found: dict[str, float] | None = next((row["figures"][name] for row in (record or {"rows": []})["rows"]
                                           if (row["network"], row["device"]) == (network, device)), None)
    return found
