"""Figures that others have published, with source and conditions.  They stand beside measured rows, never among them."""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "published.json"
#: How a figure came here: read in the source itself, in another text that gives it, worked out from figures of the source, or
#: measured by us, though not in this benchmark.
SEEN = ("source", "quoted", "derived", "measured")


@dataclass(frozen=True)
class PublishedFigure:
    """What somebody else says.

    :param system: chip or computer, and program
    :param group: what it stands for here, such as ``"Loihi"``
    :param task: data and network
    :param training: False for recognition alone
    :param figures: in words, as published
    :param accuracy_percent: of test samples; None where it is not given, like the numbers that follow
    :param joules_per_sample: of training, or of recognition
    :param seconds_per_sample: likewise
    :param seconds_per_training: to the accuracy given
    :param conditions: what to know before comparing
    :param source: who says it, and where
    :param seen: of :data:`SEEN`
    """

    system: str
    group: str
    task: str
    training: bool
    figures: str
    accuracy_percent: float | None
    joules_per_sample: float | None
    seconds_per_sample: float | None
    seconds_per_training: float | None
    conditions: str
    source: str
    seen: str


@lru_cache(maxsize=1)
def published() -> tuple[PublishedFigure, ...]:
    """All of them."""
    return tuple(PublishedFigure(**row) for row in json.loads(FILE.read_text(encoding="utf-8")))


def published_json() -> list[dict[str, Any]]:
    """For a record."""
    return [asdict(each) for each in published()]
