"""What neuron groups and output groups share: they hold biases."""
from __future__ import annotations

from dlgraph.layer_graph import Int32Array
from dlgraph.optimisers import BIASES
from dlgraph.vertices.trained_vertex import TrainedVertex, block


class GroupVertex(TrainedVertex):
    """Units ``core.columns`` of a layer."""

    part = BIASES

    @property
    def n_units(self) -> int:
        return len(self.core.columns)

    @property
    def parameter_bytes(self) -> int:
        return 4 * self.n_units

    def to_memory(self, parameters: Int32Array) -> bytes:
        return parameters[self.core.columns.start:self.core.columns.stop].astype("<i4").tobytes()

    def from_memory(self, data: bytes, parameters: Int32Array) -> None:
        parameters[self.core.columns.start:self.core.columns.stop] = block(data, self.n_units)
