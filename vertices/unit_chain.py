"""The small layers that run on a vertex (C side: ``c_models/layers/unit_chain.c``)."""
from __future__ import annotations

from dlgraph.formats import Rate, mean_rate, rate
from dlgraph.layers import ActivationLayer, DropoutLayer, Pooling, PoolingLayer
from dlgraph.mapping.boxes import Layout
from dlgraph.mapping.operations import Operation, operations_of
from dlgraph.mapping.plan import Core, Plan

ACTIVATION, DROPOUT, AVERAGE, MAXIMUM = range(4)
N_ARGUMENTS = 8


def operation_words(core: Core, plan: Plan) -> list[int]:
    """Their number; ``operation_config_t`` of each, and the rates behind it."""
    operations = operations_of(plan, core)
    words = [len(operations)]
    for operation in operations:
        kind, arguments, rates = _arguments(operation, plan)
        words += [kind, *image_words(operation.before), *image_words(operation.after), operation.before.n_elements,
                  operation.after.n_elements, *(argument & 0xffffffff for argument in arguments),
                  *[0] * (N_ARGUMENTS - len(arguments))]
        for value in rates:
            words += [value.mantissa, value.shift]
    return words


def image_words(layout: Layout) -> list[int]:
    """``image_t``."""
    return [*layout.box.shape, layout.pitch, layout.width * layout.pitch]


def _arguments(operation: Operation, plan: Plan) -> tuple[int, list[int], list[Rate]]:
    layer, box = operation.layer, operation.before.box
    if isinstance(layer, ActivationLayer):
        return ACTIVATION, [layer.activation.value, layer.negative_slope, layer.input_fraction, layer.output_fraction], []
    if isinstance(layer, DropoutLayer):
        _, width, channels = plan.graph.shapes[operation.number]
        first = (box.rows.start * width + box.columns.start) * channels + box.channels.start
        kept = rate(1.0 / (1.0 - layer.rate))
        threshold = min(round(layer.rate * 2**32), 2**32 - 1)
        return DROPOUT, [threshold, kept.mantissa, kept.shift, first, width * channels, channels, operation.number], []
    assert isinstance(layer, PoolingLayer)
    after = operation.after.box
    corner = [after.rows.start * layer.strides[0] - layer.padding[0][0] - box.rows.start,
              after.columns.start * layer.strides[1] - layer.padding[1][0] - box.columns.start]
    arguments = [*layer.size, *layer.strides, *corner]
    if layer.kind is Pooling.MAXIMUM:
        return MAXIMUM, [*arguments, 0, 0], []
    counts = [_cells(len(span_after), stride, first, size, len(span_in)) for span_after, stride, first, size, span_in in
              zip((after.rows, after.columns), layer.strides, corner, layer.size, (box.rows, box.columns))]
    fewest, most = (extreme(counts[0]) * extreme(counts[1]) for extreme in (min, max))
    return AVERAGE, [*arguments, fewest, most - fewest + 1], [mean_rate(n) for n in range(fewest, most + 1)]


def _cells(n_windows: int, stride: int, first: int, size: int, n: int) -> list[int]:
    """How many cells of each window lie in the image, along one axis."""
    corners = [first + i * stride for i in range(n_windows)]
    return [min(corner + size, n) - max(corner, 0) for corner in corners]
