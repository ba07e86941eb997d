"""Half-open ranges of units, the coin in which layers are cut."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence


@dataclass(frozen=True, order=True)
class Interval:
    """Units ``start`` .. ``stop - 1``."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def overlap(self, other: Interval) -> Interval | None:
        """The units that both hold, or None."""
        start, stop = max(self.start, other.start), min(self.stop, other.stop)
        return Interval(start, stop) if start < stop else None


def split_evenly(n_units: int, n_parts: int, multiple: int) -> list[Interval]:
    """At most ``n_parts`` intervals that cover 0 .. n_units - 1, as even as boundaries at multiples allow.

    >>> split_evenly(100, 3, 8)
    [Interval(start=0, stop=40), Interval(start=40, stop=72), Interval(start=72, stop=100)]
    """
    n_blocks = -(-n_units // multiple)
    n_parts = min(n_parts, n_blocks)
    bounds = [min(n_units, -(-n_blocks * part // n_parts) * multiple) for part in range(n_parts + 1)]
    return [Interval(a, b) for a, b in zip(bounds, bounds[1:])]


def check_partition(parts: Sequence[Interval], n_units: int, multiple: int) -> None:
    """Raise ValueError unless the parts follow each other, cover 0 .. n_units - 1, and begin at multiples."""
    position = 0
    for part in parts:
        if part.start != position or not len(part) or part.start % multiple:
            raise ValueError(f"{list(parts)} does not cut {n_units} units at multiples of {multiple}")
        position = part.stop
    if position != n_units:
        raise ValueError(f"{list(parts)} does not cover {n_units} units")
