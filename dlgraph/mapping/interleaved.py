"""Where the replicas of a network of dense layers go: all copies of a vertex to one chip.

What such replicas exchange at the end of a batch is all of their parameters, twice, and more than all else that they send: on one
chip it loads no link.  What a replica sends for every sample goes the same ways for all of them.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Mapping, Sequence

from dlgraph.mapping.annealing import annealed
from dlgraph.mapping.cuts import TileCut
from dlgraph.mapping.placement import ChipRoom, place, sdram_suffices
from dlgraph.mapping.plan import Core, CoreKind, Plan
from dlgraph.mapping.topology import ONE_BOARD, Chip, Topology


def can_be_interleaved(plan: Plan) -> bool:
    """Whether there are replicas, of dense layers alone, none of which they share."""
    cut = plan.cut
    return cut.replicas > 1 and not cut.shared and not any(isinstance(stage, TileCut) for stage in cut.stages)


def interleaved(plan: Plan, chips: Sequence[ChipRoom], sdram: Mapping[Core, int],
                topology: Topology = ONE_BOARD) -> dict[Core, Chip]:
    """Coordinates of a chip for every core.

    The first replica is annealed over chips that have room for all copies of what stands there; input sources take what is left,
    spread so that what they send to all loads many links a little.

    :param chips: in order of preference
    :param sdram: bytes that cores need of their chip's
    :raises ValueError: if there is no room, or some of the copies are not to be placed here
    """
    n_copies = plan.cut.replicas
    first = [core for core in plan.cores if core.replica == 0 and core.kind is not CoreKind.INPUT_SOURCE]
    copies = _copies(plan, n_copies)
    room = [replace(chip, free=chip.free // n_copies, sdram=chip.sdram // n_copies) for chip in chips if chip.free >= n_copies]
    neighbourhoods = [[core for core in cores if core in copies] for cores in plan.neighbourhoods]
    placed = place([cores for cores in neighbourhoods if cores], room, sdram)
    nearer = annealed(plan, placed, {(chip.x, chip.y): chip.free for chip in room}, topology=topology)
    placed = nearer if sdram_suffices(nearer, room, sdram) else placed
    found = {copy: placed[core] for core in first for copy in copies[core]}
    free = {(chip.x, chip.y): chip.free for chip in chips}
    for chip_of in found.values():
        free[chip_of] -= 1
    load: dict[tuple[Chip, Chip], int] = {}
    for source in plan.cores:
        if source.kind is CoreKind.INPUT_SOURCE:
            found[source] = _least_loaded(source, found, free, load, topology)
            free[found[source]] -= 1
    return found


def _least_loaded(source: Core, found: Mapping[Core, Chip], free: Mapping[Chip, int], load: dict[tuple[Chip, Chip], int],
                  topology: Topology) -> Chip:
    """A chip for an input source, so that what all of them send to the first replica loads no link much; adds what it sends.

    :param load: words of a sample on each link
    :raises ValueError: if there is no room
    """
    streams = [stream for stream in source.streams_out if stream.consumers[0].replica == 0]
    best: tuple[tuple[int, int], Chip, dict[tuple[Chip, Chip], int]] | None = None
    for chip, n_free in free.items():
        if not n_free:
            continue
        own: dict[tuple[Chip, Chip], int] = {}
        for stream in streams:
            for link in {link for taker in stream.consumers for link in topology.way(chip, found[taker])}:
                own[link] = own.get(link, 0) + stream.n_words
        cost = (max((load.get(link, 0) + words for link, words in own.items()), default=0), sum(own.values()))
        if best is None or cost < best[0]:
            best = cost, chip, own
    if best is None:
        raise ValueError(f"no room for {source.label!r} beside the replicas")
    for link, words in best[2].items():
        load[link] = load.get(link, 0) + words
    return best[1]


def _copies(plan: Plan, n_copies: int) -> dict[Core, list[Core]]:
    """Of each core of the first replica, that core and what does the same in the others.

    :raises ValueError: where some of the copies are not to be placed here
    """
    alike: dict[tuple[object, ...], list[Core]] = {}
    for core in plan.cores:
        if core.kind is not CoreKind.INPUT_SOURCE:
            alike.setdefault((core.stage, core.kind, core.rows, core.columns), []).append(core)
    found = {cores[0]: cores for cores in alike.values()}
    if not all(len(cores) == n_copies and cores[0].replica == 0 for cores in found.values()):
        raise ValueError("places are given for some of the copies")
    return found
