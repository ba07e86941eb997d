"""The small layers that run on a core behind its own, or alone on a tile of units, and the images that they work on."""
from __future__ import annotations

from dataclasses import dataclass

from dlgraph.layers import ActivationLayer, DropoutLayer, PoolingLayer
from dlgraph.mapping.boxes import Layout
from dlgraph.mapping.plan import Core, CoreKind, Plan, unit_image
from dlgraph.mapping.stages import StageKind, head_box

OperationLayer = ActivationLayer | DropoutLayer | PoolingLayer


@dataclass(frozen=True)
class Operation:
    """One small layer on one core.

    :param number: of the layer in the graph
    :param before: the image that comes in
    :param after: the image that goes out
    """

    number: int
    layer: OperationLayer
    before: Layout
    after: Layout


def operations_of(plan: Plan, core: Core) -> list[Operation]:
    """What runs on a group or tile, in order; nothing elsewhere."""
    if core.kind in (CoreKind.INPUT_SOURCE, CoreKind.WEIGHT_SLICE, CoreKind.OUTPUT_GROUP, CoreKind.PROBE):
        return []
    stage = plan.stages[core.stage]
    needed = core.head if core.head is not None else core.box
    found = []
    image = Layout.of(needed, stage.packed)
    head = plan.graph.layers[stage.layer]
    if stage.kind is StageKind.UNITS and isinstance(head, OperationLayer):
        found.append(Operation(stage.layer, head, unit_image(plan.graph, stage, needed), image))
    for place, number in enumerate(stage.operations):
        layer = plan.graph.layers[number]
        assert isinstance(layer, OperationLayer)
        after = Layout.of(head_box(plan.graph, stage, core.box, place + 1), stage.packed)
        found.append(Operation(number, layer, image, after))
        image = after
    return found
