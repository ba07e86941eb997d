"""Which chip each core goes to: neighbourhoods of the plan together, on as few chips as hold them.

A group of units and the weight slices that stand with it exchange several packets per unit and sample; on one chip these load
no link.  GFE's own placer fills chip after chip and splits neighbourhoods wherever a chip is full.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence

from dlgraph.mapping.plan import Core


@dataclass
class ChipRoom:
    """Cores and bytes of SDRAM that a chip has free for the network."""

    x: int
    y: int
    free: int
    sdram: int = 100 << 20


def place(neighbourhoods: Sequence[Sequence[Core]], chips: Sequence[ChipRoom],
          sdram: Mapping[Core, int] | None = None) -> dict[Core, tuple[int, int]]:
    """Coordinates of a chip for every core.

    :param neighbourhoods: cores that belong together, those that exchange much with each other following each other
    :param chips: in order of preference: nearest first
    :param sdram: bytes that cores need of their chip's
    :raises ValueError: if there are more cores than room
    """
    free = [chip.free for chip in chips]
    left = [chip.sdram for chip in chips]
    needed = sdram or {}
    placed: dict[Core, tuple[int, int]] = {}
    for cores in neighbourhoods:
        waiting = list(cores)
        together = sum(needed.get(core, 0) for core in cores)
        whole = next((i for i, room in enumerate(free) if room >= len(waiting) and left[i] >= together), None)
        order = [whole] if whole is not None else range(len(free))
        for i in order:
            while waiting and free[i] and left[i] >= needed.get(waiting[0], 0):
                free[i] -= 1
                left[i] -= needed.get(waiting[0], 0)
                placed[waiting.pop(0)] = chips[i].x, chips[i].y
        if waiting and any(free):
            most = max(room for room, n_free in zip(left, free) if n_free)
            raise ValueError(f"{waiting[0].label!r} needs {needed.get(waiting[0], 0)} bytes of SDRAM, chips with a free core have "
                             f"at most {most} left")
        if waiting:
            raise ValueError(f"{len(waiting)} cores of {waiting[0].label!r} and its neighbours find no room")
    return placed


def sdram_suffices(placed: Mapping[Core, tuple[int, int]], chips: Sequence[ChipRoom], sdram: Mapping[Core, int]) -> bool:
    """Whether every chip has the SDRAM that its cores need."""
    left = {(chip.x, chip.y): chip.sdram for chip in chips}
    for core, chip in placed.items():
        left[chip] -= sdram[core]
    return min(left.values()) >= 0
