"""The vertex that holds a rectangle of a weight matrix (C side: ``c_models/layers/weight_slice.c``; for weights
that stay in SDRAM ``weight_slice_sdram.c``).
"""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dlgraph.mapping.memory import sweep_of
from dlgraph.mapping.plan import Core, Plan, padded
from dlgraph.mapping.sweeps import CHUNK_WORDS
from dlgraph.optimisers import WEIGHTS
from dlgraph.vertices.regions import Region
from dlgraph.vertices.trained_vertex import Arrays, TrainedVertex, block


class WeightSliceVertex(TrainedVertex):
    """Columns ``core.columns`` of a dense layer's weights, and the rows of what it takes, in the order in which they lie in its
    memory; where that has gaps, rows of zeros.
    """

    parts = (WEIGHTS,)

    def __init__(self, core: Core, plan: Plan) -> None:
        super().__init__(core, plan, f"dlgraph_weight_slice{'_sdram' * core.in_sdram}.aplx")
        assert core.rows is not None and core.columns is not None
        self.columns = core.columns
        taken, = core.inputs
        self.sends_errors = plan.stages[taken.stage].learns
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
        words = [self._n_rows, len(self.columns), padded(len(self.columns)), self.sends_errors]
        if self.core.in_sdram:
            sweep = sweep_of(self.plan, self.core)
            words += [sweep.block_rows, sweep.samples, self.n_planes, CHUNK_WORDS]
        else:
            words += [max(1, len(self.core.replica_inlets)), *self.exchange_words]
        return np.array(words, np.uint32)

    def extra_regions(self) -> dict[Region, int]:
        gradient = {Region.GRADIENT: self.parameter_bytes} if self.core.in_sdram else {}
        return super().extra_regions() | gradient

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
