"""The plan of a network for a machine, before that is touched."""
from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Mapping, Sequence

from dlgraph.errors import DoesNotFit
from dlgraph.layer_graph import LayerGraph
from dlgraph.mapping.choose import choose_plan
from dlgraph.mapping.cuts import Blocks, explicit_cut
from dlgraph.mapping.expected import ChosenCut, chosen, complaints
from dlgraph.mapping.fixed import fixed_places
from dlgraph.mapping.input_density import InputDensity, mean_density
from dlgraph.mapping.kept_choices import keep, kept, place_of
from dlgraph.mapping.memory import sdram_bytes
from dlgraph.mapping.neighbourhoods import CHIP_CORES
from dlgraph.mapping.placement import ChipRoom, place
from dlgraph.mapping.plan import Plan, make_plan
from dlgraph.mapping.probes import Probe, add_probes, probes_of
from dlgraph.mapping.stages import Stage

#: Application cores of each board with GFE's default of one extra monitor per chip and a packet gatherer
#: (18 cores less SC&MP's, chips with 17 cores counted as such on a board of 48).
CORES_OF_VERSION = {"3": 60, "5": 759}
CHIPS_OF_VERSION = {"3": 4, "5": 48}


def cores_of(version: str, boards: int = 1) -> int:
    """Cores that a machine has for vertices, as far as that is known before it is there."""
    return CORES_OF_VERSION[version] * boards


def plan_for_board(graph: LayerGraph, stages: Sequence[Stage], max_cores: int, batch_size: int, input_density: InputDensity, *,
                   cuts: Mapping[str, Blocks] | None = None, n_sources: int = 1, window: int = 4, replicas: int = 1,
                   share_dense: bool = False, shared_window: int = 0, probes: Sequence[Probe] = (),
                   place: Mapping[str, Sequence[int]] | None = None, version: str = "5", boards: int = 1) -> ChosenCut:
    """The plan that the cost model likes best, or that of a cut given by hand, with probes and given places.

    :param max_cores: that the machine has for vertices, such as :func:`cores_of` says
    :param input_density: share of the inputs that are not zero
    :param cuts: as :func:`~dlgraph.mapping.cuts.explicit_cut` takes them, like those up to ``shared_window``; None: the cost
        model chooses
    :param probes: as :func:`~dlgraph.mapping.probes.add_probes` takes them
    :param place: as :func:`~dlgraph.mapping.fixed.fixed_places` takes it
    :param version: of its boards, for these places
    :param boards: how many, likewise
    :raises DoesNotFit: naming layer and resource
    :raises DataError: for a probe, or a place, of nothing that there is
    """
    if cuts is None:
        found = _choice(graph, stages, batch_size, max_cores, input_density)
        if probes:
            found = _with_probes(found, probes, max_cores)
    else:
        plan = make_plan(graph, stages, explicit_cut(stages, cuts, n_sources, window, replicas, share_dense, shared_window))
        if probes:
            plan = add_probes(plan, probes)
        wrong = list(complaints(plan).values())
        if len(plan.cores) > max_cores:
            wrong.append(f"it needs {len(plan.cores)} cores, the machine has {max_cores}")
        if wrong:
            raise DoesNotFit(f"The cut given does not fit the machine: {'; '.join(wrong)}.")
        found = chosen(plan, batch_size, input_density)
    return replace(found, fixed=fixed_places(found.plan, place, version, boards)) if place else found


def _choice(graph: LayerGraph, stages: Sequence[Stage], batch_size: int, max_cores: int, input_density: InputDensity) -> ChosenCut:
    """What the cost model likes best; where the same was chosen before, without choosing again."""
    place = place_of(graph, stages, batch_size, max_cores, mean_density(input_density))
    cut = kept(place)
    if cut is not None:
        with contextlib.suppress(Exception):                  # a file may hold anything; choosing says what is wrong
            plan = make_plan(graph, stages, cut)
            if len(plan.cores) <= max_cores and not complaints(plan):
                return chosen(plan, batch_size, input_density)
    found = choose_plan(graph, stages, batch_size, max_cores, input_density)
    keep(place, found.cut)
    return found


def _with_probes(alone: ChosenCut, probes: Sequence[Probe], max_cores: int) -> ChosenCut:
    """What the cost model likes best with probes: of a smaller machine, where they need cores of those that there are."""
    room = max_cores
    graph, stages = alone.plan.graph, alone.plan.stages
    while True:
        plan = add_probes(alone.plan, probes)
        wrong = list(complaints(plan).values())
        if wrong:
            raise DoesNotFit(f"The probes do not fit the machine: {'; '.join(wrong)}. Record fewer streams, or give cuts by hand.")
        over = len(plan.cores) - max_cores
        if over <= 0:
            return chosen(plan, alone.batch_size, alone.input_density)
        room -= over
        if room <= 0:
            raise DoesNotFit(f"The network needs {len(plan.cores)} cores with its {len(probes_of(plan))} probes, the machine has "
                             f"{max_cores}. Record fewer streams.")
        alone = choose_plan(graph, stages, alone.batch_size, room, alone.input_density)


def fewest_chips(plan: Plan, version: str, boards: int = 1) -> int:
    """How many chips of a machine hold the plan's cores, where they stand as close as they can.

    Networks whose layers exchange much are spread over more (``placing.py``).
    """
    own = CHIPS_OF_VERSION[version]                # of a board, one with the Ethernet
    chips = [ChipRoom(number, 0, CHIP_CORES - (number % own == 0)) for number in range(own * boards)]
    placed = place(plan.neighbourhoods, chips, {core: sdram_bytes(plan, core) for core in plan.cores})
    return len(set(placed.values()))
