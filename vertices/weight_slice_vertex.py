"""The vertex that holds a rectangle of a weight matrix (C side: ``c_models/layers/weight_slice.c``)."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dlgraph.mapping.plan import Core, Plan, padded
from dlgraph.optimisers import WEIGHTS
from dlgraph.vertices.trained_vertex import Arrays, TrainedVertex, block


class WeightSliceVertex(TrainedVertex):
    """Columns ``core.columns`` of a dense layer's weights, and the rows of what it takes, in the order in which they lie in its
    memory; where that has gaps, rows of zeros.
    """

    parts = (WEIGHTS,)

    def __init__(self, core: Core, plan: Plan) -> None:
        super().__init__(core, plan, "dlgraph_weight_slice.aplx")
        assert core.rows is not None and core.columns is not None
        self.columns = core.columns
        taken, = core.inputs
        self.sends_errors = taken.stage != 0
        layout = taken.layout
        self._n_rows = layout.n_elements
        index = plan.stages[core.stage].takes[0].parts[core.rows.part].index
        box = layout.box
        wanted = index[box.rows.start:box.rows.stop, box.columns.start:box.columns.stop,
                       box.channels.start:box.channels.stop]
        filled = np.full((layout.rows, layout.width, layout.pitch), -1)
        filled[:wanted.shape[0], :wanted.shape[1], :wanted.shape[2]] = wanted
        #: The places in memory that stand for a row of the layer's weights, and these rows.
        self._places = np.flatnonzero(filled.reshape(-1) >= 0)
        self._rows = filled.reshape(-1)[self._places]

    def shape_words(self) -> npt.NDArray[np.uint32]:
        return np.array([self._n_rows, len(self.columns), padded(len(self.columns)), self.sends_errors], np.uint32)

    @property
    def parameter_bytes(self) -> int:
        return 4 * self._n_rows * padded(len(self.columns))

    def parameters_to_memory(self, arrays: Arrays) -> bytes:
        held = np.zeros((self._n_rows, padded(len(self.columns))), "<i4")
        held[self._places, :len(self.columns)] = arrays[WEIGHTS][self._rows, self.columns.start:self.columns.stop]
        return held.tobytes()

    def parameters_from_memory(self, data: bytes, arrays: Arrays) -> None:
        held = block(data, self._n_rows, padded(len(self.columns)))
        arrays[WEIGHTS][self._rows, self.columns.start:self.columns.stop] = held[self._places, :len(self.columns)]
