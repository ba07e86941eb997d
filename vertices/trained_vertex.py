"""What vertices share that hold parameters (C side: ``c_models/layers/trained.c``, ``exchange.c``)."""
from __future__ import annotations

from abc import abstractmethod
from typing import Sequence

import numpy as np
import numpy.typing as npt

from dlgraph.layers import Int32Array
from dlgraph.mapping.plan import Core, Plan
from dlgraph.vertices.network_vertex import NetworkVertex
from dlgraph.vertices.regions import Region

#: For what the batches of a pass differ in, of one array; a pass of more batches than fit is made in parts
#: (c_models/layers/trained.h).
STEPS_BYTES = 64 << 10

#: (weights, biases) of a layer, or of one plane of what the optimiser keeps of them.
Arrays = Sequence[Int32Array]


class TrainedVertex(NetworkVertex):
    """A part of a layer's weights or biases, or of both.

    :ivar n_planes: words that the optimiser keeps of every parameter
    """

    #: Which of :data:`~dlgraph.optimisers.WEIGHTS` and :data:`~dlgraph.optimisers.BIASES` it trains.
    parts: tuple[int, ...]

    def __init__(self, core: Core, plan: Plan, binary: str) -> None:
        super().__init__(core, plan, binary)
        self.n_planes = len(plan.graph.optimiser.planes)
        exchange = core.exchange
        #: ``exchange_shape_t``; empty where the vertex exchanges nothing.
        self.exchange_words = exchange.shape_words(core.peer) if exchange is not None else []
        #: Of the words of its parameters those that it updates itself; None: all.
        self._own: npt.NDArray[np.bool_] | None = None
        if exchange is not None:
            places = np.arange(exchange.n_words) % exchange.segment
            self._own = (places >= core.own_share.start) & (places < core.own_share.stop)

    @property
    @abstractmethod
    def parameter_bytes(self) -> int:
        """Size of the parameters in memory."""

    @abstractmethod
    def parameters_to_memory(self, arrays: Arrays) -> bytes:
        """The region's bytes from the layer's weights and biases."""

    @abstractmethod
    def parameters_from_memory(self, data: bytes, arrays: Arrays) -> None:
        """Put the region's bytes into their place in the layer's weights and biases."""

    @property
    def keeps_in_dtcm(self) -> bool:
        """Whether it has parameters and state in DTCM during a pass, else it works on its regions in SDRAM."""
        return not self.core.in_sdram

    @property
    def tells_parameters(self) -> bool:
        """Whether the host reads its parameters after training: others may hold the same."""
        return self.core.peer == 0 and self.core.replica == 0

    def plane_from_memory(self, data: bytes, arrays: Arrays) -> None:
        """Put one plane of the state, as far as it is this vertex's, into its place."""
        if self._own is None:
            self.parameters_from_memory(data, arrays)
            return
        words = np.frombuffer(self.parameters_to_memory(arrays), "<i4").copy()
        words[self._own] = block(data, -1)[self._own]
        self.parameters_from_memory(words.tobytes(), arrays)

    def state_to_memory(self, state: Sequence[Int32Array]) -> bytes:
        """The state region's bytes from the planes of the layer's weights and biases."""
        return b"".join(self.parameters_to_memory(arrays) for arrays in zip(*state, strict=True))

    def state_from_memory(self, data: bytes, state: Sequence[Int32Array]) -> None:
        """Put the state region's bytes into their place in the planes."""
        n = self.parameter_bytes
        for number, arrays in enumerate(zip(*state, strict=True)):
            self.plane_from_memory(data[number * n:(number + 1) * n], arrays)

    def extra_regions(self) -> dict[Region, int]:
        regions = {Region.PARAMETERS: self.parameter_bytes, Region.STEPS: len(self.parts) * STEPS_BYTES}
        if self.n_planes:
            regions[Region.STATE] = self.n_planes * self.parameter_bytes
        return regions


def block(data: bytes, *shape: int) -> Int32Array:
    """Words from memory."""
    return np.frombuffer(data, "<i4").reshape(shape)
