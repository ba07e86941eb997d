"""Where the replicas of a network go: each to a part of the machine of its own, the input sources to the middle.

Within a replica every sample makes packets, between replicas only the end of a batch does.
"""
from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Callable, Mapping, Sequence

from dlgraph.mapping.annealing import LEAST_SPREAD, annealed, hops, spread, worth_annealing
from dlgraph.mapping.interleaved import can_be_interleaved, interleaved
from dlgraph.mapping.placement import ChipRoom, place, sdram_suffices
from dlgraph.mapping.plan import Core, CoreKind, Plan


def place_plan(plan: Plan, chips: Sequence[ChipRoom], sdram: Mapping[Core, int]) -> dict[Core, tuple[int, int]]:
    """Coordinates of a chip for every core of a plan.

    :param chips: in order of preference
    :param sdram: bytes that cores need of their chip's
    :raises ValueError: if there is no room
    """
    if can_be_interleaved(plan):
        with contextlib.suppress(ValueError):           # some chip has too little left
            return interleaved(plan, chips, sdram)
    if plan.cut.replicas > 1:
        with contextlib.suppress(ValueError):           # too many replicas to have chips of their own
            return _in_regions(plan, chips, sdram)
    return _place(plan, plan.neighbourhoods, chips, sdram)


def _in_regions(plan: Plan, chips: Sequence[ChipRoom], sdram: Mapping[Core, int]) -> dict[Core, tuple[int, int]]:
    """What the replicas share in the middle, the replicas around it."""
    middle = sorted(chips, key=lambda chip: _distance(chip, chips))
    sources = [core for core in plan.cores if core.kind is CoreKind.INPUT_SOURCE]
    placed: dict[Core, tuple[int, int]] = {}
    left = {(chip.x, chip.y): chip for chip in middle}
    for source, chip in zip(sources, middle):
        room = left[chip.x, chip.y]
        if not room.free or room.sdram < sdram[source]:
            raise ValueError(f"no room for {source.label!r} in the middle of the machine")
        left[chip.x, chip.y] = replace(room, free=room.free - 1, sdram=room.sdram - sdram[source])
        placed[source] = chip.x, chip.y
    shared = _neighbourhoods(plan, lambda core: core.stage in plan.cut.shared)
    used: set[tuple[int, int]] = set()
    if shared:
        n_chips = -(-sum(map(len, shared)) // LEAST_SPREAD)
        placed.update(_place(plan, shared, list(left.values())[:n_chips], sdram))
        used = {placed[core] for cores in shared for core in cores}
    outside = [left[chip.x, chip.y] for chip in chips if (chip.x, chip.y) not in used]
    # a replica that fits a chip stays on one, if there are enough that have room for it
    size = sum(map(len, _of_replica(plan, 0)))
    roomy = [chip for chip in outside if chip.free >= size]
    if len(roomy) >= plan.cut.replicas:
        outside = roomy
    for replica, region in enumerate(regions(outside, plan.cut.replicas)):
        placed.update(_on_one_chip(plan, replica, region, sdram) or _place(plan, _of_replica(plan, replica), region, sdram))
    return placed


def _on_one_chip(plan: Plan, replica: int, region: Sequence[ChipRoom], sdram: Mapping[Core, int]) -> dict[Core, tuple[int, int]]:
    """A replica on the first chip that has room for it; empty if none has.  What it exchanges for every sample loads no link."""
    cores = [core for neighbours in _of_replica(plan, replica) for core in neighbours]
    for chip in region:
        if chip.free >= len(cores) and chip.sdram >= sum(sdram[core] for core in cores):
            return {core: (chip.x, chip.y) for core in cores}
    return {}


def _of_replica(plan: Plan, replica: int) -> list[list[Core]]:
    return _neighbourhoods(plan, lambda core: (core.replica == replica and core.stage not in plan.cut.shared
                                               and core.kind is not CoreKind.INPUT_SOURCE))


def _neighbourhoods(plan: Plan, wanted: Callable[[Core], bool]) -> list[list[Core]]:
    found = [[core for core in cores if wanted(core)] for cores in plan.neighbourhoods]
    return [cores for cores in found if cores]


def _place(plan: Plan, neighbourhoods: Sequence[Sequence[Core]], chips: Sequence[ChipRoom],
           sdram: Mapping[Core, int]) -> dict[Core, tuple[int, int]]:
    if not worth_annealing(plan):
        return place(neighbourhoods, chips, sdram)
    room = spread(sum(map(len, neighbourhoods)), chips)
    placed = place(neighbourhoods, room, sdram)
    nearer = annealed(plan, placed, {(chip.x, chip.y): chip.free for chip in room})
    return nearer if sdram_suffices(nearer, room, sdram) else placed


def regions(chips: Sequence[ChipRoom], n: int) -> list[list[ChipRoom]]:
    """The chips in ``n`` parts of about the same number, each of chips that are near each other.

    :raises ValueError: if there are fewer chips than parts
    """
    if len(chips) < n:
        raise ValueError(f"{len(chips)} chips are not enough for {n} regions")
    left = list(chips)
    found = []
    for number in range(n):
        size = round(len(left) / (n - number))
        # from the rim inwards, or what is left in the end lies scattered
        region = [max(left, key=lambda chip: _distance(chip, left))]
        left.remove(region[0])
        while len(region) < size:
            nearest = min(left, key=lambda chip: (_distance(chip, region), -_distance(chip, left)))
            left.remove(nearest)
            region.append(nearest)
        found.append(region)
    return found


def _distance(chip: ChipRoom, others: Sequence[ChipRoom]) -> int:
    return sum(hops((chip.x, chip.y), (other.x, other.y)) for other in others)
