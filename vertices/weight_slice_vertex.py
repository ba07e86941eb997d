"""The vertex that holds a rectangle of a weight matrix (C side: ``c_models/layers/weight_slice.c``)."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dlgraph.layer_graph import Int32Array
from dlgraph.mapping.plan import Core, Plan, padded
from dlgraph.vertices.network_vertex import NetworkVertex
from dlgraph.vertices.regions import Region


class WeightSliceVertex(NetworkVertex):
    """Rows ``core.rows`` and columns ``core.columns`` of a dense layer's weights.

    :param sends_errors: whether there is a layer before to send errors to
    """

    def __init__(self, core: Core, plan: Plan, sends_errors: bool) -> None:
        super().__init__(core, plan, "dlgraph_weight_slice.aplx")
        assert core.rows is not None
        self.rows, self.columns = core.rows, core.columns
        self.sends_errors = sends_errors

    def shape_words(self) -> npt.NDArray[np.uint32]:
        return np.array([len(self.rows), len(self.columns), padded(len(self.columns)), self.sends_errors],
                        np.uint32)

    def extra_regions(self) -> dict[Region, int]:
        return {Region.PARAMETERS: 4 * len(self.rows) * padded(len(self.columns))}

    def to_memory(self, weights: Int32Array) -> bytes:
        """The region's bytes from the layer's weights (n_inputs, n_units)."""
        block = np.zeros((len(self.rows), padded(len(self.columns))), "<i4")
        block[:, :len(self.columns)] = weights[self.rows.start:self.rows.stop, self.columns.start:self.columns.stop]
        return block.tobytes()

    def from_memory(self, data: bytes, weights: Int32Array) -> None:
        """Put the region's bytes into their place in the layer's weights."""
        block = np.frombuffer(data, "<i4").reshape(len(self.rows), padded(len(self.columns)))
        weights[self.rows.start:self.rows.stop, self.columns.start:self.columns.stop] = block[:, :len(self.columns)]
