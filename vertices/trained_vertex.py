"""What vertices share that hold parameters (C side: ``c_models/layers/trained.c``)."""
from __future__ import annotations

from abc import abstractmethod

import numpy as np

from dlgraph.layers import Int32Array
from dlgraph.mapping.plan import Core, Plan
from dlgraph.vertices.network_vertex import NetworkVertex
from dlgraph.vertices.regions import Region

#: For what the batches of a pass differ in; a pass of more batches than fit is made in parts.
STEPS_BYTES = 64 << 10


class TrainedVertex(NetworkVertex):
    """A part of a layer's weights or biases.

    :param n_planes: words that the optimiser keeps of every parameter
    """

    #: :data:`~dlgraph.optimisers.WEIGHTS` or :data:`~dlgraph.optimisers.BIASES`
    part: int

    def __init__(self, core: Core, plan: Plan, binary: str, n_planes: int) -> None:
        super().__init__(core, plan, binary)
        self.n_planes = n_planes

    @property
    @abstractmethod
    def parameter_bytes(self) -> int:
        """Size of the parameters in memory."""

    @abstractmethod
    def to_memory(self, parameters: Int32Array) -> bytes:
        """The region's bytes from the layer's weights or biases."""

    @abstractmethod
    def from_memory(self, data: bytes, parameters: Int32Array) -> None:
        """Put the region's bytes into their place in the layer's weights or biases."""

    def state_to_memory(self, state: Int32Array) -> bytes:
        """The state region's bytes from the planes of the layer's weights or biases."""
        return b"".join(self.to_memory(plane) for plane in state)

    def state_from_memory(self, data: bytes, state: Int32Array) -> None:
        """Put the state region's bytes into their place in the planes."""
        for number, plane in enumerate(state):
            self.from_memory(data[number * self.parameter_bytes:(number + 1) * self.parameter_bytes], plane)

    def extra_regions(self) -> dict[Region, int]:
        regions = {Region.PARAMETERS: self.parameter_bytes, Region.STEPS: STEPS_BYTES}
        if self.n_planes:
            regions[Region.STATE] = self.n_planes * self.parameter_bytes
        return regions


def block(data: bytes, *shape: int) -> Int32Array:
    """Words from memory."""
    return np.frombuffer(data, "<i4").reshape(shape)
