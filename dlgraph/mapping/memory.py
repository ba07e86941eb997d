"""What a core needs of its 64 KB of data memory (DTCM), in bytes."""
from __future__ import annotations

from dlgraph.mapping.plan import padded, pairs, slots_of

#: Left for `spin1_malloc` in every binary: 64 KB less stacks, static data and the runtime's own claims.  The build
#: prints what each binary leaves (``python c_models/build.py``); a core that asks for more ends the run by name.
DTCM_HEAP_BYTES = 59 * 1024

PARAMETER_BYTES = 8              # per weight: itself and its gradient; the optimiser's state comes on top
PLANE_BYTES = 4                  # per weight and plane of the optimiser's state
SLOT_STATE_BYTES = 24            # per stream and slot: c_models/streams, slot_t and marker_t
STREAM_BYTES = 32                # per incoming stream: stream_t and its number
BLOCK_OVERHEAD_BYTES = 16        # per claim
PACKET_BYTES = 8
NUMBERS_BYTES = 2048             # table from stream number to slot: two bytes for each partition of the network


def ring_entries(words_and_markers: int, window: int) -> int:
    """Entries of the packet ring: everything that can be on its way to a core at once."""
    return words_and_markers * window + 16


def slice_bytes(n_rows: int, n_columns: int, n_streams: int, window: int, n_planes: int = 0) -> int:
    """A weight slice with ``n_streams`` incoming streams.

    :param n_planes: words that the optimiser keeps of every weight
    """
    slots, columns = slots_of(window), padded(n_columns)
    return ((PARAMETER_BYTES + PLANE_BYTES * n_planes) * n_rows * columns + 4 * n_rows + 8 * columns
            + slots * 4 * (pairs(n_rows) + columns)
            + stream_bytes(n_streams, slots)
            + PACKET_BYTES * ring_entries(pairs(n_rows) + n_columns + n_streams, window))


def group_bytes(n_units: int, n_sums: int, n_errors: int, n_streams: int, window: int, n_planes: int = 0) -> int:
    """A neuron group or output group."""
    slots = slots_of(window)
    return ((28 + PLANE_BYTES * n_planes) * n_units + slots * (4 * (n_sums + n_errors) + 2) * n_units
            + stream_bytes(n_streams, slots)
            + PACKET_BYTES * ring_entries((n_sums + n_errors) * n_units + n_streams, window))


def source_bytes(n_inputs: int, n_streams: int, window: int) -> int:
    """An input source; two rows of codes of up to two bytes, and their activations."""
    return 2 * 2 * n_inputs + 2 * n_inputs + 64 + stream_bytes(n_streams, slots_of(window)) + PACKET_BYTES * ring_entries(
        n_streams, window)


def stream_bytes(n_streams: int, slots: int) -> int:
    return (n_streams + 2) * (SLOT_STATE_BYTES * slots + STREAM_BYTES) + NUMBERS_BYTES + 12 * BLOCK_OVERHEAD_BYTES
