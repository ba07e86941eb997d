"""The vertex that holds units of a hidden dense layer (C side: ``c_models/layers/neuron_group.c``)."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dlgraph.layers import DenseLayer
from dlgraph.mapping.cuts import DenseCut
from dlgraph.mapping.plan import Core, Plan
from dlgraph.vertices.group_vertex import GroupVertex
from dlgraph.vertices.planes import plane_words
from dlgraph.vertices.unit_chain import operation_words


class NeuronGroupVertex(GroupVertex):
    """Biases, activations and errors of units of a hidden layer."""

    def __init__(self, core: Core, plan: Plan) -> None:
        super().__init__(core, plan, "dlgraph_neuron_group.aplx")
        layer = plan.graph.layers[plan.stages[core.stage].layer]
        cut = plan.cut.stages[core.stage]
        assert isinstance(layer, DenseLayer) and isinstance(cut, DenseCut)
        excess = layer.input_fraction + 12 - 23
        self._shape = [self.n_units, len(cut.rows), layer.activation.value, excess & 0xffffffff, layer.output_fraction,
                       int(layer.use_bias), layer.negative_slope, *self.exchange_words, *plane_words(core),
                       *operation_words(core, plan)]

    def shape_words(self) -> npt.NDArray[np.uint32]:
        return np.array(self._shape, np.uint32)
