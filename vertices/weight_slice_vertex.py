"""The vertex that holds a rectangle of a weight matrix (C side: ``c_models/layers/weight_slice.c``)."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dlgraph.layer_graph import Int32Array
from dlgraph.mapping.plan import Core, Plan, padded
from dlgraph.optimisers import WEIGHTS
from dlgraph.vertices.trained_vertex import TrainedVertex, block


class WeightSliceVertex(TrainedVertex):
    """Rows ``core.rows`` and columns ``core.columns`` of a dense layer's weights.

    :param sends_errors: whether there is a layer before to send errors to
    :param n_planes: words that the optimiser keeps of every weight
    """

    part = WEIGHTS

    def __init__(self, core: Core, plan: Plan, sends_errors: bool, n_planes: int) -> None:
        super().__init__(core, plan, "dlgraph_weight_slice.aplx", n_planes)
        assert core.rows is not None
        self.rows, self.columns = core.rows, core.columns
        self.sends_errors = sends_errors

    def shape_words(self) -> npt.NDArray[np.uint32]:
        return np.array([len(self.rows), len(self.columns), padded(len(self.columns)), self.sends_errors],
                        np.uint32)

    @property
    def parameter_bytes(self) -> int:
        return 4 * len(self.rows) * padded(len(self.columns))

    def to_memory(self, parameters: Int32Array) -> bytes:
        held = np.zeros((len(self.rows), padded(len(self.columns))), "<i4")
        held[:, :len(self.columns)] = parameters[self.rows.start:self.rows.stop, self.columns.start:self.columns.stop]
        return held.tobytes()

    def from_memory(self, data: bytes, parameters: Int32Array) -> None:
        held = block(data, len(self.rows), padded(len(self.columns)))[:, :len(self.columns)]
        parameters[self.rows.start:self.rows.stop, self.columns.start:self.columns.stop] = held
