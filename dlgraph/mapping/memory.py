"""What a core needs of its 64 KB of data memory (DTCM), in bytes."""
from __future__ import annotations

from dlgraph.layers import ActivationLayer, AddLayer, ConvolutionLayer, Pooling, PoolingLayer
from dlgraph.mapping.boxes import Layout
from dlgraph.mapping.operations import operations_of
from dlgraph.mapping.plan import Core, CoreKind, Plan, StreamKind, padded, padded_channels, slots_of, unit_image

#: Left for `spin1_malloc` in every binary: 64 KB less stacks, static data and the runtime's own claims.  The build
#: prints what each binary leaves (``python c_models/build.py``); a core that asks for more ends the run by name.
DTCM_HEAP_BYTES = 57 * 1024

PARAMETER_BYTES = 8              # per weight: itself and its gradient; the optimiser's state comes on top
PLANE_BYTES = 4                  # per weight and plane of the optimiser's state
STATE_BYTES = 4                  # per parameter and plane of the optimiser's state
SLOT_STATE_BYTES = 24            # per stream and slot: c_models/streams, slot_t and marker_t
STREAM_BYTES = 32                # per incoming stream: stream_t and its number
OUT_STREAM_BYTES = 44            # stream_out_t
PLANE_BYTES = 28                 # words_block_t
BLOCK_OVERHEAD_BYTES = 16        # per claim
PACKET_BYTES = 8
NUMBERS_BYTES = 2048             # table from stream number to slot: two bytes for each partition of the network

#: Streams that bring something once in a batch: not all at once.
_EXCHANGED = (StreamKind.GRADIENTS, StreamKind.WEIGHTS)


def n_planes(plan: Plan) -> int:
    """Words that the optimiser keeps of every parameter."""
    return len(plan.graph.optimiser.planes)


def ring_entries(core: Core, window: int) -> int:
    """Entries of the packet ring: everything that can be on its way to a core at once."""
    on_the_way = sum(end.stream.n_words + 1 for end in core.streams_in if end.stream.kind not in _EXCHANGED)
    exchanged = max(sum(end.stream.n_words + 1 for end in core.streams_in if end.stream.kind is kind)
                    for kind in _EXCHANGED)
    return on_the_way * window + exchanged + 16


def core_bytes(plan: Plan, core: Core, window: int) -> int:
    """What a core asks for."""
    slots = slots_of(window)
    total = sum(4 * n * (held or slots) for n, held in zip(core.inlet_words, core.inlet_slots))
    total += (len(core.streams_in) + 2) * (SLOT_STATE_BYTES * slots + STREAM_BYTES)
    total += len(core.streams_out) * OUT_STREAM_BYTES + len(core.planes) * PLANE_BYTES
    total += NUMBERS_BYTES + 16 * BLOCK_OVERHEAD_BYTES + PACKET_BYTES * ring_entries(core, window)
    return total + _own_bytes(plan, core, slots)


def _own_bytes(plan: Plan, core: Core, slots: int) -> int:
    """What its program holds beside the streams."""
    if core.kind is CoreKind.WEIGHT_SLICE:
        assert core.columns is not None
        n_rows, n_columns = core.inputs[0].layout.n_elements, padded(len(core.columns))
        return (PARAMETER_BYTES + STATE_BYTES * n_planes(plan)) * n_rows * n_columns + 4 * n_rows + 8 * n_columns
    n = core.layout.n_elements if core.layout is not None else 0
    if core.kind is CoreKind.INPUT_SOURCE:
        return 2 * 2 * n + 2 * n + 512 + 64
    if core.kind is CoreKind.OUTPUT_GROUP:
        return (28 + STATE_BYTES * n_planes(plan)) * n
    if core.kind is CoreKind.NEURON_GROUP:
        return (18 + STATE_BYTES * n_planes(plan)) * n + 2 * slots * n + _operation_bytes(plan, core, slots)
    return _tile_bytes(plan, core, slots)


def _tile_bytes(plan: Plan, core: Core, slots: int) -> int:
    stage = plan.stages[core.stage]
    layer = plan.graph.layers[stage.layer]
    assert core.head is not None and core.layout is not None
    total = _operation_bytes(plan, core, slots) + 4 * core.layout.n_elements
    if not isinstance(layer, ConvolutionLayer):
        image = unit_image(plan.graph, stage, core.head).n_elements
        runs = sum(6 * len(taken.runs) + 32 for taken in core.inputs)
        return total + (6 if isinstance(layer, AddLayer) else 2) * image + runs + 4 * max(
            (taken.layout.n_elements for taken in core.inputs), default=1)
    channels = padded_channels(len(core.box.channels))
    first = core.inputs[0].layout
    n_weights = layer.weights.shape[0] * layer.weights.shape[1] * first.pitch * channels
    share = len(core.shares[core.tile])
    n_sums = len(core.head.rows) * len(core.head.columns) * channels
    total += 4 * (n_weights + channels) + 4 * (n_weights + 2 * channels) + 4 * channels + STATE_BYTES * n_planes(plan) * share
    total += 4 * n_sums + 32 + (2 + 2 * slots) * Layout.of(core.head, stage.packed).n_elements
    if any(taken.stage != 0 for taken in core.inputs):
        total += 4 * first.n_elements
    return total + (2 * first.n_elements if first.pitch == 1 else 0)


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
