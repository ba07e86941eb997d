"""What a core needs of its 64 KB of data memory (DTCM), and of its chip's SDRAM, in bytes."""
from __future__ import annotations

from dlgraph.custom_layer import CustomLayer
from dlgraph.layer_graph import LayerGraph
from dlgraph.layers import ActivationLayer, AddLayer, ConvolutionLayer, Pooling, PoolingLayer
from dlgraph.mapping.boxes import Layout
from dlgraph.mapping.operations import operations_of
from dlgraph.mapping.plan import (EXCHANGED, SLICE_PARTIAL_ERRORS_OUT, SLICE_SUMS_OUT, SOURCE_ACTIVATIONS_OUT, Core, CoreKind, Plan,
                                  padded, unit_image)
from dlgraph.mapping.sent import kept_vectors
from dlgraph.mapping.sweeps import LEAST_SWEEP, SliceShape, Sweep

#: Left for `spin1_malloc` in every binary: 64 KB less stacks, static data and the runtime's own claims.  The build
#: prints what each binary leaves (``python c_models/build.py``); a core that asks for more ends the run by name.
DTCM_HEAP_BYTES = 57 * 1024

#: Of a chip's SDRAM, left for weights in it.
CHIP_SDRAM_BYTES = 100 << 20
VERTEX_SDRAM_BYTES = 128 << 10   # of every weight slice and probe: steps of a pass, streams

PARAMETER_BYTES = 8              # per weight: itself and its gradient; the optimiser's state comes on top
STATE_BYTES = 4                  # per parameter and plane of the optimiser's state
SLOT_STATE_BYTES = 20            # per stream and slot: c_models/streams, slot_t, marker_t and what a marker said
CLOSED_SLOTS_BYTES = 128         # of no stream, behind them
STREAM_BYTES = 48                # per incoming stream: stream_t
KEPT_BYTES = 24                  # per vector that is sent: kept_t
OUT_STREAM_BYTES = 56            # stream_out_t
PLANE_BYTES = 28                 # plane_t
BLOCK_OVERHEAD_BYTES = 16        # per claim
PACKET_BYTES = 8
RARE_PACKETS = 64                # in the ring: requests, words of a stream that is not in its place
MOST_AGAIN = 512                 # in the ring, of samples that are sent again
PLACE_BITS = 9                   # log2 of the places of the table from stream number to slot: c_models/streams/stream_slots.h


def n_planes(plan: Plan) -> int:
    """Words that the optimiser keeps of every parameter."""
    return len(plan.graph.optimiser.planes)


def weight_bytes(graph: LayerGraph) -> int:
    """Of a weight with its gradient and the optimiser's state."""
    return PARAMETER_BYTES + STATE_BYTES * len(graph.optimiser.planes)


def ring_entries(plan: Plan, core: Core) -> int:
    """Entries of the packet ring: every marker that can be on its way to a core at once, some packets that are not ordinary, and
    what comes when samples are sent again, of which words of slots that are closed, and zeros, go there as well.
    """
    again = sum(end.stream.n_words for end in core.streams_in)
    on_the_way = sum(plan.window_of_stream(end.stream) for end in core.streams_in if end.stream.kind not in EXCHANGED)
    exchanged = sum(end.stream.kind in EXCHANGED for end in core.streams_in)
    return on_the_way + exchanged + min(again, MOST_AGAIN) + RARE_PACKETS


def core_bytes(plan: Plan, core: Core) -> int:
    """What a core asks for; a weight slice in SDRAM at least: it makes use of what is left."""
    return _stream_bytes(plan, core) + _own_bytes(plan, core)


def sweep_of(plan: Plan, core: Core) -> Sweep:
    """How a weight slice in SDRAM passes through the DTCM that its streams leave."""
    return SliceShape.of(plan, core).best_sweep(plan.window_of(core), DTCM_HEAP_BYTES - _stream_bytes(plan, core))


def sdram_bytes(plan: Plan, core: Core) -> int:
    """What parameters, the optimiser's state and, in SDRAM, the gradient of a weight slice need, and the records of a probe; 0 for
    other cores, that need little or are given what is left.
    """
    if core.recording is not None:
        return 4 * core.recording.n_samples * (1 + core.inlet_words[0]) + VERTEX_SDRAM_BYTES
    if core.kind is not CoreKind.WEIGHT_SLICE:
        return 0
    shape = SliceShape.of(plan, core)
    return 4 * shape.n_rows * shape.n_columns * (1 + core.in_sdram + shape.n_planes) + VERTEX_SDRAM_BYTES


def n_lists(core: Core) -> int:
    """Samples whose partial errors a weight slice may be sending at once (``c_models/layers/weight_slice.c``)."""
    return 4 if len(core.replica_inlets) > 1 else 2


def _list_bytes(core: Core, vector: int) -> int:
    """Of the packets of a vector, that of every replica being as large (``c_models/streams/packet_list.c``)."""
    return PACKET_BYTES * sum(stream.n_words + 1 for stream in core.streams_out if stream.vector == vector)


def _stream_bytes(plan: Plan, core: Core) -> int:
    slots = plan.n_slots_of(core)
    total = sum(4 * n * held for n, held in zip(core.inlet_words, plan.slots_of_inlets(core)))
    n_slots = sum(plan.slots_of_stream(end.stream) for end in core.streams_in)
    total += (n_slots + 2 * slots) * SLOT_STATE_BYTES + (len(core.streams_in) + 2) * STREAM_BYTES
    total += KEPT_BYTES * len(kept_vectors(plan, core)) + len(core.streams_out) * OUT_STREAM_BYTES + len(core.planes) * PLANE_BYTES
    total += (4 << PLACE_BITS) + CLOSED_SLOTS_BYTES + 16 * BLOCK_OVERHEAD_BYTES + PACKET_BYTES * ring_entries(plan, core)
    return total


def _own_bytes(plan: Plan, core: Core) -> int:
    """What its program holds beside the streams."""
    slots = plan.n_slots_of(core)
    if core.kind is CoreKind.PROBE:
        return 0
    if core.in_sdram:
        return SliceShape.of(plan, core).sweep_bytes(LEAST_SWEEP)
    if core.kind is CoreKind.WEIGHT_SLICE:
        assert core.columns is not None
        n_rows, n_columns = core.inputs[0].layout.n_elements, padded(len(core.columns))
        lists = _list_bytes(core, SLICE_SUMS_OUT) + n_lists(core) * _list_bytes(core, SLICE_PARTIAL_ERRORS_OUT)
        return _trained_bytes(plan, core) + 4 * n_rows + 8 * n_columns + lists
    n = core.layout.n_elements if core.layout is not None else 0
    if core.kind is CoreKind.INPUT_SOURCE:
        return 2 * (2 * n + 2 * n + _list_bytes(core, SOURCE_ACTIVATIONS_OUT)) + 512 + 64
    if core.kind is CoreKind.OUTPUT_GROUP:
        return 20 * n + _trained_bytes(plan, core)
    if core.kind is CoreKind.NEURON_GROUP:
        return 10 * n + _trained_bytes(plan, core) + 2 * slots * n + _operation_bytes(plan, core, slots)
    return _tile_bytes(plan, core, slots)


def _trained_bytes(plan: Plan, core: Core) -> int:
    """Parameters, their gradient, and what the optimiser keeps of the core's share."""
    exchange = core.exchange
    assert exchange is not None
    n_own = len(core.own_share) * exchange.n_segments
    return PARAMETER_BYTES * exchange.segment * exchange.n_segments + STATE_BYTES * n_planes(plan) * n_own


def _tile_bytes(plan: Plan, core: Core, slots: int) -> int:
    stage = plan.stages[core.stage]
    layer = plan.graph.layers[stage.layer]
    assert core.head is not None and core.layout is not None
    total = _operation_bytes(plan, core, slots) + 4 * core.layout.n_elements
    if isinstance(layer, CustomLayer):
        return total + _custom_bytes(plan, core, layer, slots)
    if not isinstance(layer, ConvolutionLayer):
        image = unit_image(plan.graph, stage, core.head).n_elements
        runs = sum(6 * len(taken.runs) + 32 for taken in core.inputs)
        return total + (6 if isinstance(layer, AddLayer) else 2) * image + runs + 4 * max(
            (taken.layout.n_elements for taken in core.inputs), default=1)
    exchange = core.exchange
    assert exchange is not None
    channels = exchange.n_columns
    first = core.inputs[0].layout
    n_sums = len(core.head.rows) * len(core.head.columns) * channels
    total += _trained_bytes(plan, core) + 8 * channels
    total += 4 * n_sums + 32 + (2 + 2 * slots) * Layout.of(core.head, stage.packed).n_elements
    if any(plan.stages[taken.stage].learns for taken in core.inputs):
        total += 4 * first.n_elements
    return total + (2 * first.n_elements if first.pitch == 1 else 0)


def _custom_bytes(plan: Plan, core: Core, layer: CustomLayer, slots: int) -> int:
    """Of a tile of a kind from outside, beside the errors of its value."""
    assert core.layout is not None and core.head is not None
    image = unit_image(plan.graph, plan.stages[core.stage], core.head)
    total = slots * (2 * image.n_elements + layer.kept_bytes(image.box.shape, core.box.shape)) + 2 * core.layout.n_elements
    total += 4 * image.n_elements + sum(6 * len(taken.runs) + 32 for taken in core.inputs)
    total += 4 * max((taken.layout.n_elements for taken in core.inputs), default=1) + 4 * len(layer.options)
    if core.exchange is not None:
        total += _trained_bytes(plan, core) + 8 * core.exchange.n_columns
    return total


def _operation_bytes(plan: Plan, core: Core, slots: int) -> int:
    """Buffers of the small layers, and what they keep of each sample."""
    total = 0
    for operation in operations_of(plan, core):
        before, after = operation.before.n_elements, operation.after.n_elements
        if isinstance(operation.layer, ActivationLayer):
            total += 2 * slots * before
        elif isinstance(operation.layer, PoolingLayer):
            total += 2 * after + 4 * before
            if operation.layer.kind is Pooling.MAXIMUM:
                total += 2 * slots * after
    return total
