"""Placement by annealing: cores that exchange many packets come to stand on one chip, or on chips side by side."""
from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Sequence

import numpy as np
import numpy.typing as npt

from dlgraph.mapping.cuts import TileCut
from dlgraph.mapping.placement import ChipRoom
from dlgraph.mapping.plan import Core, Plan
from dlgraph.mapping.topology import ONE_BOARD, Topology

MOVES_PER_CORE = 400
LEAST_SPREAD = 4                 # cores on a chip
#: Cost that a move may add, as a share of what a core costs, in the beginning and in the end.
FIRST_HEAT, LAST_HEAT = 0.3, 0.003


def spread(n_cores: int, chips: Sequence[ChipRoom]) -> list[ChipRoom]:
    """Chips with room for fewer cores, so that a network takes many chips and with them many links: a router through which
    a few links must take all that 16 cores send at once stands still for long.

    :param n_cores: of the network
    """
    most = max(LEAST_SPREAD, -(-5 * n_cores // (4 * len(chips))))
    return [replace(chip, free=min(chip.free, most)) for chip in chips]


def worth_annealing(plan: Plan) -> bool:
    """Whether there are tiles, for whose traffic no simple order is good; not where places hang on SDRAM as well."""
    return (any(isinstance(cut, TileCut) for cut in plan.cut.stages)
            and not any(core.in_sdram for core in plan.cores))


def annealed(plan: Plan, placed: dict[Core, tuple[int, int]], free: dict[tuple[int, int], int],
             seed: int = 0, topology: Topology = ONE_BOARD) -> dict[Core, tuple[int, int]]:
    """A placement with less traffic between chips.

    :param placed: to begin with; cores that are not in it stay out of account
    :param free: cores that each chip has for the network
    """
    chips = list(free)
    number = {chip: i for i, chip in enumerate(chips)}
    distance = np.array([[topology.distance(a, b) for b in chips] for a in chips])
    near = np.array([[topology.hops(a, b) <= 1 for b in chips] for a in chips])
    cores = list(placed)
    partners, weights = _traffic(plan, cores)
    at = np.array([number[placed[core]] for core in cores])
    residents: list[list[int | None]] = [[None] * free[chip] for chip in chips]
    for core, chip in enumerate(at):
        residents[chip][residents[chip].index(None)] = core

    choice = random.Random(seed)
    n_moves = MOVES_PER_CORE * len(cores)
    typical = sum(float(weights[i] @ distance[at[i], at[partners[i]]]) for i in range(len(cores))) / len(cores) + 1
    for move in range(n_moves):
        heat = typical * FIRST_HEAT * (LAST_HEAT / FIRST_HEAT) ** (move / n_moves)
        core = choice.randrange(len(cores))
        if not len(partners[core]):
            continue
        here = int(at[core])
        # near some partner: on its chip, or on a chip beside it
        wanted = int(at[partners[core][choice.randrange(len(partners[core]))]])
        there = choice.choice(np.flatnonzero(near[wanted]).tolist())
        if there == here or not residents[there]:
            continue
        place = choice.randrange(len(residents[there]))
        other = residents[there][place]
        gain = _cost(core, there, at, partners, weights, distance) - _cost(core, here, at, partners, weights, distance)
        if other is not None:
            gain += _cost(other, here, at, partners, weights, distance) - _cost(other, there, at, partners, weights, distance)
            gain += 2 * float(weights[core][partners[core] == other].sum()) * distance[here, there]
        if gain <= 0 or choice.random() < math.exp(-gain / heat):
            residents[there][place] = core
            residents[here][residents[here].index(core)] = other
            at[core] = there
            if other is not None:
                at[other] = here
    return {core: chips[at[i]] for i, core in enumerate(cores)}


def _cost(core: int, chip: int, at: npt.NDArray[np.int64], partners: list[npt.NDArray[np.int64]],
          weights: list[npt.NDArray[np.float64]], distance: npt.NDArray[np.float64]) -> float:
    """Packets times links of a core, were it on this chip."""
    return float(weights[core] @ distance[chip, at[partners[core]]])


def _traffic(plan: Plan, cores: list[Core]) -> tuple[list[npt.NDArray[np.int64]], list[npt.NDArray[np.float64]]]:
    """Of each core, whom it exchanges packets with, and how many in a sample, both ways."""
    number = {core: i for i, core in enumerate(cores)}
    between: list[dict[int, float]] = [{} for _ in cores]
    for stream in plan.streams:
        a = number.get(stream.producer)
        if a is None:
            continue
        for consumer in stream.consumers:
            b = number.get(consumer)
            if b is None:
                continue
            for one, two in ((a, b), (b, a)):
                between[one][two] = between[one].get(two, 0.0) + stream.n_words + 1
    return ([np.array(list(of_core), np.int64) for of_core in between],
            [np.array(list(of_core.values())) for of_core in between])
