"""Parameters and the optimiser's state on their way to the cores that train them.

Replicas of the network, and tiles of one layer, begin with the same parameters: hundreds of cores with the same few kilobytes.
Those go to every chip once (:mod:`dlgraph.gfe.tree_copies`), and each core takes its own from there; what only one core has goes
into its region.  An optimiser that has not made a step has nothing but zeros, which cores make themselves.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterable

from dlgraph.gfe.tree_copies import BUFFER_BYTES
from dlgraph.vertices import NetworkVertex
from dlgraph.vertices.pass_parameters import FRESH_STATE, LOAD
from dlgraph.vertices.regions import Region
from dlgraph.vertices.trained_vertex import TrainedVertex

#: That have to be saved before bytes are shared: a copy to every chip takes as long as some requests.
WORTH_BYTES = 16 << 10


@dataclass
class ParameterLoads:
    """What is to be written where, before cores take parameters.

    :ivar blocks: for the regions of vertices
    :ivar shared: for every chip with one of the vertices that share
    :ivar offsets: of those, where in ``shared`` its parameters begin
    :ivar fresh: vertices whose optimiser's state is all zero
    """

    blocks: list[tuple[NetworkVertex, Region, int, bytes]] = field(default_factory=list)
    shared: bytes = b""
    offsets: dict[TrainedVertex, int] = field(default_factory=dict)
    fresh: set[TrainedVertex] = field(default_factory=set)

    def word(self, vertex: NetworkVertex, shared_at: int) -> int:
        """``load_parameters`` of a vertex's pass.

        :param shared_at: the address of ``shared``
        """
        if not isinstance(vertex, TrainedVertex):
            return LOAD
        address = shared_at + self.offsets[vertex] if vertex in self.offsets else 0
        return address | LOAD | (FRESH_STATE if vertex in self.fresh else 0)


def parameter_loads(parts: Iterable[tuple[TrainedVertex, bytes, bytes]]) -> ParameterLoads:
    """What to write where.

    :param parts: vertices with their parameters, whole words, and the optimiser's state, as they lie in memory
    """
    loads = ParameterLoads()
    same: dict[bytes, list[TrainedVertex]] = {}
    for vertex, parameters, state in parts:
        if vertex.keeps_in_dtcm:
            same.setdefault(parameters, []).append(vertex)
        else:
            loads.blocks.append((vertex, Region.PARAMETERS, 0, parameters))
        if vertex.keeps_in_dtcm and not any(state):
            loads.fresh.add(vertex)
        elif state:
            loads.blocks.append((vertex, Region.STATE, 0, state))
    shared = _worth_sharing(same)
    loads.shared = b"".join(shared)
    offset = 0
    for parameters in shared:
        loads.offsets.update(dict.fromkeys(same.pop(parameters), offset))
        offset += len(parameters)
    loads.blocks += [(vertex, Region.PARAMETERS, 0, parameters) for parameters, vertices in same.items() for vertex in vertices]
    return loads


def _worth_sharing(same: dict[bytes, list[TrainedVertex]]) -> list[bytes]:
    """Those that save most, as many as there is room for."""
    saved = {parameters: len(parameters) * (len(vertices) - 1) for parameters, vertices in same.items() if len(vertices) > 1}
    chosen: list[bytes] = []
    for parameters in sorted(saved, key=lambda parameters: -saved[parameters]):
        if sum(map(len, chosen)) + len(parameters) <= BUFFER_BYTES:
            chosen.append(parameters)
    return chosen if sum(saved[parameters] for parameters in chosen) >= WORTH_BYTES else []
