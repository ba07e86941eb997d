"""The vertex that computes a tile of a convolution (C side: ``c_models/layers/convolution_tile.c``)."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dlgraph.layers import ConvolutionLayer, Pooling, PoolingLayer
from dlgraph.mapping.boxes import Layout
from dlgraph.mapping.operations import operations_of
from dlgraph.mapping.plan import Core, Plan, padded_channels
from dlgraph.optimisers import BIASES, WEIGHTS, OptimiserKind
from dlgraph.vertices.planes import plane_words
from dlgraph.vertices.trained_vertex import Arrays, TrainedVertex, block
from dlgraph.vertices.unit_chain import operation_words


#: There is no room for all optimisers in one binary (c_models/build.py).
BINARY_OF_KIND = {OptimiserKind.SGD: "momentum", OptimiserKind.MOMENTUM: "momentum", OptimiserKind.ADAM: "adam",
                  OptimiserKind.RMSPROP: "rmsprop"}


class ConvolutionTileVertex(TrainedVertex):
    """A block of a convolution's channels on a rectangle of its image."""

    parts = (WEIGHTS, BIASES)

    def __init__(self, core: Core, plan: Plan) -> None:
        stage = plan.stages[core.stage]
        maximum = any(isinstance(operation.layer, PoolingLayer) and operation.layer.kind is Pooling.MAXIMUM
                      for operation in operations_of(plan, core))
        pooling = "maximum" if maximum else "average"
        super().__init__(core, plan, f"dlgraph_convolution_{pooling}_{BINARY_OF_KIND[plan.graph.optimiser.kind]}.aplx")
        layer = plan.graph.layers[stage.layer]
        assert isinstance(layer, ConvolutionLayer) and core.head is not None
        assert core.columns is not None and core.layout is not None
        self.channels = core.columns
        self.n_columns = padded_channels(len(self.channels))
        first = core.inputs[0].layout
        self._pitch = first.pitch
        #: Channels that come in, and where each lies in a pixel.
        self._places = np.concatenate([taken.layout.first_channel + np.arange(len(taken.layout.box.channels))
                                       for taken in core.inputs])
        kernel_rows, kernel_columns = layer.weights.shape[:2]
        self._kernel_shape = (kernel_rows, kernel_columns, self._pitch, self.n_columns)
        head = Layout.of(core.head, stage.packed)
        exchange = core.exchange
        assert exchange is not None
        excess = layer.input_fraction + 12 - 23
        self._shape = [
            first.rows, first.width, self._pitch, kernel_rows, kernel_columns, *layer.strides, len(core.head.rows),
            len(core.head.columns), len(self.channels), self.n_columns, head.width, head.pitch, core.layout.n_elements,
            layer.activation.value, layer.negative_slope, excess & 0xffffffff, layer.output_fraction,
            any(plan.stages[taken.stage].learns for taken in core.inputs), any(taken.stage == 0 for taken in core.inputs),
            self.n_columns, exchange.n_weights, int(layer.use_bias), *self.exchange_words,
            *(core.sums_exchange.shape_words(core.replica) if core.sums_exchange is not None
              else [1, *self.exchange_words[1:]]),
            *plane_words(core), *operation_words(core, plan)]

    def shape_words(self) -> npt.NDArray[np.uint32]:
        return np.array(self._shape, np.uint32)

    @property
    def parameter_bytes(self) -> int:
        return 4 * (2 * self.n_columns + int(np.prod(self._kernel_shape)))

    def parameters_to_memory(self, arrays: Arrays) -> bytes:
        """Biases in every other word, then kernels."""
        channels = slice(self.channels.start, self.channels.stop)
        biases = np.zeros((self.n_columns, 2), "<i4")
        biases[:len(self.channels), 0] = arrays[BIASES][channels]
        kernels = np.zeros(self._kernel_shape, "<i4")
        kernels[:, :, self._places, :len(self.channels)] = arrays[WEIGHTS][..., channels]
        return biases.tobytes() + kernels.tobytes()

    def parameters_from_memory(self, data: bytes, arrays: Arrays) -> None:
        channels = slice(self.channels.start, self.channels.stop)
        words = block(data, -1)
        arrays[BIASES][channels] = words[:2 * len(self.channels):2]
        kernels = words[2 * self.n_columns:].reshape(self._kernel_shape)
        arrays[WEIGHTS][..., channels] = kernels[:, :, self._places, :len(self.channels)]
