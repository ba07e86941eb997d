"""What neuron groups and output groups share: they hold biases."""
from __future__ import annotations

import numpy as np

from dlgraph.layer_graph import Int32Array
from dlgraph.vertices.network_vertex import NetworkVertex
from dlgraph.vertices.regions import Region


class GroupVertex(NetworkVertex):
    """Units ``core.columns`` of a layer."""

    @property
    def n_units(self) -> int:
        return len(self.core.columns)

    def extra_regions(self) -> dict[Region, int]:
        return {Region.PARAMETERS: 4 * self.n_units}

    def to_memory(self, biases: Int32Array) -> bytes:
        """The region's bytes from the layer's biases (n_units,)."""
        return biases[self.core.columns.start:self.core.columns.stop].astype("<i4").tobytes()

    def from_memory(self, data: bytes, biases: Int32Array) -> None:
        """Put the region's bytes into their place in the layer's biases."""
        biases[self.core.columns.start:self.core.columns.stop] = np.frombuffer(data, "<i4")
