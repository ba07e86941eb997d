"""The vertices that compute a tile of a layer kind from outside (C side: ``c_models/layers/custom_tile.c``)."""
from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt

from dlgraph.binaries.custom import custom_binary
from dlgraph.custom_layer import CustomLayer, CustomWeightLayer
from dlgraph.mapping.boxes import Box
from dlgraph.mapping.plan import Core, Plan, custom_columns, padded_channels, unit_image
from dlgraph.optimisers import BIASES, WEIGHTS
from dlgraph.vertices.network_vertex import NetworkVertex
from dlgraph.vertices.planes import plane_words
from dlgraph.vertices.regions import Region
from dlgraph.vertices.trained_vertex import Arrays, TrainedVertex, block
from dlgraph.vertices.unit_chain import image_words


def custom_tile_vertex(core: Core, plan: Plan) -> NetworkVertex:
    """The vertex of a tile, with parameters or without."""
    layer = plan.graph.layers[plan.stages[core.stage].layer]
    return TrainedCustomTileVertex(core, plan) if isinstance(layer, CustomWeightLayer) else CustomTileVertex(core, plan)


def _layer_of(core: Core, plan: Plan) -> CustomLayer:
    layer = plan.graph.layers[plan.stages[core.stage].layer]
    assert isinstance(layer, CustomLayer)
    return layer


def _corner(box: Box) -> list[int]:
    return [box.rows.start, box.columns.start, box.channels.start]


def _words(core: Core, plan: Plan, n_weight_rows: int, share: list[int]) -> npt.NDArray[np.uint32]:
    """``shape_t`` and what follows it.

    :param share: ``kernel_share_shape_t``
    """
    layer, stage = _layer_of(core, plan), plan.stages[core.stage]
    assert core.head is not None and core.layout is not None
    image = unit_image(plan.graph, stage, core.head)
    kept = -(-layer.kept_bytes(image.box.shape, core.box.shape) // 4) * 4
    words = [image.n_elements, core.layout.n_elements, len(core.inputs), int(stage.learns),
             int(any(taken.stage == 0 for taken in core.inputs)), int(n_weight_rows > 0), kept,
             *image_words(image), *image_words(core.layout), *_corner(image.box), *_corner(core.box),
             layer.input_fraction, layer.output_fraction, n_weight_rows, len(layer.options), *share]
    for taken in core.inputs:
        words += [taken.layout.n_elements, int(plan.stages[taken.stage].learns), len(taken.runs)]
        for run in taken.runs:
            words += run
    words += [*plane_words(core), *layer.options]
    return np.array([word & 0xffffffff for word in words], np.uint32)


class CustomTileVertex(NetworkVertex):
    """A tile of a kind without parameters."""

    def __init__(self, core: Core, plan: Plan) -> None:
        binary = custom_binary(_layer_of(core, plan).program, plan.graph.optimiser.kind)
        super().__init__(core, plan, binary.name)
        self.binary_folder = binary.parent
        self._shape = _words(core, plan, 0, [0] * 13)

    def shape_words(self) -> npt.NDArray[np.uint32]:
        return self._shape

    def extra_regions(self) -> dict[Region, int]:
        return {}


class TrainedCustomTileVertex(TrainedVertex):
    """A tile of a kind with parameters: it holds those of its channels, or all."""

    parts = (WEIGHTS, BIASES)

    def __init__(self, core: Core, plan: Plan) -> None:
        layer = _layer_of(core, plan)
        assert isinstance(layer, CustomWeightLayer)
        binary = custom_binary(layer.program, plan.graph.optimiser.kind)
        super().__init__(core, plan, binary.name)
        self.binary_folder = binary.parent
        columns = custom_columns(layer, plan.stages[core.stage], core.box)
        self._columns = slice(columns.start, columns.stop)
        self._n_own = len(columns)
        self._weights_shape = layer.weights.shape
        self._kernel_shape = (layer.n_weight_rows, padded_channels(self._n_own))
        exchange = core.exchange
        assert exchange is not None
        replicas = (core.sums_exchange.shape_words(core.replica) if core.sums_exchange is not None
                    else [1, *self.exchange_words[1:]])
        self._shape = _words(core, plan, layer.n_weight_rows, [
            self._kernel_shape[1], exchange.n_weights, int(layer.use_bias), *self.exchange_words, *replicas])

    def shape_words(self) -> npt.NDArray[np.uint32]:
        return self._shape

    @property
    def parameter_bytes(self) -> int:
        return 4 * (2 * self._kernel_shape[1] + prod(self._kernel_shape))

    def parameters_to_memory(self, arrays: Arrays) -> bytes:
        """Biases in every other word, then weights."""
        biases = np.zeros((self._kernel_shape[1], 2), "<i4")
        biases[:self._n_own, 0] = arrays[BIASES][self._columns]
        weights = np.zeros(self._kernel_shape, "<i4")
        weights[:, :self._n_own] = arrays[WEIGHTS].reshape(self._kernel_shape[0], -1)[:, self._columns]
        return biases.tobytes() + weights.tobytes()

    def parameters_from_memory(self, data: bytes, arrays: Arrays) -> None:
        words = block(data, -1)
        arrays[BIASES][self._columns] = words[:2 * self._n_own:2]
        weights = words[2 * self._kernel_shape[1]:].reshape(self._kernel_shape)[:, :self._n_own]
        arrays[WEIGHTS][..., self._columns] = weights.reshape(*self._weights_shape[:-1], self._n_own)
