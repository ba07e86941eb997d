"""The vertex that computes a tile of units without weights (C side: ``c_models/layers/unit_tile.c``)."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dlgraph.layers import AddLayer
from dlgraph.mapping.plan import Core, Plan, unit_image
from dlgraph.vertices.network_vertex import NetworkVertex
from dlgraph.vertices.planes import plane_words
from dlgraph.vertices.regions import Region
from dlgraph.vertices.unit_chain import operation_words


class UnitTileVertex(NetworkVertex):
    """Pooling, activation, dropout, addition, padding, or values laid out anew, on a rectangle of an image."""

    def __init__(self, core: Core, plan: Plan) -> None:
        super().__init__(core, plan, "dlgraph_unit_tile.aplx")
        stage = plan.stages[core.stage]
        assert core.head is not None and core.layout is not None
        image = unit_image(plan.graph, stage, core.head)
        adds = isinstance(plan.graph.layers[stage.layer], AddLayer)
        self._shape = [image.n_elements, core.layout.n_elements, len(core.inputs), int(adds),
                       int(stage.learns), int(any(taken.stage == 0 for taken in core.inputs))]
        for taken in core.inputs:
            self._shape += [taken.layout.n_elements, int(plan.stages[taken.stage].learns), len(taken.runs)]
            for run in taken.runs:
                self._shape += run
        self._shape += [*plane_words(core), *operation_words(core, plan)]

    def shape_words(self) -> npt.NDArray[np.uint32]:
        return np.array(self._shape, np.uint32)

    def extra_regions(self) -> dict[Region, int]:
        return {}
