"""What a process holds of this computer, by ``/proc``: for runs that look for leaks."""
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

PROC = Path("/proc")


@dataclass(frozen=True)
class Held:
    """What one process holds at a moment.

    :param resident_bytes: of memory, ``VmRSS`` of proc(5)
    :param children: processes that it started, whether or not they have ended unnoticed
    """

    resident_bytes: int
    open_files: int
    threads: int
    children: int


def held_by(process_id: int) -> Held:
    """:raises OSError: where there is no such process"""
    folder = PROC / str(process_id)
    status = dict(line.split(":", 1) for line in (folder / "status").read_text(encoding="utf-8").splitlines())
    tasks = list((folder / "task").iterdir())
    children = sum(len((task / "children").read_text(encoding="ascii").split()) for task in tasks)
    return Held(int(status["VmRSS"].split()[0]) * 1024, len(os.listdir(folder / "fd")), len(tasks), children)


def growth_per_step(values: Sequence[float]) -> float:
    """How much a quantity grows from one value to the next: the median of the slopes of all pairs of values (Theil and Sen), which
    a few outliers do not move.

    :param values: at least two
    """
    slopes = sorted((later - earlier) / (j - i) for i, earlier in enumerate(values)
                    for j, later in enumerate(values[i + 1:], start=i + 1))
    middle = len(slopes) // 2
    return slopes[middle] if len(slopes) % 2 else (slopes[middle - 1] + slopes[middle]) / 2
