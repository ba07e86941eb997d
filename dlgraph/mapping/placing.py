"""Where a plan's cores stand, and the distances that its packets keep there: of two ways the one that is expected to be faster.

Neighbourhoods in their order, on as few chips as hold them, are hard to better where one layer has most of the traffic.  In deeper
networks they send much through a few links, and the distances that follow (``pacing.py``) hold cores up; then annealing over
many chips is tried.
"""
from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Mapping, Sequence

from dlgraph.mapping.annealing import annealed, spread, worth_annealing
from dlgraph.mapping.expected import ChosenCut, expected
from dlgraph.mapping.pacing import pace
from dlgraph.mapping.placement import ChipRoom, place, sdram_suffices
from dlgraph.mapping.plan import Core, CoreKind, Plan
from dlgraph.mapping.regions import place_plan
from dlgraph.mapping.topology import ONE_BOARD, Chip, Topology

#: Annealing takes seconds: it is tried only where more cycles than this, times what the cut was chosen for, are expected.
SATISFYING = 1.1


def place_and_pace(choice: ChosenCut, chips: Sequence[ChipRoom], sdram: Mapping[Core, int],
                   topology: Topology = ONE_BOARD) -> dict[Core, Chip]:
    """Coordinates of a chip for every core; sets the distances of the plan's streams.

    Cores whose places are given stand there; the others are placed on what these leave.

    :param chips: in order of preference
    :param sdram: bytes that cores need of their chip's
    :raises ValueError: if there is no room
    """
    given = {core: where[:2] for core, where in choice.fixed.items()}
    plan = _without(choice.plan, given)
    chips = _left(chips, given, sdram)
    if not plan.cores:
        pace(choice.plan, given, topology)
        return given
    placed = {**given, **place_plan(plan, chips, sdram, topology)}
    cycles = _cycles(choice, placed, topology)
    if cycles > SATISFYING * choice.cautious and _can_be_spread(plan):
        with contextlib.suppress(ValueError):           # no room for it
            rest = _spread_out(plan, chips, sdram, topology)
            other = {**given, **rest}
            if sdram_suffices(rest, chips, sdram) and _cycles(choice, other, topology) < cycles:
                return other
        pace(choice.plan, placed, topology)
    return placed


def _without(plan: Plan, given: Mapping[Core, Chip]) -> Plan:
    """The plan with the cores that are still to be placed."""
    if not given:
        return plan
    together = [[core for core in cores if core not in given] for cores in plan.neighbourhoods]
    return replace(plan, cores=[core for core in plan.cores if core not in given],
                   neighbourhoods=[cores for cores in together if cores])


def _left(chips: Sequence[ChipRoom], given: Mapping[Core, Chip], sdram: Mapping[Core, int]) -> list[ChipRoom]:
    """What the cores whose places are given leave of the chips.

    :raises ValueError: where they do not fit
    """
    left = {(chip.x, chip.y): chip for chip in chips}
    for core, at in given.items():
        if at not in left:
            raise ValueError(f"{core.label!r} is to stand on chip {at}, which is not there or does not answer")
        left[at] = replace(left[at], free=left[at].free - 1, sdram=left[at].sdram - sdram[core])
    for at, chip in left.items():
        if chip.free < 0 or chip.sdram < 0:
            what = f"{-chip.free} cores" if chip.free < 0 else f"{-chip.sdram} bytes of SDRAM"
            raise ValueError(f"what is to stand on chip {at} needs {what} more than it has")
    return list(left.values())


def _cycles(choice: ChosenCut, placed: Mapping[Core, Chip], topology: Topology) -> float:
    """Expected cycles per sample; sets the distances."""
    pace(choice.plan, placed, topology)
    return expected(choice.plan, choice.batch_size, choice.input_density).cautious


def _can_be_spread(plan: Plan) -> bool:
    """Whether it is placed in one piece, and not annealed anyway; and whether there is more than sources, which stay."""
    return (plan.cut.replicas == 1 and not worth_annealing(plan) and not any(core.in_sdram for core in plan.cores)
            and any(core.kind is not CoreKind.INPUT_SOURCE for core in plan.cores))


def _spread_out(plan: Plan, chips: Sequence[ChipRoom], sdram: Mapping[Core, int], topology: Topology) -> dict[Core, Chip]:
    """Annealed, on many chips; input sources stay on the first, where samples are written fastest."""
    sources = [core for core in plan.cores if core.kind is CoreKind.INPUT_SOURCE]
    others = [[core for core in cores if core.kind is not CoreKind.INPUT_SOURCE] for cores in plan.neighbourhoods]
    placed = place([sources], chips, sdram)
    taken = list(placed.values())
    left = [replace(chip, free=chip.free - taken.count((chip.x, chip.y))) for chip in chips]
    room = spread(len(plan.cores) - len(sources), left)
    rest = place([cores for cores in others if cores], room, sdram)
    return {**placed, **annealed(plan, rest, {(chip.x, chip.y): chip.free for chip in room}, topology=topology)}
