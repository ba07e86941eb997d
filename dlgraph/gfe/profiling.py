"""Asks an emulated machine where cycles go, in the terms of the network's vertices."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dlgraph.binaries import BinariesError
from dlgraph.binaries.code import functions_of
from dlgraph.cycle_groups import WAITING, Work, work_ranges
from dlgraph.cycles import Cycles, VertexCycles
from dlgraph.gfe.traffic import N_LINKS

if TYPE_CHECKING:
    import spinnemu

#: (x, y, physical core).
Place = tuple[int, int, int]
#: Functions that begin where a pass does, and what comes behind it (c_models/layers/vertex.c, `start` and `store_result`).
_PASS_BEGINS, _PASS_ENDS = "streams_begin", "streams_sent"
_GROUP_OF = {work: number for number, work in enumerate(Work, start=1)}


def code_groups(binaries: Mapping[Place, Path]) -> list[spinnemu.CodeGroups]:
    """What the machine is told.

    :param binaries: the ``.aplx`` of every core that is counted
    :raises BinariesError: where it is not known what code is of
    """
    from spinnemu import CodeGroups
    cores: dict[Path, list[Place]] = {}
    for place, binary in binaries.items():
        cores.setdefault(binary, []).append(place)
    found = []
    for binary, places in cores.items():
        functions = functions_of(binary)
        at = {function.name: function.start for function in functions}
        missing = {_PASS_BEGINS, _PASS_ENDS} - set(at)
        if missing:
            raise BinariesError(f"The binary {binary.name} is no vertex of a network: it has no function {missing.pop()}.")
        found.append(CodeGroups([(start, end, _GROUP_OF[work]) for start, end, work in work_ranges(functions)], places,
                                at[_PASS_BEGINS], at[_PASS_ENDS]))
    return found


def counted(awake: Sequence[int], cycles: int) -> dict[str, int]:
    """What a core did with the cycles of a pass, by what for.

    :param awake: by group, as the machine counted; code outside all groups is the runtime's
    :param cycles: of the pass, no fewer
    """
    found = {work.value: awake[group] for work, group in _GROUP_OF.items()}
    found[Work.RUNTIME.value] += sum(awake) - sum(found.values())
    found[WAITING] = cycles - sum(found.values())
    return found


def cycles_of_pass(machine: str, n_samples: int, cycles: int, vertices: Sequence[tuple[VertexCycles, Place]],
                   profile: spinnemu.Profile, before: spinnemu.Counters, after: spinnemu.Counters) -> Cycles:
    """The report of a pass.

    :param cycles: from its start to the end of its last core, by the cores' own clocks
    :param vertices: without cycles so far, each with where it is
    """
    links = {at: packets - before.link_packets[at] for at, packets in after.link_packets.items() if at[2] < N_LINKS}
    cycles = max(cycles, *(profile.cores[place].total for _, place in vertices))      # some instructions more
    told = tuple(VertexCycles(vertex.label, vertex.layer, vertex.kind, vertex.chip, vertex.core,
                              counted(profile.cores[place].groups, cycles)) for vertex, place in vertices)
    return Cycles(machine, n_samples, cycles, told, links)
