"""What a sample costs each kind of core, in cycles of 200 MHz.

The figures of the kernels lie a little above those of ``benchmarks/kernel_cycles.py``; the others were chosen so that the busy
cycles per vertex of 784-128-10 on MNIST, on the emulated machine (``net.report()``), come out about right.  They decide only how
a network is cut, never what it computes.
"""
from __future__ import annotations

from dataclasses import dataclass

from dlgraph.mapping.intervals import Interval
from dlgraph.mapping.plan import LayerCut, padded, pairs
from dlgraph.optimisers import Optimiser, OptimiserKind

RECEIVE_CYCLES = 75.0            # per packet: interrupt, ring, place, checksum
SEND_CYCLES = 35.0               # per word sent
STREAM_SAMPLE_CYCLES = 350.0     # per incoming stream and sample: marker, slot
STREAM_SEND_CYCLES = 150.0       # per outgoing stream and sample: marker
CREDIT_CYCLES = 150.0            # per slice of the first layer and sample, at the input source
SAMPLE_CYCLES = 1500.0           # per sample of a weight slice: everything that happens once
FORWARD_CYCLES = 2.8             # per product
BACKWARD_CYCLES = 3.0            # per product
GRADIENT_CYCLES = 3.8            # per product
UPDATE_CYCLES = {                # per weight and batch
    OptimiserKind.SGD: 14.0, OptimiserKind.MOMENTUM: 55.0, OptimiserKind.ADAM: 225.0, OptimiserKind.RMSPROP: 180.0}
ROW_CYCLES = 8.0                 # per row and kernel call
UNIT_CYCLES = 170.0              # per unit: activation, error, bias
SUMMAND_CYCLES = 12.0            # per sum to add up
SOFTMAX_UNIT_CYCLES = 150.0      # per output: exponential, division, loss
DECODE_CYCLES = 20.0             # per input: code to activation, search for what is not zero
HIDDEN_DENSITY = 0.7             # share of hidden activations that are not zero (estimate)


@dataclass(frozen=True)
class Update:
    """What an optimiser costs.

    :param n_planes: words that it keeps of every weight
    :param cycles: per weight and batch
    """

    n_planes: int = 0
    cycles: float = UPDATE_CYCLES[OptimiserKind.SGD]

    @classmethod
    def of(cls, optimiser: Optimiser) -> Update:
        """Of an optimiser."""
        return cls(len(optimiser.planes), UPDATE_CYCLES[optimiser.kind])


SGD = Update()


@dataclass(frozen=True)
class StageCycles:
    """Cycles per sample of one core of each kind of a layer."""

    slice_forward: float
    slice_backward: float
    slice_update: float          # per batch
    group: float


def slice_cycles(n_rows: int, n_columns: int, n_streams: int, first: bool, density: float,
                 update: Update = SGD) -> tuple[float, float, float]:
    """(forward, backward, update per batch) of a weight slice.

    :param n_streams: of activations that come in
    :param density: share of its activations that are not zero
    """
    products = n_rows * padded(n_columns)
    forward = (pairs(n_rows) * density * RECEIVE_CYCLES + n_streams * STREAM_SAMPLE_CYCLES + n_rows * ROW_CYCLES
               + products * density * FORWARD_CYCLES + n_columns * SEND_CYCLES + STREAM_SEND_CYCLES)
    backward = (n_columns * RECEIVE_CYCLES + STREAM_SAMPLE_CYCLES + n_rows * ROW_CYCLES
                + products * density * GRADIENT_CYCLES + SAMPLE_CYCLES)
    if not first:
        backward += products * BACKWARD_CYCLES + n_rows * SEND_CYCLES + n_streams * STREAM_SEND_CYCLES
    return forward, backward, products * update.cycles


def group_cycles(n_units: int, n_sums: int, n_errors: int, last: bool) -> float:
    """Forward and backward of one group of units."""
    packets = n_units * (n_sums + n_errors)
    cycles = packets * (RECEIVE_CYCLES + SUMMAND_CYCLES) + n_units * (UNIT_CYCLES + 2 * SEND_CYCLES)
    cycles += (n_sums + n_errors + 2) * STREAM_SAMPLE_CYCLES
    if last:
        cycles += n_units * SOFTMAX_UNIT_CYCLES
    return cycles


def source_cycles(n_inputs: int, n_slices: int, density: float) -> float:
    """One input source with the credits of its slices."""
    return n_inputs * DECODE_CYCLES + pairs(n_inputs) * density * SEND_CYCLES + n_slices * CREDIT_CYCLES + SAMPLE_CYCLES


def longest(parts: tuple[Interval, ...]) -> int:
    return max(len(part) for part in parts)


def layer_cycles(cut: LayerCut, producers: tuple[Interval, ...], n_errors: int, first: bool, last: bool,
                 density: float, update: Update = SGD) -> StageCycles:
    """The slowest core of each kind of a layer.

    :param producers: blocks of the layer before, or of the inputs
    :param n_errors: column blocks of the next layer, which send errors back
    :param density: share of the activations coming in that are not zero
    """
    n_streams = max(sum(1 for producer in producers if producer.overlap(rows)) for rows in cut.rows)
    forward, backward, of_update = slice_cycles(longest(cut.rows), longest(cut.columns), n_streams, first, density, update)
    group = group_cycles(longest(cut.groups), len(cut.rows), n_errors, last)
    return StageCycles(forward, backward, of_update, group)
