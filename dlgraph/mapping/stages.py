"""From layers to stages: which layers share cores, and whose values each stage takes.

A *stage* is a layer that becomes cores, with the small layers behind it that nobody else takes: activation, dropout and
aligned pooling run on the cores of the layer before them.  Layers that only name or join values (reshaping,
concatenation, padding before a convolution) become no cores as a rule: whoever takes such a value takes its parts.
Convolutions take images only: where parts would have to be taken apart for that, the layer before becomes a stage.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from math import prod

import numpy as np
import numpy.typing as npt

from dlgraph.custom_layer import CHANNELS, COLUMNS, ROWS, CustomLayer, CustomWeightLayer
from dlgraph.errors import UnsupportedError
from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import (
    INPUT, NO_PADDING, ActivationLayer, AddLayer, ConcatenateLayer, ConvolutionLayer, DenseLayer, DropoutLayer, Layer,
    Padding, PaddingLayer, PoolingLayer, ReshapeLayer, Shape)
from dlgraph.mapping.boxes import Box
from dlgraph.mapping.intervals import Interval

IndexArray = npt.NDArray[np.int64]

#: Small layers that one core runs (c_models/layers/vertex.h).
MAX_OPERATIONS = 4
#: Larger pooling windows would leave too few places to cut the layer before them.
MAX_FUSED_WINDOW = 16


class StageKind(Enum):
    """What a stage is made of."""

    SOURCE = "input"
    DENSE = "dense"
    CONVOLUTION = "convolution"
    UNITS = "units"
    CUSTOM = "custom"


@dataclass(frozen=True, eq=False)
class Part:
    """One stage's value within the value that a layer takes.

    :param stage: number of the stage that makes it
    :param index: (height, width, channels) of that stage's value: flat position of each in the value taken
    """

    stage: int
    index: IndexArray

    @property
    def shape(self) -> Shape:
        """(height, width, channels)."""
        height, width, channels = self.index.shape
        return (height, width, channels)


@dataclass
class View:
    """A value: its shape and what it is made of."""

    shape: Shape
    parts: list[Part]

    @property
    def is_image(self) -> bool:
        """Whether every part has the rows and columns of the value, and channels that follow those of the part before."""
        height, width, channels = self.shape
        pixels = np.arange(height * width).reshape(height, width, 1) * channels
        first = 0
        for part in self.parts:
            if part.shape[:2] != (height, width) or not np.array_equal(part.index, pixels + first + np.arange(part.shape[2])):
                return False
            first += part.shape[2]
        return True

    @cached_property
    def places(self) -> tuple[IndexArray, IndexArray]:
        """Of each flat position: the part that it comes from, and the flat position there."""
        owner, place = np.empty((2, prod(self.shape)), np.int64)
        for number, part in enumerate(self.parts):
            flat = part.index.reshape(-1)
            owner[flat], place[flat] = number, np.arange(flat.size)
        return owner, place


@dataclass(eq=False)
class Stage:
    """Cores that make one value together.

    :param layer: number of its layer in the graph; :data:`~dlgraph.layers.INPUT` for the network's input
    :param name: of that layer
    :param takes: the values that come in: one, or several to be added
    :param padding: around what comes in: the layer's own and that of padding layers before it
    :param operations: numbers of the small layers behind the layer
    :param shape: of the value that goes out
    :param head_shape: of the layer's own value, before the operations
    :param fraction: of the value that goes out
    :param learns: whether the value depends on weights: others need no errors
    :param cuts: axes along which the value may be cut
    :param takes_channels: whether all channels of what comes in are needed for a channel of the value
    """

    number: int
    kind: StageKind
    layer: int
    name: str
    takes: list[View]
    shape: Shape
    head_shape: Shape
    fraction: int
    learns: bool
    padding: Padding = NO_PADDING
    cuts: tuple[str, ...] = (ROWS, COLUMNS, CHANNELS)
    takes_channels: bool = False
    operations: list[int] = field(default_factory=list)
    is_output: bool = False
    takers: list[int] = field(default_factory=list)
    #: Whether pixels, of one channel, lie side by side in memory.
    packed: bool = False

    @property
    def takes_input(self) -> bool:
        """Whether some of what it takes is the network's input."""
        return any(part.stage == 0 for view in self.takes for part in view.parts)


def find_stages(graph: LayerGraph, own_cores: bool = False) -> list[Stage]:
    """The stages of a graph in its order; number 0 is the network's input.

    :param own_cores: no layer runs on the cores of the one before it
    :raises UnsupportedError: naming the layer, for what no core can do
    """
    return _Finder(graph, own_cores).find()


class _Finder:
    def __init__(self, graph: LayerGraph, own_cores: bool) -> None:
        self.graph = graph
        self._own_cores = own_cores
        self.stages: list[Stage] = []
        self.views: dict[int, View] = {}
        self.stage_of: dict[int, Stage] = {}          # of the layers whose value a stage gives at present
        assert graph.input_shape is not None
        self._add(Stage(0, StageKind.SOURCE, INPUT, "input", [], graph.input_shape, graph.input_shape,
                        graph.input_fraction, False), INPUT)

    def find(self) -> list[Stage]:
        for number, layer in enumerate(self.graph.layers):
            self._take(number, layer)
        last = len(self.graph.layers) - 1
        output = self.stage_of.get(last)
        if output is None or output.kind is not StageKind.DENSE or output.operations:
            raise UnsupportedError(f"Layer {self.graph.layers[-1].name!r} gives the network's outputs. The machine has output "
                                   f"vertices for dense layers only; end the network with a Dense layer.")
        output.is_output = True
        for stage in self.stages:
            for taken in {part.stage for view in stage.takes for part in view.parts}:
                self.stages[taken].takers.append(stage.number)
        self._pack()
        return self.stages

    def _pack(self) -> None:
        """Pack images of one channel, unless a convolution cannot take them so."""
        for stage in self.stages:
            stage.packed = stage.shape[2] == 1
            for i in stage.takers:
                taker = self.stages[i]
                if taker.kind is StageKind.CONVOLUTION:
                    # patches that begin between the pixels of a pair, or pixels of several parts
                    stage.packed &= taker.padding[1][0] % 2 == 0 and len(taker.takes[0].parts) == 1

    def _add(self, stage: Stage, layer: int) -> None:
        self.stages.append(stage)
        self._gives(stage, layer, stage.shape)

    def _gives(self, stage: Stage, layer: int, shape: Shape) -> None:
        """The stage's value is now that of this layer."""
        stage.shape = shape
        self.stage_of[layer] = stage
        index = np.arange(int(np.prod(shape))).reshape(shape)
        self.views[layer] = View(shape, [Part(stage.number, index)])

    def _take(self, number: int, layer: Layer) -> None:
        shape = self.graph.shapes[number]
        if isinstance(layer, ReshapeLayer):
            self.views[number] = View(shape, self.views[layer.inputs[0]].parts)
        elif isinstance(layer, ConcatenateLayer):
            self.views[number] = _joined(shape, [self.views[i] for i in layer.inputs])
        elif isinstance(layer, PaddingLayer) and self._only_convolutions_take(number):
            pass                                      # they look through it
        elif self._can_follow(number, layer):
            stage = self.stage_of.pop(layer.inputs[0])
            stage.operations.append(number)
            stage.fraction = layer.output_fraction
            self._gives(stage, number, shape)
        else:
            self._add(self._new_stage(number, layer, shape), number)

    def _new_stage(self, number: int, layer: Layer, shape: Shape) -> Stage:
        padding = NO_PADDING
        inputs = list(layer.inputs)
        if isinstance(layer, ConvolutionLayer):
            kind, padding = StageKind.CONVOLUTION, layer.padding
            before = self.graph.layers[inputs[0]] if inputs[0] != INPUT else None
            while isinstance(before, PaddingLayer) and inputs[0] not in self.views:
                padding = _summed(padding, before.padding)
                inputs = list(before.inputs)
                before = self.graph.layers[inputs[0]] if inputs[0] != INPUT else None
            if not self.views[inputs[0]].is_image:
                self._arrange(inputs[0])
        elif isinstance(layer, DenseLayer):
            kind = StageKind.DENSE
        elif isinstance(layer, (PoolingLayer, ActivationLayer, DropoutLayer, PaddingLayer, AddLayer)):
            kind = StageKind.UNITS
            if isinstance(layer, (PoolingLayer, PaddingLayer)):
                padding = layer.padding
        elif isinstance(layer, CustomLayer):
            return self._custom_stage(number, layer, shape)
        else:
            raise UnsupportedError(f"Layer {layer.name!r} is a {type(layer).__name__}, which no vertex computes.")
        takes = [self.views[i] for i in inputs]
        learns = kind is not StageKind.UNITS or self._depend_on_weights(takes)
        return Stage(len(self.stages), kind, number, layer.name, takes, shape, shape, layer.output_fraction, learns, padding,
                     takes_channels=kind is StageKind.CONVOLUTION)

    def _custom_stage(self, number: int, layer: CustomLayer, shape: Shape) -> Stage:
        takes = [self.views[i] for i in layer.inputs]
        if len(takes) != 1:
            raise UnsupportedError(f"Layer {layer.name!r} takes {len(takes)} values. A {type(layer).__name__} takes one; add or "
                                   f"concatenate them before it.")
        trained = isinstance(layer, CustomWeightLayer)
        if isinstance(layer, CustomWeightLayer):           # a class may have a shape_from of its own
            layer.check_columns(shape[2])
        return Stage(len(self.stages), StageKind.CUSTOM, number, layer.name, takes, shape, shape, layer.output_fraction,
                     trained or self._depend_on_weights(takes), layer.windows.padding, layer.cuts, not layer.per_channel)

    def _arrange(self, number: int) -> None:
        """Give a layer that reshapes or joins cores of its own, which lay out its value as an image."""
        layer, view = self.graph.layers[number], self.views[number]
        self._add(Stage(len(self.stages), StageKind.UNITS, number, layer.name, [view], view.shape, view.shape,
                        layer.output_fraction, self._depend_on_weights([view])), number)

    def _depend_on_weights(self, views: list[View]) -> bool:
        return any(self.stages[part.stage].learns for view in views for part in view.parts)

    def _only_convolutions_take(self, number: int) -> bool:
        layers = self.graph.layers
        return all(isinstance(layers[i], ConvolutionLayer)
                   or (isinstance(layers[i], PaddingLayer) and self._only_convolutions_take(i))
                   for i in self.graph.takers(number))

    def _can_follow(self, number: int, layer: Layer) -> bool:
        """Whether a layer can run on the cores of the one before it."""
        before = layer.inputs[0]
        stage = self.stage_of.get(before)
        if (self._own_cores or stage is None or stage.kind in (StageKind.SOURCE, StageKind.CUSTOM)
                or self.graph.takers(before) != [number]
                or len(stage.operations) == MAX_OPERATIONS - (stage.kind is StageKind.UNITS)):
            return False
        if isinstance(layer, DropoutLayer):
            return True
        if isinstance(layer, ActivationLayer):        # no room for it beside weights
            return stage.kind is StageKind.UNITS
        if isinstance(layer, PoolingLayer) and stage.kind is not StageKind.DENSE:
            before_it = (self.graph.layers[i] for i in stage.operations)
            kinds = {other.kind for other in before_it if isinstance(other, PoolingLayer)}
            if stage.kind is StageKind.CONVOLUTION and kinds - {layer.kind}:
                return False
            height, width, _ = layer.in_shape
            return (layer.size[0] * layer.size[1] <= MAX_FUSED_WINDOW and layer.size == layer.strides
                    and layer.padding == NO_PADDING and height % layer.size[0] == 0 and width % layer.size[1] == 0)
        return False


def _joined(shape: Shape, views: list[View]) -> View:
    parts = []
    first = 0
    for view in views:
        n = view.shape[2]
        for part in view.parts:
            pixel, channel = np.divmod(part.index, n)
            parts.append(Part(part.stage, pixel * shape[2] + first + channel))
        first += n
    return View(shape, parts)


def _summed(a: Padding, b: Padding) -> Padding:
    return ((a[0][0] + b[0][0], a[0][1] + b[0][1]), (a[1][0] + b[1][0], a[1][1] + b[1][1]))


# --------------------------------------------------------------------------- what a box of the value needs

def head_box(graph: LayerGraph, stage: Stage, box: Box, n_operations: int = 0) -> Box:
    """What of the layer's own value, or of that behind its first operations, is needed for a box of the stage's value."""
    rows, columns = box.rows, box.columns
    for number in reversed(stage.operations[n_operations:]):
        layer = graph.layers[number]
        if isinstance(layer, PoolingLayer):
            rows = Interval(rows.start * layer.size[0], rows.stop * layer.size[0])
            columns = Interval(columns.start * layer.size[1], columns.stop * layer.size[1])
    return Box(rows, columns, box.channels)


def input_box(graph: LayerGraph, stage: Stage, box: Box) -> Box:
    """What of the value taken is needed for a box of the layer's own value (``head_box``).

    For a convolution or a layer kind from outside with all that its windows touch, also in the padding around the image; for
    pooling without that; other layers hold as much as they give.
    """
    layer = graph.layers[stage.layer]
    shape = stage.takes[0].shape
    channels = box.channels
    if isinstance(layer, ConvolutionLayer):
        size, strides = layer.weights.shape[:2], layer.strides
        channels = Interval(0, shape[2])
    elif isinstance(layer, PoolingLayer):
        size, strides = layer.size, layer.strides
    elif isinstance(layer, CustomLayer):
        size, strides = layer.windows.size, layer.windows.strides
        channels = channels if layer.per_channel else Interval(0, shape[2])
    else:
        return box
    spans = []
    for axis, span in enumerate((box.rows, box.columns)):
        start = span.start * strides[axis] - stage.padding[axis][0]
        stop = (span.stop - 1) * strides[axis] - stage.padding[axis][0] + size[axis]
        if isinstance(layer, PoolingLayer):
            start, stop = max(0, start), min(shape[axis], stop)
        spans.append(Interval(start, stop))
    return Box(spans[0], spans[1], channels)


def taken_positions(graph: LayerGraph, stage: Stage, view: View, box: Box) -> IndexArray:
    """Which flat position of a value taken each place of a stage of units' box shows; -1: none, it is zero.

    :param box: of :func:`input_box`
    """
    padding = stage.padding if isinstance(graph.layers[stage.layer], PaddingLayer) else NO_PADDING
    rows = np.arange(box.rows.start, box.rows.stop) - padding[0][0]
    columns = np.arange(box.columns.start, box.columns.stop) - padding[1][0]
    channels = np.arange(box.channels.start, box.channels.stop)
    height, width, n_channels = view.shape
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    flat = (rows[:, None] * width + columns)[:, :, None] * n_channels + channels
    return np.where(inside[:, :, None], flat, -1)
