"""The vertex that holds units of a hidden layer (C side: ``c_models/layers/neuron_group.c``)."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dlgraph.layer_graph import Activation
from dlgraph.mapping.plan import Core, Plan
from dlgraph.vertices.group_vertex import GroupVertex


class NeuronGroupVertex(GroupVertex):
    """Biases, activations and errors of units of a hidden layer.

    :param n_sums: blocks of rows of this layer
    :param n_errors: blocks of columns of the next layer
    :param sum_fraction_excess: fraction of the sums less 23
    :param output_fraction: ``fx`` of the activations sent
    :param n_planes: words that the optimiser keeps of every bias
    """

    def __init__(self, core: Core, plan: Plan, n_sums: int, n_errors: int, activation: Activation,
                 sum_fraction_excess: int, output_fraction: int, use_bias: bool, n_planes: int) -> None:
        super().__init__(core, plan, "dlgraph_neuron_group.aplx", n_planes)
        self._shape = [self.n_units, n_sums, n_errors, activation.value, sum_fraction_excess & 0xffffffff,
                       output_fraction, int(use_bias)]

    def shape_words(self) -> npt.NDArray[np.uint32]:
        return np.array(self._shape, np.uint32)
