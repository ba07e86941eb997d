"""What neuron groups and output groups share: they hold biases."""
from __future__ import annotations

from dlgraph.mapping.intervals import Interval
from dlgraph.optimisers import BIASES
from dlgraph.vertices.trained_vertex import Arrays, TrainedVertex, block


class GroupVertex(TrainedVertex):
    """Units ``core.columns`` of a layer."""

    parts = (BIASES,)

    @property
    def n_units(self) -> int:
        return len(self.units)

    @property
    def units(self) -> Interval:
        """Of the layer."""
        assert self.core.columns is not None
        return self.core.columns

    @property
    def parameter_bytes(self) -> int:
        return 4 * self.n_units

    def parameters_to_memory(self, arrays: Arrays) -> bytes:
        return arrays[BIASES][self.units.start:self.units.stop].astype("<i4").tobytes()

    def parameters_from_memory(self, data: bytes, arrays: Arrays) -> None:
        arrays[BIASES][self.units.start:self.units.stop] = block(data, self.n_units)
