"""From what stages sent to the layers of the graph: which layer's value it is, and what layers without cores make of it."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import INPUT, ConcatenateLayer, Layer, PaddingLayer, ReshapeLayer
from dlgraph.mapping.stages import Stage

Array = npt.NDArray[Any]


def value_layer(stage: Stage) -> int:
    """The layer whose value a stage sends: the last that runs on its cores."""
    return stage.operations[-1] if stage.operations else stage.layer


def hidden_layers(stage: Stage) -> list[int]:
    """The layers whose values stay inside a stage's cores, as others run behind them there."""
    return [stage.layer, *stage.operations][:-1]


def layer_values(graph: LayerGraph, of_layer: Mapping[int, Array]) -> dict[int, Array]:
    """Values, (n, height, width, channels), with those of the layers that only name, join or pad others' values.

    :param of_layer: by number of the layer; INPUT for the network's input
    """
    found = dict(of_layer)
    for number, layer in enumerate(graph.layers):
        if number not in found and all(i in found for i in layer.inputs):
            moved = _moved(layer, [found[i] for i in layer.inputs])
            if moved is not None:
                found[number] = moved
    return found


def layer_errors(graph: LayerGraph, of_layer: Mapping[int, Array]) -> dict[int, Array]:
    """Errors of values, with those of the layers that only name or join them, where nobody else takes these."""
    found = dict(of_layer)
    for number, layer in enumerate(graph.layers):
        alone = all(i != INPUT and i in found and graph.takers(i) == [number] for i in layer.inputs)
        if number not in found and alone and not isinstance(layer, PaddingLayer):
            moved = _moved(layer, [found[i] for i in layer.inputs])
            if moved is not None:
                found[number] = moved
    return found


def _moved(layer: Layer, inputs: list[Array]) -> Array | None:
    """What a layer makes of others' values without computing; None where it computes."""
    if isinstance(layer, ReshapeLayer):
        return inputs[0].reshape(-1, *layer.shape)
    if isinstance(layer, ConcatenateLayer):
        return np.concatenate(inputs, axis=3)
    if isinstance(layer, PaddingLayer):
        return np.pad(inputs[0], ((0, 0), *layer.padding, (0, 0)))
    return None
