"""What a sample costs each kind of core, in cycles of 200 MHz.

The figures are measured on the emulated machine (``benchmarks/kernel_cycles.py``) or, where marked, estimated; they decide only
how a network is cut, never what it computes.
"""
from __future__ import annotations

from dataclasses import dataclass

from dlgraph.mapping.intervals import Interval
from dlgraph.mapping.plan import LayerCut, padded, pairs

RECEIVE_CYCLES = 60.0            # per packet: interrupt, ring, place, checksum
SEND_CYCLES = 22.0               # per word looked at and sent
STREAM_SAMPLE_CYCLES = 120.0     # per stream and sample: marker, slot
FORWARD_CYCLES = 2.4             # per product
BACKWARD_CYCLES = 2.6            # per product
GRADIENT_CYCLES = 3.6            # per product
UPDATE_CYCLES = 14.0             # per weight and batch
ROW_CYCLES = 12.0                # per row and kernel call
UNIT_CYCLES = 250.0              # per unit: activation, error, bias (estimate)
SUMMAND_CYCLES = 12.0            # per sum to add up
SOFTMAX_UNIT_CYCLES = 300.0      # per output: exponential, division, loss (estimate)
DECODE_CYCLES = 8.0              # per input: code to activation
DENSITY = 0.5                    # share of activations that are not zero (estimate)


@dataclass(frozen=True)
class StageCycles:
    """Cycles per sample of one core of each kind of a layer."""

    slice_forward: float
    slice_backward: float
    slice_update: float          # per batch
    group: float


def slice_cycles(n_rows: int, n_columns: int, first: bool) -> tuple[float, float, float]:
    """(forward, backward, update per batch) of a weight slice."""
    products = n_rows * padded(n_columns)
    forward = (pairs(n_rows) * DENSITY * RECEIVE_CYCLES + STREAM_SAMPLE_CYCLES + n_rows * ROW_CYCLES
               + products * DENSITY * FORWARD_CYCLES + n_columns * SEND_CYCLES)
    backward = (n_columns * RECEIVE_CYCLES + 2 * STREAM_SAMPLE_CYCLES + n_rows * ROW_CYCLES
                + products * DENSITY * GRADIENT_CYCLES)
    if not first:
        backward += products * BACKWARD_CYCLES + n_rows * SEND_CYCLES
    return forward, backward, products * UPDATE_CYCLES


def group_cycles(n_units: int, n_sums: int, n_errors: int, last: bool) -> float:
    """Forward and backward of one group of units."""
    packets = n_units * (n_sums + n_errors)
    cycles = packets * (RECEIVE_CYCLES + SUMMAND_CYCLES) + n_units * (UNIT_CYCLES + 2 * SEND_CYCLES)
    cycles += (n_sums + n_errors + 2) * STREAM_SAMPLE_CYCLES
    if last:
        cycles += n_units * SOFTMAX_UNIT_CYCLES
    return cycles


def source_cycles(n_inputs: int, n_slices: int) -> float:
    """One input source with the credits of its slices."""
    return n_inputs * DECODE_CYCLES + pairs(n_inputs) * DENSITY * SEND_CYCLES + n_slices * RECEIVE_CYCLES


def longest(parts: tuple[Interval, ...]) -> int:
    return max(len(part) for part in parts)


def layer_cycles(cut: LayerCut, n_errors: int, first: bool, last: bool) -> StageCycles:
    """The slowest core of each kind of a layer; ``n_errors`` column blocks of the next layer send errors back."""
    forward, backward, update = slice_cycles(longest(cut.rows), longest(cut.columns), first)
    group = group_cycles(longest(cut.groups), len(cut.rows), n_errors, last)
    return StageCycles(forward, backward, update, group)
